"""Transforms: every kind of image, one set of parameters for a batch, random numbers that can be repeated, derivatives, mistakes."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import transforms as T
from tensorflowlite_clone.transforms import functional as F
from tensorflowlite_clone.utils.data import DataLoader, Dataset

#: Arguments for each transform; those that are not here need none.
ARGUMENTS = {
    "CenterCrop": (8,), "ColorJitter": (0.4, (0.5, 2), 0.3, 0.2), "FiveCrop": (8,), "GaussianBlur": ((3, 5), (0.5, 1.5)), "Grayscale": (3,),
    "LinearTransformation": (np.eye(720) * 2, np.ones(720)), "Normalize": ([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]), "Pad": ((1, 2),),
    "RandomAdjustSharpness": (2,), "RandomAffine": (30, (0.1, 0.2), (0.8, 1.2), (1, 2, 3, 4), "bilinear"), "RandomCrop": (8, 2),
    "RandomPosterize": (3,), "RandomResizedCrop": ((8, 6),), "RandomRotation": (40, "bilinear"), "RandomSolarize": (0.5,), "Resize": (8,),
    "TenCrop": (8,), "ToDtype": (tl.float64,), "ElasticTransform": (20.0, 2.0), "RandomErasing": (1.0,), "RandomPerspective": (0.5, 1.0),
    "RandomGrayscale": (0.5,),
}  # fmt: skip
OTHERS = {"Compose", "InterpolationMode", "Lambda", "Transform", "RandomApply", "RandomChoice", "RandomOrder"}
CONVERSIONS = {"PILToTensor", "ToPILImage", "ToTensor", "ToImage", "ToDtype", "ConvertImageDtype"}
PIXELS = sorted(n for n in set(T.__all__) - OTHERS - CONVERSIONS if isinstance(getattr(T, n), type))
#: Whose result is no differentiable function of the image, or a constant one almost everywhere.
STEPS = {"RandomEqualize", "RandomPosterize", "RandAugment", "TrivialAugmentWide"}


def make(name):
    return getattr(T, name)(*ARGUMENTS.get(name, ()))


def called(transform, image, seed=3):
    tl.manual_seed(seed)
    return transform(image)


def parts(out):
    return out if isinstance(out, tuple) else (out,)


def image(*shape, dtype=np.float64, seed=0):
    values = np.random.default_rng(seed).random(shape)
    return (values * 256).astype(dtype) if dtype == np.uint8 else values.astype(dtype)


@pytest.mark.parametrize("name", PIXELS)
def test_every_kind_of_image_gives_the_same(name):
    """Tensors, batches of them and arrays; integers stay integers; the same seed draws the same."""
    transform = make(name)
    for dtype in (np.float32, np.float64, np.uint8):
        if dtype == np.uint8 and name in ("Normalize", "LinearTransformation"):
            continue
        if name == "RandomSolarize":
            transform.threshold = 128 if dtype == np.uint8 else 0.5
        x = image(3, 12, 20, dtype=dtype)
        for seed in range(4):
            single = called(transform, tl.tensor(x), seed)
            batch = called(transform, tl.tensor(np.stack([x, x[:, ::-1]])), seed)
            array = called(transform, x.transpose(1, 2, 0), seed)
            for s, b, a in zip(parts(single), parts(batch), parts(array), strict=True):
                assert (
                    isinstance(s, tl.Tensor) and isinstance(a, np.ndarray) and (s.numpy().dtype == dtype or name == "LinearTransformation")
                )
                np.testing.assert_allclose(a.transpose(2, 0, 1), s.numpy(), rtol=1e-6)
                np.testing.assert_allclose(b.numpy()[0], s.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(PIXELS) - STEPS))
def test_what_is_arithmetic_is_differentiable(name):
    """Reverse and forward mode against differences, vmap against a loop."""
    transform = make(name)
    size = {"LinearTransformation": (3, 12, 20)}.get(name, (3, 9, 10))
    x = 0.1 + 0.8 * np.random.default_rng(5).permutation(int(np.prod(size))).reshape(size) / np.prod(size)

    def f(v):
        return sum((p * p).sum() for p in parts(called(transform, v)))

    towards = tl.tensor(np.random.default_rng(1).standard_normal(size))
    step = 1e-6
    wanted = (f(tl.tensor(x) + step * towards) - f(tl.tensor(x) - step * towards)) / (2 * step)
    leaf = tl.tensor(x, requires_grad=True)
    f(leaf).backward()
    assert (leaf.grad * towards).sum().item() == pytest.approx(wanted.item(), rel=1e-5)
    _, forward = tl.func.jvp(f, (tl.tensor(x),), (towards,))
    assert forward.item() == pytest.approx(wanted.item(), rel=1e-5)
    each = tl.func.vmap(f)(tl.tensor(np.stack([x, x * 0.9])))
    np.testing.assert_allclose(each.numpy(), [f(tl.tensor(x)).item(), f(tl.tensor(x * 0.9)).item()], rtol=1e-9)


@pytest.mark.parametrize("name", PIXELS)
def test_random_transforms_are_repeated_from_a_seed_and_can_be_pickled(name):
    x = tl.tensor(image(3, 12, 20))
    transform = make(name)
    again = pickle.loads(pickle.dumps(transform))
    for seed in range(3):
        for a, b in zip(parts(called(transform, x, seed)), parts(called(again, x, seed)), strict=True):
            assert tl.equal(a, b)
    assert type(transform).__name__ in repr(transform)


def test_random_transforms_draw_in_their_ranges():
    x = tl.tensor(np.arange(30 * 40.0).reshape(1, 30, 40))
    tl.manual_seed(0)
    corners = {T.RandomCrop(10)(x)[0, 0, 0].item() for _ in range(200)}
    assert all(c // 40 <= 20 and c % 40 <= 30 for c in corners) and len(corners) > 100
    for _ in range(100):
        i, j, h, w = T.RandomResizedCrop.get_params(x, (0.1, 0.5), (0.5, 2.0))
        assert 0 <= i <= 30 - h and 0 <= j <= 40 - w and 0.08 < h * w / 1200 < 0.55 and 0.4 < w / h < 2.3
        angle, (a, b), scale, (sx, sy) = T.RandomAffine.get_params((-10, 20), (0.1, 0.2), (0.5, 2), (-1, 1, 2, 3), (40, 30))
        assert -10 <= angle <= 20 and abs(a) <= 4 and abs(b) <= 6 and 0.5 <= scale <= 2 and -1 <= sx <= 1 and 2 <= sy <= 3
        _, ends = T.RandomPerspective.get_params(40, 30, 0.5)
        assert all(0 <= px < 40 and 0 <= py < 30 for px, py in ends) and ends[0][0] <= 10 <= 29 <= ends[1][0]
        i, j, h, w, v = T.RandomErasing.get_params(x, (0.1, 0.2), (0.5, 2.0), 7)
        assert 0 <= i <= 30 - h and 0 <= j <= 40 - w and v.ravel().tolist() == [7]
    flips = [tl.equal(T.RandomHorizontalFlip(0.3)(x), x) for _ in range(300)]
    assert 0.6 < np.mean(flips) < 0.8
    order, *factors = T.ColorJitter.get_params((0.5, 1), None, (2, 3), None)
    assert sorted(order) == [0, 1, 2, 3] and 0.5 <= factors[0] <= 1 and factors[1] is factors[3] is None and 2 <= factors[2] <= 3
    assert T.ColorJitter(0.3).brightness == (0.7, 1.3) and T.ColorJitter(2).brightness == (0, 3) and T.ColorJitter().hue is None


def test_transforms_of_others():
    x = tl.ones(1, 4, 4)
    plus, double = T.Lambda(lambda v: v + 1), T.Lambda(lambda v: v * 2)
    assert T.Compose([plus, double])(x).sum() == 64 and T.RandomApply([plus, double], 1.0)(x).sum() == 64
    assert tl.equal(T.RandomApply([plus], p=0.0)(x), x)
    assert {T.RandomChoice([plus, double], [0, 1])(x).sum().item() for _ in range(20)} == {32}
    assert {T.RandomOrder([plus, double])(x).mean().item() for _ in range(50)} == {3, 4}
    assert "RandomHorizontalFlip" in repr(T.Compose([T.RandomHorizontalFlip()]))
    assert tl.equal(tl.nn.Sequential(T.CenterCrop(2), T.Pad(1))(x), F.pad(tl.ones(1, 2, 2), 1))
    ten = T.Compose([T.TenCrop(2), T.Lambda(lambda crops: tl.stack(crops))])(x)
    assert ten.shape == (10, 1, 2, 2)


def test_only_the_image_of_several_values_is_transformed():
    x, label, box = tl.tensor(image(3, 8, 8)), 7, tl.zeros(4)
    flip = T.v2.RandomHorizontalFlip(1.0)
    out, same, b = flip(x, label, box)
    assert tl.equal(out, x.flip(-1)) and same == 7 and b is box
    found = flip({"image": x, "rest": [label, (box, "text")]})
    assert tl.equal(found["image"], x.flip(-1)) and found["rest"] == [7, (box, "text")]
    out, same = T.v2.Compose([flip, T.v2.CenterCrop(4)])(x, label)
    assert out.shape == (3, 4, 4) and same == 7
    assert T.v2.functional.hflip is F.hflip and T.v2.Resize is T.Resize


class Brighter(T.Transform):
    """As the documentation of v2 says to write one."""

    def make_params(self, flat_inputs):
        return {"by": len(flat_inputs)}

    def transform(self, inpt, params):
        return inpt + params["by"]


def test_transforms_of_ones_own():
    assert Brighter()(tl.zeros(1, 2, 2)).sum() == 4
    with pytest.raises(NotImplementedError, match="define transform"):
        T.Transform()(tl.zeros(1, 2, 2))


def test_conversions():
    x = image(5, 7, 3, dtype=np.uint8)
    t = T.ToTensor()(x)
    assert t.dtype == tl.float32 and t.shape == (3, 5, 7) and np.allclose(t.numpy(), x.transpose(2, 0, 1) / 255)
    assert T.ToImage()(x).dtype == tl.uint8 and tl.equal(T.ToDtype(tl.float32, scale=True)(T.ToImage()(x)), t)
    assert tl.equal(F.convert_image_dtype(t, tl.uint8), T.ToImage()(x))
    assert F.get_dimensions(x) == [3, 5, 7] and F.get_image_size(t) == [7, 5] and F.get_size(t) == [5, 7]
    wide = F.convert_image_dtype(T.ToImage()(x), tl.int32)
    assert tl.equal(F.convert_image_dtype(wide, tl.uint8), T.ToImage()(x)) and wide.max() == int(x.max()) << 23
    assert T.ToTensor()(np.ones((2, 3))).dtype == tl.float64 and T.ToTensor()(np.zeros((2, 3), np.uint8)).shape == (1, 2, 3)
    with pytest.raises(TypeError, match="needs an image of Pillow or an array"):
        T.ToTensor()(t)


class Augmented(Dataset):
    def __init__(self):
        self.transform = T.Compose([T.ToTensor(), T.RandomCrop(8, 2), T.RandomHorizontalFlip(), T.ColorJitter(0.4), T.RandomErasing()])

    def __len__(self):
        return 10

    def __getitem__(self, index):
        return self.transform(image(10, 10, 3, dtype=np.uint8, seed=index)), index


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning", "ignore:os.fork")
def test_augmentation_is_the_same_for_any_number_of_workers():
    found = []
    for n in (0, 1, 2, 4):
        tl.manual_seed(1)
        loader = DataLoader(Augmented(), 3, shuffle=True, num_workers=n, multiprocessing_context="fork" if n else None)
        found.append([(x.numpy().tobytes(), y.tolist()) for _ in range(2) for x, y in loader])
    assert all(f == found[0] for f in found) and len({x for x, _ in found[0]}) == 8


MISTAKES = {
    "Resize": [(0,), ((1, 2, 3),), (-1,)], "CenterCrop": [(0,)], "Pad": [((1, 2, 3),), (1, 0, "mirror"), (1.5,)],
    "RandomCrop": [(0,), (3, (1, 2, 3)), (3, None, False, 0, "mirror")], "RandomResizedCrop": [(3, (2, 1)), (3, (0.1, 1), (-1, 1))],
    "RandomHorizontalFlip": [(2,), ("a",), (-0.1,), (math.nan,)], "RandomRotation": [(-1,), ((2, 1),), ((1, 2, 3),)],
    "RandomAffine": [(-1,), (1, (2, 0)), (1, None, (-1, 1)), (1, None, None, (1,))], "RandomPerspective": [(2,), (0.5, 3)],
    "GaussianBlur": [(2,), ((3, 4),), (3, -1), (3, (2, 1))], "ColorJitter": [(-1,), ((2, 1),), (0, 0, 0, 0.6), (0, 0, 0, (-0.6, 0))],
    "Grayscale": [(2,)], "RandomErasing": [(2,), (0.5, (0.1, 2)), (0.5, (0.1, 0.2), (-1, 2)), (0.5, (0, 1), (1, 2), "a")],
    "RandAugment": [(2, 31), (0,)], "TrivialAugmentWide": [(1,)], "Compose": [(3,), ([1],)], "RandomChoice": [([abs], [1, 2])],
    "Lambda": [(3,)], "LinearTransformation": [(np.ones((2, 3)), np.ones(2))], "ToDtype": [({},)],
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_bad_settings_are_refused(name):
    for args in MISTAKES[name]:
        with pytest.raises((ValueError, TypeError), match=": "):
            getattr(T, name)(*args)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: F.resize(3, 4), "resize: needs a tensor, an array or an image of Pillow"),
        (lambda: F.resize(tl.ones(3), 4), r"resize: a tensor must be \(..., C, H, W\)"),
        (lambda: F.resize(tl.ones(1, 4, 4), 4, "lanczos"), "interpolation must be one of nearest"),
        (lambda: F.resize(tl.ones(1, 4, 4), [4, 4], max_size=5), "max_size goes with one number"),
        (lambda: F.resize(tl.ones(1, 4, 4), 4, max_size=3), "max_size must be larger than size"),
        (lambda: F.pad(tl.ones(1, 4, 4), 4, padding_mode="reflect"), "reflect needs fewer pixels"),
        (lambda: F.pad(tl.ones(2, 4, 4), 4, fill=[1, 2, 3]), "one for each of the 2 channels"),
        (lambda: F.five_crop(tl.ones(1, 4, 4), 5), "must not exceed the image's"),
        (lambda: F.normalize(tl.ones(1, 4, 4), [0.0], [0.0]), "std must not be 0"),
        (lambda: F.normalize(tl.ones(1, 4, 4).to(tl.uint8), [0.0], [1.0]), "needs floats: got uint8"),
        (lambda: F.adjust_hue(tl.ones(3, 4, 4), 0.6), "hue_factor must be from -0.5 to 0.5"),
        (lambda: F.adjust_brightness(tl.ones(3, 4, 4), -1), "must not be negative"),
        (lambda: F.rgb_to_grayscale(tl.ones(2, 4, 4)), "must have 1 or 3 channels"),
        (lambda: F.solarize(tl.ones(3, 4, 4), 2), "threshold must be at most 1"),
        (lambda: F.affine(tl.ones(3, 4, 4), 0, [0, 0], 0, 0), "scale must be positive"),
        (lambda: F.perspective(tl.ones(3, 4, 4), [[0, 0]], [[0, 0]]), "four points"),
        (lambda: F.gaussian_blur(tl.ones(3, 4, 4), 4), "must be odd and positive"),
        (lambda: T.RandomCrop(5)(tl.ones(3, 4, 4)), "is larger than the image"),
        (lambda: T.Resize(5)("abc"), "needs an image"),
    ],
)
def test_mistakes_are_explained(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


def test_images_of_pillow():
    Image = pytest.importorskip("PIL.Image")
    for mode, x in (
        ("L", image(9, 12, dtype=np.uint8)),
        ("RGB", image(9, 12, 3, dtype=np.uint8)),
        ("RGBA", image(9, 12, 4, dtype=np.uint8)),
    ):
        picture = Image.fromarray(x)
        assert picture.mode == mode
        t = T.PILToTensor()(picture)
        assert t.dtype == tl.uint8 and np.array_equal(t.numpy(), x.transpose(2, 0, 1) if x.ndim == 3 else x[None])
        assert np.array_equal(np.array(T.ToPILImage()(t)), x) and np.array_equal(np.array(T.ToPILImage()(x)), x)
        assert np.array_equal(np.array(T.ToPILImage()(T.ToTensor()(picture))), x)
        for name in ("RandomCrop", "RandomHorizontalFlip", "RandomRotation", "GaussianBlur"):
            out = called(make(name), picture)
            assert out.mode == mode and np.array_equal(T.PILToTensor()(out).numpy(), called(make(name), t).numpy())
        assert F.get_dimensions(picture) == [t.shape[0], 9, 12]
    assert T.ColorJitter(0.5, 0.5, 0.5, 0.2)(Image.fromarray(image(5, 5, 3, dtype=np.uint8))).mode == "RGB"
    assert T.Grayscale()(Image.fromarray(image(5, 5, 3, dtype=np.uint8))).mode == "L"
    assert T.ToTensor()(Image.new("1", (3, 2), 1)).tolist() == [[[1.0] * 3] * 2]
    label = object()
    out, same = T.v2.RandomHorizontalFlip(1.0)(Image.fromarray(image(4, 4, dtype=np.uint8)), label)
    assert same is label and out.size == (4, 4)
    with pytest.raises(TypeError, match="Pillow has no images of 5 channels"):
        T.ToPILImage()(tl.ones(5, 2, 2))


#: Functions that move pixels, and colour them; each with its arguments.
PLACES = {
    "crop": (1, 2, 5, 6), "center_crop": (5,), "pad": ((1, 2, 3, 4), 3), "hflip": (), "vflip": (), "rotate": (30, "bilinear"),
    "affine": (10, (1, 2), 1.2, (3, 4), "bilinear"), "resize": ((7, 15),), "resized_crop": (1, 2, 5, 6, (8, 9)),
    "perspective": ([[0, 0], [11, 0], [11, 8], [0, 8]], [[1, 1], [10, 0], [11, 8], [0, 7]]),
}  # fmt: skip
COLORS = {
    "adjust_brightness": (1.3,), "adjust_contrast": (1.3,), "adjust_saturation": (1.3,), "adjust_hue": (0.1,), "invert": (),
    "solarize": (100,), "posterize": (3,), "equalize": (), "autocontrast": (), "gaussian_blur": (3,), "rgb_to_grayscale": (),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_pixels_of_every_mode_of_pillow_are_moved_as_they_are(name):
    """Numbers of a palette (masks of classes) and bits are never mixed; the mode and the palette stay."""
    Image = pytest.importorskip("PIL.Image")
    classes = (np.add.outer(np.arange(9), np.arange(12)) % 3 * 100).astype(np.uint8)
    palette = Image.fromarray(classes)
    palette.putpalette(bytes(range(255, -1, -1)) * 3)
    deep = Image.fromarray(classes.astype(np.uint16) * 300)
    for picture in (
        palette,
        deep,
        Image.fromarray(classes > 0),
        *(Image.fromarray(classes).convert(m) for m in ("L", "LA", "F", "CMYK", "HSV")),
    ):
        out = getattr(F, name)(picture, *PLACES[name])
        assert out.mode == picture.mode
        if picture.mode in ("P", "1"):
            assert set(np.unique(np.array(out))) <= {*np.unique(np.array(picture)), 0, *([3] if name == "pad" else [])}
        if picture.mode == "P":
            assert out.getpalette() == picture.getpalette()
            assert np.array_equal(T.PILToTensor()(picture)[0].numpy(), classes)
            assert np.array_equal(T.ToTensor()(picture)[0].numpy(), np.float32(classes) / np.float32(255))
    assert T.PILToTensor()(Image.fromarray(classes > 0)).dtype == tl.bool


@pytest.mark.parametrize("name", COLORS)
def test_colors_of_a_palette_are_colors(name):
    Image = pytest.importorskip("PIL.Image")
    palette = Image.fromarray(image(9, 12, 3, dtype=np.uint8)).convert("P")
    out, plain = getattr(F, name)(palette, *COLORS[name]), getattr(F, name)(palette.convert("RGB"), *COLORS[name])
    assert out.mode == plain.mode and np.abs(np.array(out).astype(int) - np.array(plain)).max() <= (name == "rgb_to_grayscale")


@pytest.mark.parametrize("size", [5, (4, 7), (20, 30), 9])
def test_an_image_of_pillow_is_resized_by_pillow(size):
    Image = pytest.importorskip("PIL.Image")
    picture = Image.fromarray(image(9, 12, 3, dtype=np.uint8))
    for k, mode in enumerate(("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")):
        out = F.resize(picture, size, mode, antialias=False)
        assert out.size == (size[::-1] if isinstance(size, tuple) else (size * 12 // 9, size))
        assert np.array_equal(np.array(out), np.array(picture.resize(out.size, k)))
    ours = F.resize(F.pil_to_tensor(picture), size).numpy().astype(int)
    assert np.abs(ours - F.pil_to_tensor(F.resize(picture, size)).numpy()).max() <= 1


def test_nothing_to_do_is_a_transform():
    assert T.Compose([])(3) == 3 and T.RandomOrder([])(3) == 3
