"""Files that were damaged, or made to do harm: what `tl.load` is given by ``test_io_hostile.py``, and by hand many more of.

    python tests/hostile_files.py [how many] [seed]     reads so many (2,000), and says how each kind ended, in which time and memory

Here: how such files are made (`draw`), and what must be true of each (`check`). No test is here.
"""

from __future__ import annotations

import io
import json
import random
import struct
import sys
import time
import tracemalloc
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

import tensorflowlite_clone as tl

MB = 1_000_000
MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."


# ---- files that are in order ----------------------------------------------------------------------------------------------------
def objects():
    """A checkpoint of small tensors with everything that PyTorch's format has."""
    x = tl.arange(12.0).reshape(3, 4)
    weight = tl.nn.Parameter(tl.ones(2, 3))
    return {
        "model": tl.nn.Sequential(tl.nn.Linear(3, 2), tl.nn.BatchNorm1d(2)).state_dict(),
        "views": [x, x.t(), x[1:, ::2], x.expand(2, 3, 4)],
        "parameter": weight,
        "tied": (weight, weight),
        "sparse": tl.eye(3).to_sparse(),
        "kinds": [tl.ones(2, dtype=d) for d in (tl.bool, tl.uint16, tl.int64, tl.complex64, tl.float16)],
        "settings": {"lr": 0.1, "betas": (0.9, 0.999), 3: None, "size": tl.Size([1, 2]), "dtype": tl.float32, "raw": b"\x00\xff"},
        "array": np.arange(6.0).reshape(2, 3),
    }


def files():
    """Files of every format, as bytes by name."""
    obj, made = objects(), {}
    plain = {"w": tl.arange(4.0), "opt": [{"m": np.arange(2), "lr": 0.1}]}
    for name, save, what, options in (
        ("zip", tl.io.save_for_torch, obj, {}),
        ("old", tl.io.save_for_torch, {**obj, "kinds": []}, {"_use_new_zipfile_serialization": False}),
        ("safetensors", tl.save, plain, {}),
    ):
        file = io.BytesIO()
        save(what, file, **options)
        made[name] = file.getvalue()
    file = io.BytesIO()
    np.savez(file, a=np.arange(3), b=np.ones(2))
    made["npz"] = file.getvalue()
    return made


# ---- PyTorch's files by hand -----------------------------------------------------------------------------------------------------
def zipped(pickle, storages=(), compression=zipfile.ZIP_STORED, byteorder=b"little"):
    """A zip file as PyTorch writes it, around any pickle."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression, compresslevel=1) as archive:
        archive.writestr("a/data.pkl", pickle)
        archive.writestr("a/byteorder", byteorder)
        for key, content in storages:
            archive.writestr(f"a/data/{key}", content)
        archive.writestr("a/version", b"3\n")
    return file.getvalue()


def old(pickle, keys=b"\x80\x02].", rest=b""):
    """A file of the older format around any pickle."""
    return MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}." + pickle + keys + rest


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s


def name(module, what):
    return b"c" + module + b"\n" + what + b"\n"


def integer(n):
    raw = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def value(v):
    """The opcodes of a simple value; bytes are opcodes already."""
    if isinstance(v, bytes):
        return v
    if isinstance(v, tuple):
        return b"(" + b"".join(map(value, v)) + b"t"
    if isinstance(v, str):
        return text(v.encode())
    if isinstance(v, float):
        return b"G" + struct.pack(">d", v)
    return {None: b"N", True: b"\x88", False: b"\x89"}[v] if v is None or isinstance(v, bool) else integer(v)


def storage(key="0", count=4, kind=b"FloatStorage", place="cpu"):
    return value(("storage", name(b"torch", kind), key, place, count)) + b"Q"


def tensor(offset=0, size=(2, 2), stride=(2, 1), grad=False, hooks=b"N", store=None, more=()):
    args = (storage() if store is None else store, offset, size, stride, grad, hooks, *more)
    return name(b"torch._utils", b"_rebuild_tensor_v2") + value(args) + b"R"


def pickled(*parts):
    return b"\x80\x02" + b"".join(parts) + b"."


FOUR = [("0", np.arange(4, dtype="<f4").tobytes())]
HARM = [
    (b"os", b"system"), (b"posix", b"system"), (b"builtins", b"eval"), (b"__builtin__", b"exec"), (b"builtins", b"getattr"),
    (b"subprocess", b"Popen"), (b"builtins", b"__import__"), (b"nt", b"system"), (b"shutil", b"rmtree"), (b"torch.hub", b"load"),
    (b"torch", b"load"), (b"tensorflowlite_clone", b"load"), (b"numpy", b"load"), (b"operator", b"attrgetter"), (b"sys", b"exit"),
    (b"torch.nn.modules.linear", b"Linear"), (b"__main__", b"Net"), (b"collections", b"namedtuple"), (b"pickle", b"loads"),
    (b"numpy.core.multiarray", b"fromfile"), (b"builtins", b"open"), (b"torch._utils", b"_rebuild_qtensor"), (b"torch", b"quint8"),
]  # fmt: skip


def hostile_names(rng):
    """A name that does something, in each way in which a pickle can use one."""
    module, what = rng.choice(HARM)
    named = name(module, what)
    spelled = text(module) + text(what) + b"\x93"
    ways = [
        named + value(("touch /tmp/executed",)) + b"R",
        spelled + value(("touch /tmp/executed",)) + b"R",
        named + b")" + b"\x81",
        named + b")}" + b"\x92",
        named,
        b"(" + text(b"touch") + b"i" + module + b"\n" + what + b"\n",
        b"(" + named + text(b"touch") + b"o",
        named + b"}b",
        b"}" + text(b"k") + named + b"s",
        name(b"collections", b"OrderedDict") + b")R" + named + b"b",
        b"\x82\x01",
        b"Pkey\n",
        name(b"torch._utils", b"_rebuild_tensor_v2") + value((named, 0, (1,), (1,), False, None)) + b"R",
        name(b"torch._tensor", b"_rebuild_from_type_v2") + value((named, named, ("touch",), b"}")) + b"R",
        name(b"collections", b"defaultdict") + value((named,)) + b"R",
        value(("storage", named, "0", "cpu", 4)) + b"Q",
    ]
    return "hostile names", pickled(rng.choice(ways)), FOUR


def hostile_shapes(rng):
    """A tensor that goes beyond its storage, or shows far more than there is."""
    big = rng.choice([2**31, 2**40, 2**61, 2**62, 2**63, 2**64, 2**100])
    size, stride, offset = rng.choice(
        [
            ((big,), (1,), 0), ((5,), (1,), 0), ((2, 2), (-2, 1), 2), ((2, 2), (2, 2), 0), ((2, 2), (2, 1), 1), ((2, 2), (2, 1), -1),
            ((2, 2), (2, 1), big), ((2,), (big,), 0), ((2, 2), (2,), 0), ((-1, 4), (4, 1), 0), ((big, big), (0, 0), 0),
            ((1 << 32, 2), (0, 1), 0),
            ((1,) * 65, (1,) * 65, 0), ((2.0, 2), (2, 1), 0), ((True, 2), (2, 1), 0), (None, (1,), 0), ((2, "2"), (2, 1), 0),
            ((0, big, big), (1, 1, 1), 0),
        ]
    )  # fmt: skip
    return "hostile shapes", pickled(tensor(offset, size, stride)), FOUR


def hostile_storages(rng):
    """A storage that is not there, too short, of a wrong kind, or a key that is none."""
    big = rng.choice([5, 2**31, 2**40, 2**62, 2**63, -1])
    store = rng.choice(
        [
            storage("1"), storage("../0"), storage(count=big), storage(count=3), storage(kind=b"DoubleStorage"),
            storage(kind=b"QInt8Storage"),
            value(("tensor", name(b"torch", b"FloatStorage"), "0", "cpu", 4)) + b"Q", value(("storage",)) + b"Q", b"NQ", integer(3) + b"Q",
            value(("storage", None, "0", "cpu", 4)) + b"Q", value(("storage", name(b"torch", b"FloatStorage"), None, "cpu", 4)) + b"Q",
            value(("storage", name(b"torch", b"FloatStorage"), "0", 5, 4)) + b"Q", value((1, 2)), b"]", b"N", text(b"x"),
            value(("storage", name(b"torch", b"FloatStorage"), "0", "cpu", 4, (None, 3, 9))) + b"Q",
        ]
    )  # fmt: skip
    return "hostile storages", pickled(tensor(store=store)), FOUR


def wrong_types(rng):
    """A known name with arguments that do not fit."""
    known = [
        (b"torch._utils", b"_rebuild_tensor_v2"), (b"torch._utils", b"_rebuild_parameter"), (b"torch._utils", b"_rebuild_sparse_tensor"),
        (b"torch", b"Size"), (b"torch.serialization", b"_get_layout"), (b"collections", b"OrderedDict"), (b"_codecs", b"encode"),
        (b"builtins", b"complex"), (b"numpy", b"dtype"), (b"numpy.core.multiarray", b"scalar"), (b"builtins", b"bytearray"),
        (b"torch._tensor", b"_rebuild_from_type_v2"), (b"numpy.core.numeric", b"_frombuffer"), (b"collections", b"Counter"),
    ]  # fmt: skip
    bad = [None, 3, 2.5, "x", ("x",), (1, 2), b"]", b"}", name(b"torch", b"float32"), name(b"torch", b"FloatStorage"), ((1,),), 2**70]
    args = tuple(rng.choice(bad) for _ in range(rng.choice([7, 8, 9])))
    module, what = rng.choice(known)
    call = name(module, what) + value(args) + b"R"
    arrays = name(b"numpy.core.multiarray", b"_reconstruct") + value((name(b"numpy", b"ndarray"), (0,), "b")) + b"R"
    dtype = name(b"numpy", b"dtype") + value(("f8", False, True)) + b"R"
    sparse = name(b"torch._utils", b"_rebuild_sparse_tensor")
    layout = name(b"torch.serialization", b"_get_layout") + value(("torch.sparse_coo",)) + b"R"
    index = tensor(size=(1, 2), stride=(2, 1), store=storage("1", 2, b"LongStorage"))
    more = [
        arrays + value((1, (2**40,), dtype, False, text(b"xx"))) + b"b",
        arrays + value((1, (2,), dtype, False, b"C\x03abc")) + b"b",
        arrays + value((1, (2,), name(b"numpy", b"dtype") + value(("O8", False, True)) + b"R", False, b"]")) + b"b",
        name(b"numpy", b"dtype") + value(("O8", False, True)) + b"R",
        name(b"numpy", b"dtype") + value(("V8", False, True)) + b"R" + value((3, "|", None, ("a",), b"}", 8, 1, 0)) + b"b",
        sparse + value((layout, (index, tensor(size=(2,), stride=(1,)), (3, 3), True))) + b"R",
        sparse + value((layout, (index, tensor(size=(2,), stride=(1,)), (3,), False))) + b"R",
        sparse + value((layout, (tensor(), tensor(), (2, 2), False))) + b"R",
        tensor(hooks=b"}" + text(b"a") + b"Ns"),
        tensor(grad=True, store=storage("1", 2, b"LongStorage"), size=(2,), stride=(1,)),
        tensor(more=((b"}" + text(b"other") + b"\x88s"),)),
        name(b"collections", b"OrderedDict") + b")R" + b"}" + text(b"keys") + b"Ns" + b"b",
        b"]" + b"Na" + b"K\x01s",
        b"}" + b"]Ns",
        b"(K\x01K\x02K\x03d",
        b"Ne",
        b"K\x01b",
        b"h\x05",
        b"q\x05",
        b"t",
        b"",
        b"NN",
    ]
    choice = rng.choice([call, rng.choice(more)])
    return "wrong types", pickled(choice), [*FOUR, ("1", np.array([0, 7], "<i8").tobytes())]


def bombs(rng):
    """A short pickle that asks for much: memory by calls of what was remembered, time by keys, depth."""
    long = text(b"a" * 50_000) + b"q\x00"
    doubled = b")q\x00" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(100))
    ways = [
        b"]" + long + b"0" + (b"(" + name(b"_codecs", b"encode") + b"h\x00" + text(b"latin1") + b"\x86Re") * 3000,
        b"]" + b"(" + b"K\x01" * 5_000 + b"lq\x000" + (b"(" + name(b"builtins", b"set") + b"h\x00\x85Re") * 3000,
        doubled + b"}h\x64Ns",
        name(b"builtins", b"set") + b"](" + doubled + b"h\x64e\x85R",
        b"]" * 1000 + b"a" * 999,
        b"(" * 20_000 + b"t" * 20_000,
        b"]" * 30_000,
        b"B" + struct.pack("<I", 2**31),
        b"\x8e" + struct.pack("<Q", 2**62),
        b"X" + struct.pack("<I", 2**32 - 1),
        b"\x8b" + struct.pack("<i", 2**31 - 1),
        b"\x8b" + struct.pack("<i", -5),
        b"r" + b"\xff" * 4,
        b"Nr" + b"\xff" * 4 + b"j" + b"\xff\xff\xff\x7f",
        b"I" + b"9" * 50_000 + b"\n",
        b"\x95" + b"\xff" * 8 + b"N" + b"p" * 10,
        b"]" + tensor() + b"q\x00" + (b"h\x00" + name(b"torch._utils", b"_rebuild_tensor_v2")) * 100 + b"a",
        b"](" + b"".join(tensor(more=(b"}" + text(b"conj") + b"\x88s",), store=storage("1", 2_000_000)) for _ in range(60)) + b"e",
    ]
    return "bombs", pickled(rng.choice(ways)), [*FOUR, ("1", b"")]


def zip_bombs(rng):
    """Members that inflate to much more than they are, say other sizes than they have, overlap, or occur twice."""
    kind = rng.randrange(6)
    if kind < 2:
        if kind not in INFLATED:
            big = b"\0" * (120 * MB)
            pickle = pickled(tensor(size=(30 * MB,), stride=(1,), store=storage(count=30 * MB))) if kind else b"\x80\x02" + big
            INFLATED[kind] = zipped(pickle, [("0", big)] if kind else [], zipfile.ZIP_DEFLATED)
        return "zip bombs", INFLATED[kind]
    raw = bytearray(zipped(pickled(tensor()), FOUR))
    at = [i for i in range(len(raw)) if raw[i : i + 4] == b"PK\x01\x02"]
    entry = at[2] if kind < 5 else at[0]
    if kind == 2:  # both sizes
        raw[entry + 20 : entry + 28] = struct.pack("<II", *[rng.choice([2**31, 2**32 - 2, 10**9])] * 2)
    elif kind == 3:  # the size behind inflation
        raw[entry + 24 : entry + 28] = struct.pack("<I", rng.choice([2**31, 17, 0]))
    elif kind == 4:  # where it begins
        raw[entry + 42 : entry + 46] = struct.pack("<I", rng.choice([0, 5, 2**31, len(raw) - 3]))
    else:  # the way it is compressed
        raw[entry + 10 : entry + 12] = struct.pack("<H", rng.choice([1, 9, 12, 14, 99]))
    return "zip bombs", bytes(raw)


def headers(rng):
    """A safetensors file whose header says what cannot be."""
    big = rng.choice([2**31, 2**62, 2**63, 2**64, -1, 10**30])
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    entry.update(
        rng.choice(
            [
                {"shape": [big]}, {"shape": [big, 0]}, {"data_offsets": [0, big]}, {"data_offsets": [big, 8]}, {"dtype": "F99"},
                {"dtype": None},
                {"shape": None}, {"shape": [2.0]}, {"shape": "2"}, {"data_offsets": [8, 0]}, {"data_offsets": [4, 12]}, {"more": 1},
                {"shape": [[2]]},
            ]
        )
    )  # fmt: skip
    header = json.dumps({"w": entry}).encode()
    length = rng.choice([len(header)] * 3 + [2**20, 2**62, 10**8])
    return "safetensors headers", struct.pack("<Q", length) + header + bytes(8)


BY_HAND = [hostile_names, hostile_shapes, hostile_storages, wrong_types, bombs]
#: What is made once: files in order, and a content that inflates.
NORMAL: dict[str, bytes] = {}
INFLATED: dict[int, bytes] = {}


def damage(rng):
    """A file in order, with some bytes gone, changed, moved or added."""
    NORMAL.update({} if NORMAL else files())
    kind = rng.choice(sorted(NORMAL))
    raw = bytearray(NORMAL[kind])
    how = rng.choice(["cut", "flip", "flip", "wipe", "remove", "insert", "swap", "numbers"])
    at = rng.randrange(len(raw))
    if how == "cut":
        del raw[at:]
    elif how == "flip":
        for _ in range(rng.choice([1, 1, 2, 8])):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
    elif how == "wipe":
        raw[at : at + 16] = rng.choice([b"\0", b"\xff"]) * len(raw[at : at + 16])
    elif how == "remove":
        del raw[at : at + rng.randrange(1, 40)]
    elif how == "insert":
        raw[at:at] = rng.randbytes(rng.randrange(1, 40))
    elif how == "swap":
        to = rng.randrange(len(raw))
        raw[at : at + 8], raw[to : to + 8] = raw[to : to + 8], raw[at : at + 8]
    else:
        raw[at : at + 4] = struct.pack("<I", rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
    return f"damaged {kind}", bytes(raw)


def damaged_pickle(rng):
    """A pickle in order with some of its bytes changed, in a zip file whose checksums fit."""
    NORMAL.update({} if NORMAL else files())
    with zipfile.ZipFile(io.BytesIO(NORMAL["zip"])) as archive:
        members = {n.removeprefix("archive/"): archive.read(n) for n in archive.namelist()}
    raw = bytearray(members["data.pkl"])
    for _ in range(rng.choice([1, 2, 5])):
        at = rng.randrange(2, len(raw))
        raw[at : at + rng.randrange(2)] = rng.choice([bytes([rng.randrange(256)]), bytes([rng.choice(b"(tRbcQ].ueh}N0a2")])])
    return "damaged pickles", zipped(bytes(raw), [(n[5:], c) for n, c in members.items() if n.startswith("data/")])


def draw(rng):
    """One file: its kind, its bytes, and whether it must be refused (a changed byte may be one that nothing depends on)."""
    kind = rng.randrange(20)
    if kind < 7:
        return *damage(rng), False
    if kind < 10:
        return *damaged_pickle(rng), False
    if kind < 12:
        return *zip_bombs(rng), True
    if kind < 13:
        return *headers(rng), True
    label, pickle, storages = rng.choice(BY_HAND)(rng)
    return label, zipped(pickle, storages) if rng.random() < 0.8 else old(pickle), True


# ---- what must be true ------------------------------------------------------------------------------------------------------------
class Watch:
    """Notes what a program does to its surroundings while it is on: imports, processes, code, files that are written."""

    EVENTS = ("exec", "import", "os.", "subprocess", "socket", "shutil", "ctypes.dlopen", "marshal", "pickle")
    #: NumPy compiles the header of an array, as a literal, and does not execute it.
    HARMLESS = ("os.listdir", "os.scandir")

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self.note)

    def note(self, event, args):
        if self.on and event.startswith(self.EVENTS) and event not in self.HARMLESS:
            self.seen.append((event, str(args)[:100]))


def plain(v, depth=0):
    """Whether a value consists of what files may hold, and nothing else."""
    if isinstance(v, dict):
        return all(plain(k, depth + 1) and plain(x, depth + 1) for k, x in v.items())
    if isinstance(v, list | tuple | set | frozenset):
        return all(plain(x, depth + 1) for x in v)
    known = (tl.Tensor, np.ndarray, np.generic, str, bytes, bytearray, int, float, complex, slice, range, tl.dtype, tl.device, np.dtype)
    return v is None or isinstance(v, known) or type(v).__name__ in ("layout", "Storage")


def check(label, content, must_fail, path, watch):
    """Load a file, by its name or opened; the error, or None where it was read. Raises `AssertionError` for what must not be."""
    path.write_bytes(content)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    watch.on = True
    try:
        loaded = tl.load(path)
    except tl._errors.FileFormatError as e:
        error: Exception | None = e
    else:
        error = None
    finally:
        watch.on = False
    used = tracemalloc.get_traced_memory()[1] - before
    assert used < 100 * MB, f"{label}: {used / MB:.0f} MB for a file of {len(content)} bytes"
    assert not watch.seen, f"{label}: {watch.seen}"
    if error is None:
        assert not must_fail, f"{label}: read as {loaded!r:.300}: {content[:300]!r}"
        assert plain(loaded), f"{label}: {loaded!r:.300}"
    else:
        assert str(path) in str(error) and len(str(error)) < 2100, f"{label}: {error}"
    return error, used


def run(count, seed, path):
    """Load so many files; how many of each kind were refused and read, and the largest memory used."""
    ends, most = Counter(), 0
    rng = random.Random(seed)
    tracemalloc.start(1)
    try:
        warm = Watch()
        for content in files().values():
            path.write_bytes(content)
            tl.load(path)
        check("warm", b"PK\3\4", True, path, warm), warm.seen.clear()
        for _ in range(count):
            label, content, must_fail = draw(rng)
            error, used = check(label, content, must_fail, path, warm)
            ends[label, "read" if error is None else "refused"] += 1
            most = max(most, used)
    finally:
        tracemalloc.stop()
    return ends, most


def main():
    """Run from the command line."""
    count, seed = (int(a) for a in (*sys.argv[1:], "2000", "0")[:2]) if len(sys.argv) < 3 else map(int, sys.argv[1:3])
    start = time.perf_counter()
    path = Path(sys.argv[3] if len(sys.argv) > 3 else "/tmp/hostile.pt")
    ends, most = run(count, seed, path)
    path.unlink()
    for (label, end), number in sorted(ends.items()):
        print(f"{number:6d} {end:8s} {label}")
    print(f"{count} files in {time.perf_counter() - start:.1f} s, at most {most / MB:.1f} MB for one of them")


if __name__ == "__main__":
    main()
