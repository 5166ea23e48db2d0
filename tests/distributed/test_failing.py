"""Programs that die, hang, disagree or leave: each ends, with a message that names rank, call and line.

Who is first never depends on the clock: a rank that goes wrong waits until the others are where the test says that they are. They say so by
files in the folder of the program: ``waits-0-barrier`` when rank 0 waits in a barrier, ``there`` from a line of the program.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from ranks import ROOT, finish, start

STEPS = """
import threading
from tensorflowlite_clone.distributed import watch
from tensorflowlite_clone.distributed.channel import CHANNELS, MARKED

def tell():  # the call that this rank waits in, after the first three
    while True:
        calls = [c for c in (channel.last() for channel in list(CHANNELS.values())) if c and not c.done and (c.number > 3 or "world/now" not in c.channel)]
        for call in [*calls, *list(MARKED.values())]:
            open(f"waits-{rank}-{call.said.partition('(')[0]}", "w").close()
        time.sleep(0.01)

def hear(*names):
    while not all(os.path.exists(name) for name in names):
        time.sleep(0.005)

def others_wait(call="all_reduce"):
    hear(*(f"waits-{r}-{call}" for r in range(size) if r != rank))

def limit(seconds):  # from now on
    watch._watch[0].limit = seconds
    watch._watch[0].line.send(limit=seconds)

x = tl.ones(4)
for k in range(3):
    dist.all_reduce(x)
threading.Thread(target=tell, daemon=True).start()
"""
#: By kind and name: what goes wrong after some steps, and what is said; {a} and {b} stand for the lines that end with # a and # b.
PROGRAMS = {
    "exceptions": {
        "raises": ("if rank == 1: others_wait(); raise ValueError('gone wrong')  # a\ndist.all_reduce(x)  # b",
            "rank 1|ValueError: gone wrong|{a}|rank 0 waits|{b}"),
        "raises on the first": (
            "if rank == 0: others_wait('barrier'); 1 / 0  # a\ndist.barrier()  # b", "rank 0|ZeroDivisionError|{a}|rank 1 waits|barrier|{b}"),
        "raises in backward": (
            "w = tl.ones(2, requires_grad=True)\ny = w * 2\nif rank: y.register_hook(lambda g: others_wait() or [][1])\n"
            "y.sum().backward()  # a\ndist.all_reduce(w.grad)  # b", "rank 1|IndexError|{a}|rank 0 waits|{b}"),
        "interrupted": ("if rank == 1: others_wait('barrier'); raise KeyboardInterrupt  # a\ndist.barrier()  # b",
            "rank 1|KeyboardInterrupt|{a}|rank 0 waits|{b}"),
        "out of memory": ("if rank == 1: others_wait('barrier'); np.ones(1 << 58)  # a\ndist.barrier()  # b",
            "rank 1|MemoryError|{a}|rank 0 waits|{b}"),
        "asserts before the group is whole": (
            "if rank == 1: others_wait('new_group')\nassert rank == 0, 'not me'  # a\ndist.new_group([0])  # b", "rank 1|not me|{a}|rank 0 waits|new_group|{b}"),
    },
    "death": {
        "is killed": ("if rank == 1: others_wait(); os.kill(os.getpid(), 9)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|all_reduce|{b}"),
        "the first is killed": ("if rank == 0: others_wait(); os.kill(os.getpid(), 9)\ndist.all_reduce(x)  # b", "rank 0 has died|rank 1 waits|{b}"),
        "exits": ("if rank == 1: others_wait(); os._exit(3)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|{b}"),
        "exits with 0": ("if rank == 1: others_wait(); os._exit(0)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|{b}"),
        "crashes": ("import ctypes\nif rank == 1: others_wait(); ctypes.string_at(0)\ndist.all_reduce(x)  # b", "rank 1 has died|rank 0 waits|{b}"),
        "aborts": ("if rank == 1: others_wait('barrier'); os.abort()\ndist.barrier()  # b", "rank 1 has died|rank 0 waits|barrier|{b}"),
        "is killed while others compute": (
            "if rank == 1: hear('there'); os.kill(os.getpid(), 9)\nwhile True: open('there', 'w').close(); time.sleep(0.01)  # b",
            "rank 1 has died|rank 0 is in no call|{b}"),
    },
    "leaving": {
        "leaves": ("if rank == 1: sys.exit()\ndist.all_reduce(x)  # b", "rank 1 has left|rank 0 waits for it in all_reduce|{b}"),
        "leaves with a status": ("if rank == 1: sys.exit(3)\ndist.broadcast(x, 1)  # b", "rank 1 has left|rank 0 waits for it in broadcast|{b}"),
        "leaves early": ("if rank == 0:\n    for k in range(5): dist.all_reduce(x)  # b", "rank 1 has left|rank 0 waits|all_reduce|{b}"),
        "leaves who was to send": ("if rank == 0: dist.recv(x, 1)  # b", "rank 1 has left|rank 0 waits for it in recv|{b}"),
        "leaves a group": (
            "g = dist.new_group([0, 1])\nif rank == 1: sys.exit()\ndist.all_reduce(x, group=g)  # b", "rank 1 has left|rank 0 waits|{b}"),
        "leaves who might have sent": ("if rank == 0: dist.recv(x)  # b", "rank 1 has left|rank 0 waits for it in recv|src=any|{b}"),
    },
    "disagreement": {
        "other shapes": ("dist.all_reduce(tl.ones(4 + rank))  # a", "do not make the same calls|rank 0|(4,)|rank 1|(5,)|{a}"),
        "other dtypes": ("dist.all_reduce(tl.ones(4, dtype=tl.float64 if rank else tl.float32))  # a", "float32|float64|{a}"),
        "other operations": (
            "if rank: dist.broadcast(x, 0)  # a\nelse: dist.all_reduce(x)  # b", "rank 1 calls broadcast|{a}|rank 0 calls all_reduce|{b}"),
        "other reductions": ("dist.all_reduce(x, dist.ReduceOp.MAX if rank else dist.ReduceOp.SUM)  # a", "rank 0|SUM|rank 1|MAX|{a}"),
        "other roots": ("dist.broadcast(x, rank)  # a", "src=0|src=1|{a}"),
        "another order": (
            "y = tl.ones(2)\nfor t in ((x, y) if rank else (y, x)): dist.all_reduce(t)  # a", "(4,)|(2,)|{a}"),
        "another shape beside the program, for which nobody waits": (
            "dist.all_reduce(tl.ones(4 + rank), async_op=True)  # a", "do not make the same calls|rank 0|(4,)|rank 1|(5,)|{a}"),
        "one more object": (
            "if rank: dist.all_gather_object([None] * 2, 1)  # a\ndist.all_reduce(x)  # b",
            "rank 1 calls all_gather_object|{a}|rank 0 calls all_reduce|{b}"),
    },
    "disagreement, late": {  # between two checks
        "another shape": (
            "for k in range(150): dist.all_reduce(x)\ndist.all_reduce(tl.ones(4 if rank else 8))  # a\nfor k in range(40): dist.all_reduce(x)",
            "do not make the same calls|(8,)|(4,)|rank 0|rank 1|{a}"),
        "another reduction": (
            "O = dist.ReduceOp\nfor k in range(80): dist.all_reduce(x, O.MAX); dist.all_reduce(x, O.MIN)\n"
            "dist.all_reduce(x, O.MAX if rank else O.MIN)  # a\nfor k in range(200): dist.all_reduce(x, O.MAX)",
            "do not make the same calls|MIN|MAX|rank 0|rank 1|{a}"),
        "another reduction, the last": (
            "O = dist.ReduceOp\nfor k in range(80): dist.all_reduce(x, O.MAX); dist.all_reduce(x, O.MIN)\n"
            "dist.all_reduce(x, O.MAX if rank else O.MIN)  # a", "have not made the same calls|MIN|MAX|rank 0|rank 1|{a}"),
        "of a group that was ended": (
            "O, g = dist.ReduceOp, dist.new_group()\nfor k in range(80): dist.all_reduce(x, O.MAX, g); dist.all_reduce(x, O.MIN, g)\n"
            "dist.all_reduce(x, O.MAX if rank else O.MIN, g)  # a\ndist.destroy_process_group(g)", "have not made the same calls|MIN|MAX|{a}"),
    },
    "hanging": {
        "sleeps": (
            "if rank == 1: open('there', 'w').close(); time.sleep(900)  # a\nhear('there'); limit(1.5); dist.all_reduce(x)  # b",
            "rank 0 has waited|all_reduce|{b}|rank 1 is in no call: it is at|{a}"),
        "loops": (
            "there = 0\nwhile rank == 1: there = there or open('there', 'w')  # a\nhear('there'); limit(1.5); dist.barrier()  # b",
            "rank 0 has waited|barrier|{b}|rank 1 is in no call|{a}"),
        "both receive": ("limit(1.5); dist.recv(x, 1 - rank)  # a", "has waited|recv|{a}"),
        "one waits in a group": (
            "g = dist.new_group([0, 1])\nif rank: dist.barrier(g)  # a\nothers_wait('barrier'); limit(1.5); dist.barrier()  # b",
            "rank 1|{a}|rank 0|{b}"),
        "waits beside the program": (
            "if rank == 1: open('there', 'w').close(); time.sleep(900)  # a\nhear('there'); limit(1.5); dist.all_reduce(x, async_op=True).wait()  # b",
            "rank 0 has waited|{b}|rank 1 is in no call|{a}"),
    },
}  # fmt: skip


def test_there_are_thirty():
    assert sum(map(len, PROGRAMS.values())) >= 30


def unsaid(text: str, words: str, outcome) -> list[str]:
    """Which of the words were not said of a program."""
    lines = {m[1]: f"program.py:{i + 1}" for i, line in enumerate(text.splitlines()) if (m := re.search(r"# ([ab])$", line))}
    said = re.sub(r'program\.py", line (\d+)', r"program.py:\1", outcome.err)  # as tracebacks name lines
    return [w for word in words.split("|") if (w := word.format(**lines)) not in said]


@pytest.mark.parametrize("kind", PROGRAMS)
def test_they_end_and_say_why(ranks, kind):
    def run(entry):
        name, (body, words) = entry
        path = ranks.file(STEPS + body)
        outcome = finish(start(2, path))
        return name, outcome, unsaid(path.read_text(), words, outcome)

    with ThreadPoolExecutor(3) as several:
        found = list(several.map(run, PROGRAMS[kind].items()))
    faults = [f"{name}: ended with {o.status}, did not say {missing}:\n{o.err}" for name, o, missing in found if missing or o.status == 0]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("if first: dist.init_process_group(timeout=300)  # b", "rank 1 has left, and rank 0 waits for it in init_process_group|{b}"),
        (
            "if first: dist.init_process_group(timeout=3)  # b\ntime.sleep(900)",
            "rank 0 has waited for 3 s, its limit, in init_process_group|{b}",
        ),
    ],
    ids=["leaves", "is late"],
)
def test_a_rank_that_does_not_begin_the_group_is_named(ranks, program, words):
    path = ranks.file(
        program, head="import os, time\nimport tensorflowlite_clone.distributed as dist\nfirst = os.environ['PMI_RANK'] == '0'\n"
    )
    outcome = finish(start(2, path))
    assert outcome.status and not unsaid(path.read_text(), words, outcome), outcome.err


def test_plain_mpiexec_names_the_failure_too(ranks):
    from tensorflowlite_clone.distributed.launch import find_mpiexec

    program = ranks.file(STEPS + "if rank == 1: others_wait(); raise ValueError('gone wrong')\ndist.all_reduce(x)")
    environment = os.environ | {"PYTHONPATH": f"{ROOT}", "MPIR_CVAR_POLLS_BEFORE_YIELD": "1"}
    command = [find_mpiexec()[0], "-n", "2", sys.executable, str(program)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    done = finish(subprocess.Popen(command, env=environment, cwd=program.parent, **pipes))
    assert done.status and "[rank 1] ValueError: gone wrong" in done.err and "rank 0 waits" in done.err


def test_who_catches_a_disagreement_can_go_on(ranks):
    program = """
    for k in range(3):
        try:
            dist.all_reduce(tl.ones(1 + rank))
        except dist.DistError as error:
            assert "(1,)" in str(error) and "(2,)" in str(error)
        else:
            raise AssertionError
        x = tl.ones(2)
        dist.all_reduce(x)
        assert x.tolist() == [2, 2]
    print("whole")
    """
    assert ranks.passes(2, program).count("whole") == 2
