"""Event files: read back by a small reader of our own, and, where it is installed, by TensorBoard's; beside PyTorch's writer there, too."""

from __future__ import annotations

import inspect
import io
import os
import struct
import wave
import zlib

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import nn
from tensorflowlite_clone._errors import ArgumentError, MissingExtraError, OperandError, ShapeError
from tensorflowlite_clone._proto import encode, varint
from tensorflowlite_clone.utils import tensorboard
from tensorflowlite_clone.utils.images import png_of
from tensorflowlite_clone.utils.tensorboard import FileWriter, SummaryWriter, messages
from tensorflowlite_clone.utils.tensorboard.records import crc32c, masked
from tensorflowlite_clone.utils.tensorboard.summaries import default_bins


# ---- a reader -----------------------------------------------------------------------------------------------------------------
def records(path):
    """The records of a file, whose checksums are verified bit by bit."""
    data, found = path.read_bytes(), []
    while data:
        (length,) = struct.unpack_from("<Q", data)
        assert struct.unpack_from("<I", data, 8)[0] == slow_masked(data[:8])
        content = data[12 : 12 + length]
        assert struct.unpack_from("<I", data, 12 + length)[0] == slow_masked(content)
        found.append(content)
        data = data[16 + length :]
    return found


def slow_crc(data):
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def slow_masked(data):
    crc = slow_crc(data) if len(data) < 2000 else crc32c(data)  # that of long data is compared in a test of its own
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) % 2**32


def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at


def decode(table, data):
    """A message as a dict of lists."""
    names = {n: (name, kind) for name, (n, kind) in table.items()}
    found, at = {}, 0
    while at < len(data):
        key, at = number(data, at)
        name, kind = names[key >> 3]
        values = found.setdefault(name, [])
        if key & 7 == 0:
            value, at = number(data, at)
            values.append(value)
        elif key & 7 in (1, 5):
            size = 8 if key & 7 == 1 else 4
            values.append(struct.unpack_from("<d" if size == 8 else "<f", data, at)[0])
            at += size
        else:
            assert key & 7 == 2
            length, at = number(data, at)
            part, at = data[at : at + length], at + length
            if isinstance(kind, dict):
                values.append(decode(kind, part))
            elif kind in ("string", "bytes"):
                values.append(part.decode() if kind == "string" else part)
            elif kind in ("float", "double"):
                values += np.frombuffer(part, "<f4" if kind == "float" else "<f8").tolist()
            else:
                place = 0
                while place < len(part):
                    value, place = number(part, place)
                    values.append(value)
    return found


def values(folder):
    """Step and value of each summary under ``folder``, by its tag."""
    found = {}
    for path in sorted(folder.rglob("events.out.tfevents.*")):
        events = [decode(messages.EVENT, r) for r in records(path)]
        assert events[0]["file_version"] == ["brain.Event:2"]
        for e in events:
            for summary in e.get("summary", []):
                for v in summary["value"]:
                    found[v["tag"][0]] = (e.get("step", [None])[0], v)
    return found


def pixels(v):
    """The picture in a value, by the rules of PNG that the writer uses."""
    data = v["image"][0]["encoded_image_string"][0]
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    at, body = 8, b""
    while at < len(data):
        (n,) = struct.unpack_from(">I", data, at)
        assert struct.unpack_from(">I", data, at + 8 + n)[0] == zlib.crc32(data[at + 4 : at + 8 + n])
        body += data[at + 8 : at + 8 + n] if data[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + n
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)
    assert depth == 8 and not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, {0: 1, 2: 3, 4: 2, 6: 4}[kind])


# ---- the format ---------------------------------------------------------------------------------------------------------------
def test_checksums():
    """The examples of RFC 3720, B.4, and all ways through the code against one bit after the other."""
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    assert masked(0) == 0xA282EAD8
    data = np.random.default_rng(0).integers(0, 256, 9001, np.uint8).tobytes()
    for n in (0, 1, 4095, 4096, 4097, 9001):
        assert crc32c(data[:n]) == slow_crc(data[:n]), n


def test_the_encoder_writes_what_a_reader_reads():
    inner = {"a": (1, "int"), "b": (15, "string")}
    table = {"x": (1, "double"), "n": (2, "int"), "m": (300, inner), "f": (4, "float"), "raw": (5, "bytes"), "t": (6, "bool")}
    given = {"x": [1.5], "n": [2**40, 3], "m": [{"a": [5]}, {"b": ["ü"]}], "f": [0.5, -2.0], "raw": [b"\x00"], "t": [1]}
    assert decode(table, encode(table, {"x": 1.5, "n": [2**40, 3], "m": [{"a": 5}, encode(inner, {"b": "ü"})], "f": [0.5, -2.0],
                                        "raw": b"\x00", "t": True})) == given  # fmt: skip
    assert encode(table, {"n": [], "m": None, "raw": None}) == b""
    assert varint(-1) == b"\xff" * 9 + b"\x01"
    with pytest.raises(ArgumentError, match="encode: the message has no field 'y'"):
        encode(table, {"y": 1})


def test_scalars_texts_and_times(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("a", tl.tensor([1.5], requires_grad=True), 3, walltime=12.5)
        writer.add_scalar("b", np.float64(2), tl.tensor(4), new_style=True, double_precision=True)
        writer.add_text("t", "hello **w**")
        writer.add_scalars("m/n", {"x": 1, "y": tl.tensor(2.0)}, 1)
        writer.add_tensor("whole", tl.arange(6).reshape(2, 3), 2)
        assert writer.get_logdir() == str(tmp_path) == writer.log_dir
    found = values(tmp_path)
    assert found["a"] == (3, {"tag": ["a"], "simple_value": [1.5]})
    step, b = found["b"]
    assert step == 4 and b["tensor"][0]["tensor_content"] == [struct.pack("<d", 2)] and b["tensor"][0]["tensor_shape"] == [{}]
    assert b["metadata"][0]["plugin_data"][0]["plugin_name"] == ["scalars"]
    assert found["t/text_summary"][1]["tensor"][0]["string_val"] == [b"hello **w**"]
    whole = found["whole"][1]["tensor"][0]
    assert np.frombuffer(whole["tensor_content"][0], np.int64).tolist() == list(range(6))
    assert [d["size"] for d in whole["tensor_shape"][0]["dim"]] == [[2], [3]]
    assert values(tmp_path / "m_n_x") == {"m/n": (1, {"tag": ["m/n"], "simple_value": [1.0]})}
    assert values(tmp_path / "m_n_y")["m/n"][1]["simple_value"] == [2.0]


def test_histograms(tmp_path):
    x = np.random.default_rng(0).normal(size=500)
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("h", tl.tensor(x), 1)
        writer.add_histogram("few", x, 1, max_bins=5)
        writer.add_histogram("own", [0, 1, 2, 9], 1, bins=[0, 1, 3, 10])
        writer.add_histogram("flags", x > 0, 1)
        writer.add_histogram_raw("raw", 0, 1, 10, 5, 3, [1, 2], [4, 5], 0)
        for bad in ([], [np.nan]):
            with pytest.raises(ArgumentError, match="add_histogram: 'e' has no element"):
                writer.add_histogram("e", bad, bins=[0, 1])
        with pytest.raises(ArgumentError, match="must be as many"):
            writer.add_histogram_raw("e", 0, 1, 10, 5, 3, [1, 2, 3], [4, 5], 0)
    found = {name: v["histo"][0] for name, (_, v) in values(tmp_path).items()}
    h = found["h"]
    assert h["num"] == [500] and h["min"] == [x.min()] and h["max"] == [x.max()]
    assert np.allclose(h["sum"] + h["sum_squares"], [x.sum(), (x * x).sum()])
    limits, counts = np.array(h["bucket_limit"]), np.array(h["bucket"])
    assert counts.sum() == 500 and counts[0] == 0 and np.isin(limits, default_bins()).all()
    assert all(((x >= lo) & (x < hi)).sum() == c for lo, hi, c in zip(limits, limits[1:], counts[1:], strict=False))
    assert sum(found["few"]["bucket"]) == 500 and len(found["few"]["bucket"]) <= 6
    assert found["own"]["bucket_limit"] == [0, 1, 3, 10] and found["own"]["bucket"] == [0, 1, 2, 1]
    assert sum(found["flags"]["bucket"]) == 500 and found["raw"]["bucket"] == [4, 5]


def test_images(tmp_path):
    image = np.random.default_rng(0).random((3, 4, 5))
    expected = (image * 255).astype(np.uint8).transpose(1, 2, 0)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("chw", tl.tensor(image))
        writer.add_image("hwc", expected, dataformats="HWC")
        writer.add_image("hw", image[0], dataformats="HW")
        writer.add_image("wh", image[0], dataformats="wh")
        writer.add_image("rgba", np.ones((4, 2, 2)))
        writer.add_images("many", np.stack([image] * 10) / np.arange(1, 11)[:, None, None, None])
        writer.add_image("edge", np.array([[-1, 2, np.nan]]), dataformats="HW")
        for bad in ("CH", "CHX", "CCW"):
            with pytest.raises(ArgumentError, match="add_image: dataformats must name each axis once"):
                writer.add_image("e", image, dataformats=bad)
        with pytest.raises(ShapeError, match="1 to 4 channels: got 5"):
            writer.add_image("e", np.ones((5, 2, 2)))
    found = {name: pixels(v) for name, (_, v) in values(tmp_path).items()}
    assert (found["chw"] == expected).all() and (found["hwc"] == expected).all()
    assert (found["hw"] == expected[..., :1]).all() and (found["wh"] == expected[..., :1].transpose(1, 0, 2)).all()
    assert found["rgba"].shape == (2, 2, 4) and found["many"].shape == (8, 40, 3)
    assert (found["many"][:4, :5] == expected).all() and not found["many"][4:, 10:].any()
    assert found["edge"][0, :, 0].tolist() == [0, 255, 0]
    assert values(tmp_path)["many"][1]["image"][0]["colorspace"] == [3]


def test_figures_boxes_and_films(tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    with SummaryWriter(tmp_path) as writer:
        plt.close("all")
        figures = [plt.figure(figsize=(1, 0.5), dpi=20) for _ in range(2)]
        writer.add_figure("one", figures[0], 2, close=False)
        writer.add_figure("two", figures, 2)
        assert not plt.get_fignums()
    assert pixels(values(tmp_path)["one"][1]).shape == (10, 20, 3)
    assert pixels(values(tmp_path)["two"][1]).shape == (10, 40, 3)


def test_boxes_and_films(tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    with SummaryWriter(tmp_path) as writer:
        writer.add_image_with_boxes("boxes", np.zeros((3, 20, 30)), [[2, 3, 10, 12]], rescale=2, labels=["a"])
        writer.add_video("film", np.random.default_rng(0).random((1, 3, 3, 4, 5)), fps=10)
        with pytest.raises(ArgumentError, match="labels must be as many as boxes"):
            writer.add_image_with_boxes("e", np.zeros((3, 20, 30)), [[2, 3, 10, 12]], labels=["a", "b"])
        with pytest.raises(ShapeError, match=r"boxes must have shape \(N, 4\)"):
            writer.add_image_with_boxes("e", np.zeros((3, 20, 30)), [2, 3, 10, 12])
        with pytest.raises(ShapeError, match="add_video: a film has shape"):
            writer.add_video("e", np.zeros((3, 3, 4, 5)))
    found = values(tmp_path)
    boxes = pixels(found["boxes"][1])
    assert boxes.shape == (40, 60, 3) and boxes[..., 0].max() > 200 and not boxes[..., 1].any()
    film = pillow.open(io.BytesIO(found["film"][1]["image"][0]["encoded_image_string"][0]))
    assert film.n_frames == 3 and film.size == (5, 4) and film.info["duration"] == 100


def test_without_pillow(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL.ImageDraw", None)
    monkeypatch.setitem(__import__("sys").modules, "PIL.Image", None)
    with SummaryWriter(tmp_path) as writer:
        with pytest.raises(MissingExtraError, match=r"add_image_with_boxes: needs PIL.* \[images\]|tensorflowlite_clone\[images\]"):
            writer.add_image_with_boxes("e", np.zeros((3, 20, 30)), [[2, 3, 10, 12]])
        with pytest.raises(MissingExtraError, match="add_video"):
            writer.add_video("e", np.zeros((1, 1, 3, 4, 5)))


def test_sound(tmp_path):
    sound = np.linspace(-2, 2, 101)
    with SummaryWriter(tmp_path) as writer:
        writer.add_audio("a", tl.tensor(sound)[None], sample_rate=8000)
        with pytest.raises(ShapeError, match="one channel"):
            writer.add_audio("e", np.zeros((2, 5)))
    audio = values(tmp_path)["a"][1]["audio"][0]
    assert audio["sample_rate"] == [8000] and audio["length_frames"] == [101] and audio["content_type"] == ["audio/wav"]
    with wave.open(io.BytesIO(audio["encoded_audio_string"][0])) as file:
        samples = np.frombuffer(file.readframes(101), np.int16)
    assert (samples == (np.clip(sound, -1, 1) * 32767).astype(np.int16)).all()


def test_curves_of_precision(tmp_path):
    rng = np.random.default_rng(0)
    labels, p = rng.integers(0, 2, 40), rng.random(40)
    with SummaryWriter(tmp_path) as writer:
        writer.add_pr_curve("p", tl.tensor(labels), tl.tensor(p), num_thresholds=5)
        writer.add_pr_curve_raw("raw", *np.arange(12.0).reshape(6, 2), num_thresholds=2)
        with pytest.raises(ShapeError, match="labels and predictions must be as many"):
            writer.add_pr_curve("e", labels, p[1:])
    tensor = values(tmp_path)["p"][1]["tensor"][0]
    rows = np.frombuffer(tensor["tensor_content"][0], np.float32).reshape(6, 5)
    chosen = p[None] >= np.arange(5)[:, None] / 4
    tp, fp = (chosen & (labels == 1)).sum(1), (chosen & (labels == 0)).sum(1)
    assert (rows[0] == tp).all() and (rows[1] == fp).all() and (rows[2] == fp[0] - fp).all() and (rows[3] == tp[0] - tp).all()
    assert np.allclose(rows[4], tp / np.maximum(1e-7, tp + fp)) and np.allclose(rows[5], tp / tp[0])
    assert len(values(tmp_path)["raw"][1]["tensor"][0]["tensor_content"][0]) == 48


def test_meshes_and_layouts(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_mesh("m", np.ones((1, 4, 3)), colors=np.full((1, 4, 3), 7), faces=[[[0, 1, 2]]], config_dict={"b": 1, "a": 2})
        writer.add_custom_scalars({"c": {"x": ["Multiline", ["a", "b"]], "y": ["Margin", ["v", "l", "u"]]}})
        with pytest.raises(ShapeError, match=r"add_mesh: vertex must have shape"):
            writer.add_mesh("e", np.ones((4, 3)))
        for bad in (["Pie", ["a"]], ["Margin", ["a"]]):
            with pytest.raises(ArgumentError, match="add_custom_scalars: 'x'"):
                writer.add_custom_scalars({"c": {"x": bad}})
    found = values(tmp_path)
    for name, number_of, size in (("VERTEX", 1, 48), ("FACE", 2, 12), ("COLOR", 3, 12)):
        v = found[f"m_{name}"][1]
        content = decode(messages.MESH, v["metadata"][0]["plugin_data"][0]["content"][0])
        assert content["content_type"] == [number_of] and content["components"] == [0b1110] and content["name"] == ["m"]
        assert content["json_config"] == ['{"a": 2, "b": 1}'] and len(v["tensor"][0]["tensor_content"][0]) == size
    layout = decode(messages.LAYOUT, found["custom_scalars__config__"][1]["tensor"][0]["string_val"][0])
    (category,) = layout["category"]
    assert category["chart"][0] == {"title": ["x"], "multiline": [{"tag": ["a", "b"]}]}
    assert category["chart"][1]["margin"] == [{"series": [{"value": ["v"], "lower": ["l"], "upper": ["u"]}]}]


def test_hyperparameters(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams({"lr": 0.1, "on": True, "s": "x", "t": tl.tensor(2.0), "no": None}, {"hp/acc": 0.5}, {"s": ["x", "y"]}, "run", 3)
        with pytest.raises(OperandError, match="hparam_dict must be a dictionary"):
            writer.add_hparams([], {})
        with pytest.raises(ArgumentError, match="'lr' must be a bool, a number, a text"):
            writer.add_hparams({"lr": object()}, {})
        with pytest.raises(ArgumentError, match=r"hparam_domain_discrete has \['z'\]"):
            writer.add_hparams({"lr": 1}, {}, {"z": [1]})
        with pytest.raises(ArgumentError, match="the domain of 'lr' must have the type"):
            writer.add_hparams({"lr": 1}, {}, {"lr": ["a"]})
    found = values(tmp_path / "run")
    parts = {
        name: decode(messages.HPARAMS, found[f"_hparams_/{name}"][1]["metadata"][0]["plugin_data"][0]["content"][0])[name][0]
        for name in ("experiment", "session_start_info", "session_end_info")
    }
    infos = {i["name"][0]: i for i in parts["experiment"]["hparam_infos"]}
    assert {n: i["type"] for n, i in infos.items()} == {"lr": [3], "on": [2], "s": [1], "t": [3]}
    assert infos["s"]["domain_discrete"] == [{"values": [{"string_value": ["x"]}, {"string_value": ["y"]}]}]
    assert parts["experiment"]["metric_infos"] == [{"name": [{"tag": ["hp/acc"]}]}]
    hparams = {h["key"][0]: h["value"][0] for h in parts["session_start_info"]["hparams"]}
    assert hparams["lr"] == {"number_value": [0.1]} and hparams["on"] == {"bool_value": [1]}
    assert parts["session_end_info"]["status"] == [1] and found["hp/acc"] == (3, {"tag": ["hp/acc"], "simple_value": [0.5]})


def test_the_graph_of_a_model(tmp_path, capsys):
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Dropout(), nn.ReLU(inplace=True), nn.Linear(4, 2)))
    with SummaryWriter(tmp_path) as writer:
        writer.add_graph(model, tl.ones(2, 3), verbose=True)
        with pytest.raises(ArgumentError, match="add_graph: input_to_model is missing"):
            writer.add_graph(model)
        with pytest.raises(OperandError, match="add_graph: needs a module"):
            writer.add_graph(abs, tl.ones(1))
    assert model[1][0].training and "AffineMap(input/input_0" in capsys.readouterr().out
    (path,) = tmp_path.iterdir()
    (event,) = [e for e in (decode(messages.EVENT, r) for r in records(path)) if "graph_def" in e]
    nodes = {n["name"][0]: n for n in decode(messages.GRAPH, event["graph_def"][0])["node"]}
    assert all(i in nodes for n in nodes.values() for i in n.get("input", []))
    relu = nodes["Sequential/Sequential[1]/ReLU[1]/ReLU"]
    assert relu["input"] == ["Sequential/Linear[0]/AffineMap"]
    shape = {a["key"][0]: a["value"][0] for a in relu["attr"]}["_output_shapes"]["list"][0]["shape"][0]["dim"]
    assert [d["size"][0] for d in shape] == [2, 4]
    assert {"Sequential/parameters/0/weight", "Sequential/parameters/1/2/bias", "output/output_0"} <= set(nodes)


def test_embeddings(tmp_path):
    points = np.random.default_rng(0).random((5, 2))
    with SummaryWriter(tmp_path) as writer:
        writer.add_embedding(tl.tensor(points), metadata=list("abcde"), label_img=np.ones((5, 3, 2, 4)), global_step=7)
        writer.add_embedding(points, metadata=[(i, -i) for i in range(5)], metadata_header=["x", "y"], tag="b/c")
        with pytest.raises(ArgumentError, match="metadata must be as many as points"):
            writer.add_embedding(points, metadata=["a"])
        with pytest.raises(ShapeError, match="label_img must have shape"):
            writer.add_embedding(points, label_img=np.ones((4, 3, 2, 2)))
        with pytest.raises(ShapeError, match=r"mat must have shape \(N, D\)"):
            writer.add_embedding(points[0])
    assert (np.loadtxt(tmp_path / "00007/default/tensors.tsv") == points).all()
    assert (tmp_path / "00007/default/metadata.tsv").read_text() == "a\nb\nc\nd\ne\n"
    assert (tmp_path / "00000/b%2Fc/metadata.tsv").read_text().startswith("x\ty\n0\t0\n1\t-1\n")
    assert (tmp_path / "00007/default/sprite.png").stat().st_size > 60
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert text.count("embeddings {") == 2 and 'tensor_path: "00000/b%2Fc/tensors.tsv"' in text


# ---- files --------------------------------------------------------------------------------------------------------------------
def test_names_and_reopening(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = SummaryWriter(comment="_c", filename_suffix=".s")
    assert writer.log_dir.startswith("runs" + os.sep) and writer.log_dir.endswith("_c")
    writer.close()
    writer.close()
    writer.flush()
    writer.add_scalar("again", 1.0)
    writer.close()
    names = os.listdir(writer.log_dir)
    assert len(names) == 2 and all(n.startswith("events.out.tfevents.") and n.endswith(".s") for n in names)
    assert tl.utils.tensorboard is tensorboard


def test_purging(tmp_path):
    SummaryWriter(tmp_path, purge_step=5).close()
    (path,) = tmp_path.iterdir()
    events = [decode(messages.EVENT, r) for r in records(path)]
    assert events[1]["step"] == [5] and events[1]["session_log"] == [{"status": [1]}]


def test_when_events_are_written(tmp_path):
    writer = FileWriter(tmp_path, max_queue=2, flush_secs=1000)
    (path,) = tmp_path.iterdir()
    sizes = [path.stat().st_size]
    for _ in range(3):
        writer.add(summary={"value": [{"tag": "a", "simple_value": 1.0}]})
        sizes.append(path.stat().st_size)
    assert sizes[0] == sizes[1] == sizes[2] < sizes[3]
    writer.add(summary={"value": [{"tag": "a", "simple_value": 1.0}]})
    del writer  # nothing is lost
    assert len(records(path)) == 5
    eager = FileWriter(tmp_path / "eager", flush_secs=0)
    (path,) = (tmp_path / "eager").iterdir()
    before = path.stat().st_size
    eager.add(session_log={"status": 1})
    assert path.stat().st_size > before
    eager.close()


@pytest.mark.parametrize("bad", ["text", None, object(), tl.ones(2), 1j])
def test_what_is_no_number(tmp_path, bad):
    with SummaryWriter(tmp_path) as writer, pytest.raises((OperandError, ShapeError), match="add_scalar: "):
        writer.add_scalar("a", bad)


def test_a_png_that_pillow_reads():
    pillow = pytest.importorskip("PIL.Image")
    for channels in (1, 2, 3, 4):
        x = np.random.default_rng(0).integers(0, 256, (5, 7, channels), np.uint8)
        assert (np.asarray(pillow.open(io.BytesIO(png_of(x)))).reshape(x.shape) == x).all()


#: PyTorch's methods with their arguments (2.13).
SIGNATURES = """
__init__(log_dir=None, comment='', purge_step=None, max_queue=10, flush_secs=120, filename_suffix='')
add_audio(tag, snd_tensor, global_step=None, sample_rate=44100, walltime=None)
add_custom_scalars(layout)
add_custom_scalars_marginchart(tags, category='default', title='untitled')
add_custom_scalars_multilinechart(tags, category='default', title='untitled')
add_embedding(mat, metadata=None, label_img=None, global_step=None, tag='default', metadata_header=None)
add_figure(tag, figure, global_step=None, close=True, walltime=None)
add_graph(model, input_to_model=None, verbose=False, use_strict_trace=True)
add_histogram(tag, values, global_step=None, bins='tensorflow', walltime=None, max_bins=None)
add_histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None)
add_hparams(hparam_dict, metric_dict, hparam_domain_discrete=None, run_name=None, global_step=None)
add_image(tag, img_tensor, global_step=None, walltime=None, dataformats='CHW')
add_image_with_boxes(tag, img_tensor, box_tensor, global_step=None, walltime=None, rescale=1, dataformats='CHW', labels=None)
add_images(tag, img_tensor, global_step=None, walltime=None, dataformats='NCHW')
add_mesh(tag, vertices, colors=None, faces=None, config_dict=None, global_step=None, walltime=None)
add_onnx_graph(prototxt)
add_pr_curve(tag, labels, predictions, global_step=None, num_thresholds=127, weights=None, walltime=None)
add_pr_curve_raw(tag, true_positive_counts, false_positive_counts, true_negative_counts, false_negative_counts, precision, recall, global_step=None, num_thresholds=127, weights=None, walltime=None)
add_scalar(tag, scalar_value, global_step=None, walltime=None, new_style=False, double_precision=False)
add_scalars(main_tag, tag_scalar_dict, global_step=None, walltime=None)
add_tensor(tag, tensor, global_step=None, walltime=None)
add_text(tag, text_string, global_step=None, walltime=None)
add_video(tag, vid_tensor, global_step=None, fps=4, walltime=None)
"""  # noqa: E501


def test_signatures_are_pytorchs():
    for line in SIGNATURES.strip().splitlines():
        name, _, given = line.rstrip(")").partition("(")
        own = [p for p in inspect.signature(getattr(SummaryWriter, name)).parameters.values() if p.name != "self"]
        text = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in own)
        assert text.replace('"', "'") == given, name


# ---- TensorBoard's own reader ---------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_it(tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    from tensorboard.compat.proto import graph_pb2

    x = np.random.default_rng(0).normal(size=100)
    with SummaryWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_scalar("loss", 1 / (1 + step), step)
        writer.add_histogram("h", x, 1)
        writer.add_image("i", x.reshape(1, 10, 10), 1)
        writer.add_audio("a", x / 4, 1)
        writer.add_text("t", "hello", 1)
        writer.add_graph(nn.Linear(2, 3), tl.ones(1, 2))
    events = accumulator.EventAccumulator(str(tmp_path), {accumulator.TENSORS: 0, accumulator.SCALARS: 0}).Reload()
    assert [(e.step, e.value) for e in events.Scalars("loss")] == [(i, np.float32(1 / (1 + i))) for i in range(3)]
    assert events.Histograms("h")[0].histogram_value.num == 100 and events.Images("i")[0].width == 10
    assert events.Audio("a")[0].length_frames == 100
    assert events.Tensors("t/text_summary")[0].tensor_proto.string_val == [b"hello"]
    assert "Linear/AffineMap" in [n.name for n in graph_pb2.GraphDef.FromString(events._graph).node]


@pytest.mark.filterwarnings("ignore")
def test_tables_are_those_of_tensorboard():
    event_pb2 = pytest.importorskip("tensorboard.compat.proto.event_pb2")
    from tensorboard.compat.proto import graph_pb2
    from tensorboard.plugins.custom_scalar import layout_pb2
    from tensorboard.plugins.hparams import plugin_data_pb2
    from tensorboard.plugins.mesh import plugin_data_pb2 as mesh_pb2
    from tensorboard.plugins.pr_curve import plugin_data_pb2 as pr_pb2

    def check(table, descriptor):
        for name, (n, kind) in table.items():
            field = descriptor.fields_by_name[name]
            assert field.number == n, (descriptor.full_name, name)
            if isinstance(kind, dict):
                check(kind, field.message_type)
            else:
                kinds = {1: "double", 2: "float", 3: "int", 5: "int", 13: "int", 4: "int", 8: "bool", 9: "string", 12: "bytes", 14: "enum"}
                assert kinds[field.type] == kind, (descriptor.full_name, name)

    for table, message in (
        (messages.EVENT, event_pb2.Event), (messages.GRAPH, graph_pb2.GraphDef), (messages.LAYOUT, layout_pb2.Layout),
        (messages.HPARAMS, plugin_data_pb2.HParamsPluginData), (messages.MESH, mesh_pb2.MeshPluginData),
        (messages.PR_CURVE, pr_pb2.PrCurvePluginData),
    ):  # fmt: skip
        check(table, message.DESCRIPTOR)
