"""`no_grad`, `enable_grad`, `set_grad_enabled` and `inference_mode` as decorators, of generators too."""

from __future__ import annotations

import pytest

import tensorflowlite_clone as tl

MODES = {
    "no_grad()": tl.no_grad(),
    "no_grad": tl.no_grad,
    "inference_mode()": tl.inference_mode(),
    "inference_mode": tl.inference_mode,
    "set_grad_enabled(False)": lambda f: tl.set_grad_enabled(False)(f),
}


@pytest.mark.parametrize("name", MODES)
def test_functions_run_in_the_mode(name):
    @MODES[name]
    def f():
        return tl.is_grad_enabled(), tl.is_inference_mode_enabled()

    assert tl.is_grad_enabled()
    assert f() == (False, name.startswith("inference"))
    assert f.__name__ == "f"
    assert tl.is_grad_enabled()
    assert not tl.is_inference_mode_enabled()


@pytest.mark.parametrize("name", MODES)
def test_generators_run_in_the_mode_whenever_they_run_and_only_then(name):
    log = []

    @MODES[name]
    def numbers(n):
        try:
            for i in range(n):
                log.append(tl.is_grad_enabled())
                try:
                    log.append((yield i))
                except KeyError as error:
                    log.append(error.args[0])
            return "done"
        finally:
            log.append(tl.is_grad_enabled())

    def all_of(n):
        return (yield from numbers(n))

    outer = all_of(3)
    assert next(outer) == 0
    assert tl.is_grad_enabled()
    assert outer.send("sent") == 1
    assert outer.throw(KeyError("thrown")) == 2
    with pytest.raises(StopIteration) as stop:
        next(outer)
    assert stop.value.value == "done"
    assert log == [False, "sent", False, "thrown", False, None, False]

    del log[:]
    early = numbers(3)
    next(early)
    early.close()
    assert log == [False, False]
    assert tl.is_grad_enabled()


def test_enable_grad_inside_no_grad_is_for_its_function_only():
    @tl.enable_grad()
    def recorded(x):
        return x * 2.0

    x = tl.ones(2, requires_grad=True)
    with tl.no_grad():
        assert recorded(x).requires_grad
        assert not (x * 2.0).requires_grad


def test_nothing_switches_recording_on_inside_inference_mode():
    x = tl.ones(2, requires_grad=True)
    with tl.inference_mode():
        with tl.enable_grad():
            assert not (x * 2).requires_grad
        with tl.set_grad_enabled(True):
            assert not (x * 2).requires_grad
        with tl.inference_mode(False):
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
