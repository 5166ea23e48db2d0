"""Thirty programs that die, hang, disagree or leave: each ends within its limit, with a message that names rank, call and line."""

from __future__ import annotations

import re

import pytest

STEPS = """
x = tl.ones(4)
for k in range(3):
    dist.all_reduce(x)
"""
#: Name: (what goes wrong after some steps, what is said, the limit that it takes; 0: less than the limit).
#: {a} and {b} stand for the lines that end with # a and # b.
PROGRAMS = {
    # exceptions
    "raises": ("if rank == 1: raise ValueError('gone wrong')  # a\ndist.all_reduce(x)  # b", "rank 1|ValueError: gone wrong|{a}|rank 0 waits|{b}"),
    "raises on the first": ("if rank == 0: 1 / 0  # a\ndist.barrier()  # b", "rank 0|ZeroDivisionError|{a}|rank 1 waits|barrier|{b}"),
    "raises in backward": (
        "w = tl.ones(2, requires_grad=True)\ny = w * 2\nif rank: y.register_hook(lambda g: [][1])\ny.sum().backward()  # a\n"
        "dist.all_reduce(w.grad)  # b", "rank 1|IndexError|{a}|rank 0 waits|{b}"),
    "interrupted": ("if rank == 1: raise KeyboardInterrupt  # a\ndist.barrier()  # b", "rank 1|KeyboardInterrupt|{a}|{b}"),
    "out of memory": ("if rank == 1: np.ones(1 << 58)  # a\ndist.barrier()  # b", "rank 1|MemoryError|{a}|rank 0 waits|{b}"),
    "asserts before the group is whole": ("assert rank == 0, 'not me'  # a\ndist.new_group([0])  # b", "rank 1|not me|{a}|new_group|{b}"),
    # death
    "is killed": ("if rank == 1: os.kill(os.getpid(), 9)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|all_reduce|{b}"),
    "the first is killed": ("if rank == 0: os.kill(os.getpid(), 9)\ndist.all_reduce(x)  # b", "rank 0 has died|rank 1 waits|{b}"),
    "exits": ("if rank == 1: os._exit(3)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|{b}"),
    "exits with 0": ("if rank == 1: os._exit(0)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|{b}"),
    "crashes": ("import ctypes\nif rank == 1: ctypes.string_at(0)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|{b}"),
    "aborts": ("if rank == 1: os.abort()\ndist.barrier()  # b", "rank 1 has died|rank 0 waits|barrier|{b}"),
    "is killed while others compute": (
        "if rank == 1: os.kill(os.getpid(), 9)\nwhile True: time.sleep(0.1)  # b", "rank 1 has died|rank 0 is in no call|{b}"),
    # leaving
    "leaves": ("if rank == 1: sys.exit()\ndist.all_reduce(x)  # b", "rank 1 has left|rank 0 waits for it in all_reduce|{b}"),
    "leaves with a status": ("if rank == 1: sys.exit(3)\ndist.broadcast(x, 1)  # b", "rank 1 has left|rank 0 waits for it in broadcast|{b}"),
    "leaves early": ("if rank == 0:\n    for k in range(5): dist.all_reduce(x)  # b", "rank 1 has left|rank 0 waits|all_reduce|{b}"),
    "leaves who was to send": ("if rank == 0: dist.recv(x, 1)  # b", "rank 1 has left|rank 0 waits for it in recv|{b}"),
    "leaves a group": (
        "g = dist.new_group([0, 1])\nif rank == 1: sys.exit()\ndist.all_reduce(x, group=g)  # b", "rank 1 has left|rank 0 waits|{b}"),
    # disagreement
    "other shapes": ("dist.all_reduce(tl.ones(4 + rank))  # a", "do not make the same calls|rank 0|(4,)|rank 1|(5,)|{a}"),
    "other dtypes": ("dist.all_reduce(tl.ones(4, dtype=tl.float64 if rank else tl.float32))  # a", "float32|float64|{a}"),
    "other operations": (
        "if rank: dist.broadcast(x, 0)  # a\nelse: dist.all_reduce(x)  # b", "rank 1 calls broadcast|{a}|rank 0 calls all_reduce|{b}"),
    "other reductions": ("dist.all_reduce(x, dist.ReduceOp.MAX if rank else dist.ReduceOp.SUM)  # a", "rank 0|SUM|rank 1|MAX|{a}"),
    "other roots": ("dist.broadcast(x, rank)  # a", "src=0|src=1|{a}"),
    "another order": (
        "y = tl.ones(2)\nfor t in ((x, y) if rank else (y, x)): dist.all_reduce(t)  # a", "(4,)|(2,)|{a}"),
    "one more object": (
        "if rank: dist.all_gather_object([None] * 2, 1)  # a\ndist.all_reduce(x)  # b", "rank 1 calls all_gather_object|{a}|rank 0 calls all_reduce|{b}"),
    "other shapes late": (  # between two checks
        "for k in range(150): dist.all_reduce(x)\ndist.all_reduce(tl.ones(4 if rank else 8))\nfor k in range(40): dist.all_reduce(x)  # b",
        "do not make the same calls|(8,)|(4,)|rank 0|rank 1|program1.py:1"),
    # hanging
    "sleeps": ("if rank == 1: time.sleep(300)  # a\ndist.all_reduce(x)  # b", "rank 0 has waited|all_reduce|{b}|rank 1 is in no call: it is at|{a}"),
    "loops": ("while rank == 1: pass  # a\ndist.barrier()  # b", "rank 0 has waited|barrier|{b}|rank 1 is in no call|{a}"),
    "both receive": ("dist.recv(x, 1 - rank)  # a", "has waited|recv|{a}"),
    "one waits in a group": (
        "g = dist.new_group([0, 1])\nif rank: dist.barrier(g)  # a\nelse: dist.barrier()  # b", "rank 1|{a}|rank 0|{b}"),
    "waits beside the program": (
        "if rank == 0: dist.all_reduce(x, async_op=True).wait()  # b\nelse: time.sleep(300)  # a", "rank 0 has waited|{b}|rank 1 is in no call|{a}"),
}  # fmt: skip
HANGING = {"sleeps", "loops", "both receive", "one waits in a group", "waits beside the program"}


def test_there_are_thirty():
    assert len(PROGRAMS) >= 30


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_ends_and_says_why(ranks, name):
    body, words = PROGRAMS[name]
    limit = 4.0 if name in HANGING else 60.0
    outcome = ranks.run(2, STEPS + body, limit=limit, kill_after=limit + 50.0)
    text = next(ranks.folder.glob("program*.py")).read_text().splitlines()
    lines = {m[1]: f"program1.py:{i + 1}" for i, line in enumerate(text) if (m := re.search(r"# ([ab])$", line))}
    assert outcome.status != 0, outcome.out
    said = re.sub(r'program1.py", line (\d+)', r"program1.py:\1", outcome.err)  # as tracebacks name lines
    for word in words.split("|"):
        assert word.format(**lines) in said, f"{word.format(**lines)!r} is not said:\n{outcome.err}"


def test_plain_mpiexec_names_the_failure_too(ranks):
    import os
    import subprocess
    import sys

    from ranks import ROOT

    from tensorflowlite_clone.distributed.launch import find_mpiexec

    program = ranks.file(STEPS + "if rank == 1: raise ValueError('gone wrong')\ndist.all_reduce(x)")
    environment = os.environ | {"PYTHONPATH": f"{ROOT}", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}
    command = [find_mpiexec()[0], "-n", "2", sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, env=environment)
    assert done.returncode and "[rank 1] ValueError: gone wrong" in done.stderr and "rank 0 waits" in done.stderr


def test_who_catches_a_disagreement_can_go_on(ranks):
    program = """
    try:
        dist.all_reduce(tl.ones(1 + rank))
    except dist.DistError as error:
        assert "(1,)" in str(error) and "(2,)" in str(error)
    x = tl.ones(2)
    dist.all_reduce(x)
    assert x.tolist() == [2, 2]
    print("whole")
    """
    assert ranks.passes(2, program).count("whole") == 2
