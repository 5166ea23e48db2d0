"""Results that come later: set once, waited for by threads, passed on to callbacks; as in PyTorch."""

import threading

import pytest

import tensorflowlite_clone as tl


def test_a_value_comes_later_from_another_thread():
    later = tl.futures.Future()
    thread = threading.Timer(0.01, later.set_result, (3,))
    thread.start()
    assert later.wait() == 3
    thread.join()
    assert later.done() and later.value() == 3


def test_callbacks_are_called_once_in_order_before_and_after():
    later, seen = tl.futures.Future(), []
    later.add_done_callback(lambda f: seen.append(("first", f.value())))
    later.add_done_callback(lambda f: seen.append(("second", f.value())))
    assert seen == []
    later.set_result(1)
    later.add_done_callback(lambda f: seen.append(("late", f.value())))
    assert seen == [("first", 1), ("second", 1), ("late", 1)]


def test_exceptions_go_to_those_who_wait():
    later = tl.futures.Future()
    after = later.then(lambda f: f.wait() + 1)
    later.set_exception(KeyError("lost"))
    for future in (later, after):
        with pytest.raises(KeyError, match="lost"):
            future.wait()
    with pytest.raises(KeyError, match="lost"):
        tl.futures.wait_all([later])
    fine = tl.futures.Future()
    bad = fine.then(lambda f: 1 / f.wait())
    fine.set_result(0)
    with pytest.raises(ZeroDivisionError):
        bad.value()


def test_several_and_none():
    parts = [tl.futures.Future() for _ in range(3)]
    whole = tl.futures.collect_all(parts)
    for n, part in enumerate(parts):
        assert not whole.done()
        part.set_result(n)
    assert tl.futures.wait_all(whole.wait()) == [0, 1, 2]
    assert tl.futures.collect_all([]).wait() == []


def test_mistakes():
    later = tl.futures.Future()
    with pytest.raises(RuntimeError, match="there is no value yet"):
        later.value()
    with pytest.raises(TypeError, match="got a int, which is no exception"):
        later.set_exception(3)
    later.set_result(1)
    with pytest.raises(RuntimeError, match="has its result already"):
        later.set_result(2)
    assert later.value() == 1
