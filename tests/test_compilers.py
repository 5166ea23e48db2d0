"""`compile`, ``jit`` and ``torch._dynamo``: programs that are made for them run as they are."""

from __future__ import annotations

from typing import List, Optional  # noqa: UP035

import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone import compiler, jit


def test_compile_gives_back_what_it_is_given():
    layer = tl.nn.Linear(2, 2)
    assert tl.compile(layer) is layer and tl.compile(layer, fullgraph=True, dynamic=None, backend="inductor", mode="default") is layer
    assert layer.compile() is None

    @tl.compile
    def one(x):
        return x + 1

    @tl.compile(mode="max-autotune", options={"triton.cudagraphs": True})
    def two(x):
        return x + 2

    assert (one(1), two(1)) == (2, 3)
    with pytest.raises(TypeError, match="model must be a function or a module"):
        tl.compile(3)


def test_decorators_and_requests_to_a_compiler():
    def f(x):
        return x

    given = [
        compiler.disable(f), compiler.disable()(f), compiler.disable(recursive=False)(f), compiler.allow_in_graph(f),
        compiler.assume_constant_result(f), compiler.nested_compile_region(f), compiler.substitute_in_graph(len)(f),
        compiler.optimize("eager")(f),
        compiler.set_stance("force_eager")(f)(f), compiler.run(f), jit.script(f), jit.script()(f), jit.trace(f, 1), jit.trace_module(f, {}),
        jit.script_if_tracing(f), jit.ignore(f), jit.ignore()(f), jit.ignore(drop=True)(f), jit.unused(f), jit.export(f), jit.interface(f),
        jit.script_method(f), jit.freeze(f), jit.optimize_for_inference(f), jit.annotate(int, f), jit._overload(f),
    ]  # fmt: skip
    assert all(g is f for g in given)
    assert not (
        compiler.is_compiling() or compiler.is_dynamo_compiling() or compiler.is_exporting() or jit.is_scripting() or jit.is_tracing()
    )
    compiler.reset()
    compiler.cudagraph_mark_step_begin()
    compiler.graph_break()
    compiler.mark_dynamic(f, 0)
    compiler.config.suppress_errors = True
    assert compiler.config.suppress_errors and compiler.config.cache_size_limit == 8 and compiler.list_backends() == []
    with compiler.config.patch(verbose=True), compiler.set_stance("default"), jit.optimized_execution(False), jit.fuser("fuser1"):
        pass
    assert jit.wait(jit.fork(len, "ab")) == 2 and jit.isinstance([1], List[int]) and not jit.isinstance(1, (str, list))  # noqa: UP006


def test_a_module_for_torchscript_runs():
    class Twice(jit.ScriptModule):
        __constants__ = ("times",)

        def __init__(self):
            super().__init__()
            self.times = jit.Attribute(2, int).value

        @jit.script_method
        def forward(self, x, y: Optional[tl.Tensor] = None):  # noqa: UP045
            return x * self.times if y is None else x + y

    assert jit.script(Twice())(tl.ones(1)).item() == 2.0 and isinstance(Twice(), tl.nn.Module)
