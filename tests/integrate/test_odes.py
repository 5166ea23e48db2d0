"""`odeint`: published solutions and sensitivities, and every derivative in every mode against differences and each other."""

from __future__ import annotations

import numpy as np
import pytest

import tensorflowlite_clone as tl
from tensorflowlite_clone.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from tensorflowlite_clone.integrate import odeint

pytest.importorskip("scipy")

TIMES = np.array([0.0, 0.3, 0.7, 1.0])
START, RATES = np.array([1.0, 2.0]), np.array([0.7, 1.3])
WAYS = [
    {},
    {"adjoint": "checkpoint"},
    {"adjoint": "backsolve"},
    {"method": "RK45"},
    {"method": "LSODA"},
    {"method": "BDF", "rtol": 1e-7, "atol": 1e-9},
    {"method": "Radau", "rtol": 1e-7, "atol": 1e-9},
    {"method": "euler"},
    {"method": "midpoint"},
    {"method": "heun"},
    {"method": "heun3"},
    {"method": "rk4", "steps": 3},
]


def field(t, y, k):
    return -k * y * np.cos(t) + np.array([0.0, 1.0]) * y[::-1] * np.sin(k[0])


def solved(y0=START, k=RATES, ts=TIMES, **how):
    return odeint(field, y0, ts, k, **{"rtol": 1e-9, "atol": 1e-11, **how})


def loss(k, y0=START, ts=TIMES, **how):
    return np.sum(np.sin(solved(y0, k, ts, **how)))


def difference(f, x, step=1e-4):
    columns = []
    for i in range(x.size):
        e = step * np.eye(x.size)[i].reshape(x.shape)
        columns.append((8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * step))
    return np.stack(columns, -1)


def near(a, b, how, factor=100):
    rtol = 1e-9 if how.get("method", "").islower() else how.get("rtol", 1e-9)
    return np.testing.assert_allclose(a, b, rtol=factor * rtol, atol=factor * rtol)


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_derivatives_in_parameters_start_and_times_agree_in_all_modes(how):
    slope = difference(lambda k: loss(k, **how), RATES)
    near(grad(loss)(RATES, **how), slope, how)
    near(jacfwd(lambda k: loss(k, **how))(RATES), slope, how)
    of_start = jacrev(lambda y: solved(y, **how))(START)
    near(of_start, difference(lambda y: solved(y, **how), START), how)
    near(jacfwd(lambda y: solved(y, **how))(START), of_start, how)
    of_times = grad(lambda ts: loss(RATES, ts=ts, **how))(TIMES)
    near(of_times, difference(lambda ts: loss(RATES, ts=ts, **how), TIMES), how, 1000)
    near(jacfwd(lambda ts: loss(RATES, ts=ts, **how))(TIMES), of_times, how)


@pytest.mark.parametrize("how", [w for w in WAYS if w.get("method") not in ("BDF", "Radau")], ids=str)
def test_second_derivatives_agree_in_all_nestings(how):
    slope = grad(lambda k: loss(k, **how))
    expected = difference(slope, RATES)
    for second in (hessian(lambda k: loss(k, **how)), jacrev(slope), jacfwd(slope), jacfwd(jacfwd(lambda k: loss(k, **how)))):
        near(second(RATES), expected, how, 1000)


@pytest.mark.parametrize("how", [{}, {"method": "Radau"}, {"adjoint": "checkpoint"}, {"method": "rk4"}], ids=str)
@pytest.mark.parametrize("size", [3, 20])
def test_cotangents_take_the_transposes_of_the_steps_of_tangents(how, size):
    """So both modes are one matrix to rounding, whatever the tolerance."""
    w = np.random.default_rng(0).normal(size=(size, size)) / size**0.5
    run = lambda w: odeint(lambda t, y, w: np.tanh(w @ y) - y, np.ones(size), TIMES, w, rtol=1e-3, **how)[1:]  # noqa: E731
    np.testing.assert_allclose(jacrev(run)(w), jacfwd(run)(w), rtol=1e-9, atol=1e-12)


def test_functions_with_transforms_inside_are_done_again_without_them():
    calls = []

    def f(t, y, k):
        calls.append(t)
        return grad(lambda y: -np.sum(k * y**2) / 2 + np.sin(t) * y.sum())(y)

    def plainly(t, y, k):
        return -k * y + np.sin(t)

    how = {"method": "RK45", "rtol": 1e-9, "atol": 1e-11}
    found = odeint(f, START, TIMES, RATES, **how)
    asked = len(calls)
    np.testing.assert_allclose(found, odeint(plainly, START, TIMES, RATES, **how), rtol=1e-12)
    each = []
    odeint(lambda t, y, k: each.append(t) or plainly(t, y, k), START, TIMES, RATES, **how)
    assert 4 <= asked < len(each) / 10
    expected = jacrev(lambda k: odeint(plainly, START, TIMES, k, **how))(RATES)
    np.testing.assert_allclose(jacrev(lambda k: odeint(f, START, TIMES, k, **how))(RATES), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("factor", "end"),
    [
        (lambda t, y, calls: 1.0 if t < 0.5 else 2.0, -1.5),  # an answer that is asked for
        (lambda t, y, calls: 1.0 if float(y[0]) > 0 else 2.0, -1.0),
        (lambda t, y, calls: 1.0 + len(calls), None),  # something else than the arguments, from the beginning
    ],
)
def test_what_cannot_be_done_again_is_not(factor, end):
    calls = []

    def f(t, y):
        calls.append(t)
        return factor(t, y, calls) * grad(lambda y: -np.sum(y**2) / 2)(y)

    found = (
        odeint(f, np.ones(1), TIMES, method="rk4", steps=200) if end is None else odeint(f, np.ones(1), TIMES, method="RK45", max_step=0.05)
    )
    assert len(calls) > 60
    assert end is None or found[-1, 0] == pytest.approx(np.exp(end), rel=1e-3)


def test_a_function_that_changes_later_is_found():
    calls = []

    def f(t, y):
        calls.append(t)
        return (1.0 if len(calls) < 6 else 2.0) * grad(lambda y: -np.sum(y**2) / 2)(y)

    found = odeint(f, np.ones(1), TIMES, method="RK45", max_step=0.01)
    assert found[-1, 0] == pytest.approx(np.exp(-2), rel=1e-6)


def test_third_derivative_of_decay():
    f = lambda k: odeint(lambda t, y, k: -k * y, np.ones(1), np.array([0.0, 1.0]), k, rtol=1e-10, atol=1e-12)[1, 0]  # noqa: E731
    assert grad(grad(grad(f)))(np.array(0.5)) == pytest.approx(-np.exp(-0.5), rel=1e-7)


@pytest.mark.parametrize("how", [{}, {"method": "rk4"}, {"method": "LSODA"}], ids=str)
def test_vmap_agrees_with_a_loop(how):
    starts, rates = np.stack([START, 2 * START, -START]), np.stack([RATES, RATES[::-1], 0 * RATES])
    run = lambda y, k: solved(y, k, **how)  # noqa: E731
    near(vmap(run)(starts, rates), np.stack([run(y, k) for y, k in zip(starts, rates, strict=True)]), how)
    near(vmap(run, (None, 0))(START, rates), np.stack([run(START, k) for k in rates]), how)
    slope = grad(lambda k, y: loss(k, y, **how))
    near(vmap(slope)(rates, starts), np.stack([slope(k, y) for y, k in zip(starts, rates, strict=True)]), how)
    joined = grad(lambda k: np.sum(vmap(lambda y: loss(k, y, **how))(starts)))
    near(joined(RATES), sum(slope(RATES, y) for y in starts), how)
    times = np.stack([TIMES, 2 * TIMES])
    near(vmap(lambda ts: solved(ts=ts, **how))(times), np.stack([solved(ts=ts, **how) for ts in times]), how)


def test_adjoint_identity_of_a_larger_system():
    rng = np.random.default_rng(0)
    w, y0 = rng.normal(size=(20, 20)) / 5, rng.normal(size=20)
    run = lambda w, y0: odeint(lambda t, y, w: np.tanh(w @ y), y0, TIMES, w)  # noqa: E731
    u, v, g = rng.normal(size=w.shape), rng.normal(size=20), rng.normal(size=(4, 20))
    _, tangent = jvp(run, (w, y0), (u, v))
    gw, gy = vjp(run, w, y0)[1](g)
    assert np.sum(tangent * g) == pytest.approx(np.sum(gw * u) + np.sum(gy * v), rel=1e-5)


def test_nested_complex_and_falling_times():
    def f(t, s, w):
        return {"z": 1j * w["rate"] * s["z"], "rest": (-s["rest"][0],)}

    start = {"z": np.array(1 + 0j), "rest": (np.ones((2, 2)),)}
    run = lambda w, ts: odeint(f, start, ts, {"rate": w, "unit": "1/s", "n": 3})  # noqa: E731
    out = run(np.array(2.0), np.array([0.0, -1.0]))
    np.testing.assert_allclose(out["z"][-1], np.exp(-2j), rtol=1e-6)
    np.testing.assert_allclose(out["rest"][0][-1], np.full((2, 2), np.e), rtol=1e-6)
    assert grad(lambda w: np.real(run(w, np.array([0.0, 1.0]))["z"][-1]))(np.array(2.0)) == pytest.approx(-np.sin(2.0), rel=1e-6)


def test_tensors_and_modules_in_float32():
    tl.default_generator.manual_seed(0)
    layer = tl.nn.Linear(2, 2)

    class Flow(tl.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, t, y):
            return tl.tanh(self.layer(y)) * t

    y0 = tl.tensor([[1.0, 0.0]], requires_grad=True)
    ys = odeint(Flow(), y0, tl.linspace(0, 1, 3))
    ys.sum().backward()
    assert (ys.dtype, y0.grad.dtype, layer.weight.grad.dtype) == (tl.float32,) * 3
    bias = layer.bias.detach().numpy()
    f = lambda w: float(odeint(lambda t, y: np.tanh(y @ w.T + bias) * t, np.array([[1.0, 0.0]]), TIMES)[-1].sum())  # noqa: E731
    expected = difference(f, layer.weight.detach().numpy().astype(float))
    ys = odeint(Flow(), y0.detach(), tl.linspace(0, 1, 3))
    layer.weight.grad = None
    ys[-1].sum().backward()
    np.testing.assert_allclose(layer.weight.grad.numpy().ravel(), expected, rtol=1e-4)


# ---- published numbers ---------------------------------------------------------------------------------------------------------
def robertson(t, y, p):
    a, b, c = p[0] * y[0], p[1] * y[1] * y[2], p[2] * y[1] ** 2
    return np.stack([b - a, a - b - c, c])


P, Y0, TOLERANCES = np.array([0.04, 1e4, 3e7]), np.array([1.0, 0.0, 0.0]), np.array([1e-10, 1e-14, 1e-10])
#: SUNDIALS, cvsRoberts_FSA_dns: sensitivities to the three rates at t = 0.4 and 40, to the five digits printed.
SENSITIVITIES = np.array([
    [[-3.5595e-01, 3.9025e-04, 3.5556e-01], [9.5431e-08, -2.1309e-10, -9.5218e-08], [-1.5833e-11, -5.2900e-13, 1.6362e-11]],
    [[-4.2475e00, 4.5913e-05, 4.2475e00], [1.3731e-05, -2.3573e-10, -1.3730e-05], [-2.2883e-09, -1.1380e-13, 2.2884e-09]],
])  # fmt: skip


@pytest.mark.parametrize("method", ["BDF", "Radau", "LSODA"])
@pytest.mark.parametrize("mode", [jacrev, jacfwd])
def test_sensitivities_of_robertson(method, mode):
    found = mode(lambda p: odeint(robertson, Y0, np.array([0.0, 0.4, 40.0]), p, method=method, rtol=1e-8, atol=TOLERANCES)[1:])(P)
    np.testing.assert_allclose(np.swapaxes(found, 1, 2), SENSITIVITIES, rtol=2e-4)  # they ran with rtol 1e-4


@pytest.mark.parametrize(
    ("end", "value", "rates", "start"),
    [
        (4e7, 3.9983e7, [7.6842e5, -3.0691, 5.1145e-4], [3.9967e7] * 3),
        (50.0, None, [1.7341e2, -5.0591e-4, 8.4323e-8], [8.4191, 16.097, 16.097]),
    ],
)
@pytest.mark.parametrize("adjoint", ["dense", "checkpoint"])
def test_adjoint_of_robertson(end, value, rates, start, adjoint):
    """SUNDIALS, cvsRoberts_ASAi_dns: the integral of y3, its gradient in rates and initial values (rtol 1e-6)."""

    def whole(y0, p):
        both = lambda t, y, p: np.concatenate([robertson(t, y, p), y[2:3]])  # noqa: E731
        atol = np.array([*TOLERANCES, 1e-6])
        ts = np.array([0.0, end])
        return odeint(both, np.concatenate([y0, np.zeros(1)]), ts, p, method="Radau", rtol=1e-7, atol=atol, adjoint=adjoint)[-1, 3]

    if value is not None:
        assert whole(Y0, P) == pytest.approx(value, rel=2e-5)
    of_start, of_rates = grad(whole, (0, 1))(Y0, P)
    np.testing.assert_allclose(of_rates, rates, rtol=1e-4)
    np.testing.assert_allclose(of_start, start, rtol=1e-4)


def test_arenstorf_orbit_closes():
    """Hairer, Norsett, Wanner I, II.0: a periodic orbit about the earth and the moon."""
    mu, period = 0.012277471, 17.0652165601579625588917206249

    def f(t, y):
        near_earth, near_moon = ((y[0] + mu) ** 2 + y[1] ** 2) ** 1.5, ((y[0] - 1 + mu) ** 2 + y[1] ** 2) ** 1.5
        x = y[0] + 2 * y[3] - (1 - mu) * (y[0] + mu) / near_earth - mu * (y[0] - 1 + mu) / near_moon
        return np.stack([y[2], y[3], x, y[1] - 2 * y[2] - (1 - mu) * y[1] / near_earth - mu * y[1] / near_moon])

    y0 = np.array([0.994, 0, 0, -2.00158510637908252240537862224])
    np.testing.assert_allclose(odeint(f, y0, np.array([0, period]), rtol=1e-13, atol=1e-13)[-1], y0, atol=1e-8)


def test_hires():
    """Hairer and Wanner II, IV.10: high irradiance responses; the values at t = 321.8122 of their reference solution."""

    def f(t, y):
        a, b, c, d, e, g, h, i = y
        return np.stack([
            -1.71 * a + 0.43 * b + 8.32 * c + 0.0007, 1.71 * a - 8.75 * b, -10.03 * c + 0.43 * d + 0.035 * e,
            8.32 * b + 1.71 * c - 1.12 * d, -1.745 * e + 0.43 * g + 0.43 * h,
            -280 * g * i + 0.69 * d + 1.71 * e - 0.43 * g + 0.69 * h, 280 * g * i - 1.81 * h, -280 * g * i + 1.81 * h,
        ])  # fmt: skip

    end = [0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4, 0.1175651343283149e-2, 0.2386356198831331e-2,
           0.6238968252742796e-2, 0.2849998395185769e-2, 0.2850001604814231e-2]  # fmt: skip
    found = odeint(f, np.array([1.0, 0, 0, 0, 0, 0, 0, 0.0057]), np.array([0, 321.8122]), method="Radau", rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found[-1], end, rtol=1e-7)


def test_van_der_pol():
    """Hairer and Wanner II, IV.10, epsilon = 1e-6: the values at t = 1 and 2."""
    f = lambda t, y, eps: np.stack([y[1], ((1 - y[0] ** 2) * y[1] - y[0]) / eps])  # noqa: E731
    found = odeint(f, np.array([2.0, -0.66]), np.array([0.0, 1, 2]), 1e-6, method="Radau", rtol=1e-8, atol=1e-10)
    expected = [[-0.1863646254808130e1, 0.7535430865435460], [0.1706167732170456e1, -0.8928097010248257]]
    np.testing.assert_allclose(found[1:], expected, rtol=2e-6)


#: DETEST (Hull, Enright, Fellen, Sedgwick 1972): classes with known solutions, by name: f, y0, the end, the solution there.
DETEST = {
    "A1": (lambda t, y, c: -c * y, np.array([1.0]), 20.0, lambda c: [np.exp(-20 * c)]),
    "A2": (lambda t, y, c: -c * y**3 / 2, np.array([1.0]), 20.0, lambda c: [(1 + 20 * c) ** -0.5]),
    "A3": (lambda t, y, c: c * y * np.cos(t), np.array([1.0]), 20.0, lambda c: [np.exp(c * np.sin(20))]),
    "A4": (lambda t, y, c: c * y / 4 * (1 - y / 20), np.array([1.0]), 20.0, lambda c: [20 / (1 + 19 * np.exp(-5 * c))]),
    "B2": (
        lambda t, y, c: c * np.stack([-y[0] + y[1], y[0] - 2 * y[1] + y[2], y[1] - y[2]]),
        np.array([2.0, 0.0, 1.0]),
        20.0,
        lambda c: [1 + np.exp(-20 * c) / 2 + np.exp(-60 * c) / 2, 1 - np.exp(-60 * c), 1 - np.exp(-20 * c) / 2 + np.exp(-60 * c) / 2],
    ),
}


@pytest.mark.parametrize("name", DETEST)
@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
@pytest.mark.parametrize("method", ["DOP853", "RK45", "Radau"])
def test_gradient_error_follows_the_tolerance(name, rtol, method):
    if method == "Radau" and rtol < 1e-7:
        pytest.skip("Radau takes thousands of steps there")
    f, y0, end, exact = DETEST[name]
    c = np.array(1.0)
    slope = jacrev(lambda c: odeint(f, y0, np.array([0.0, end]), c, method=method, rtol=rtol, atol=rtol * 1e-2)[-1])(c)
    expected = difference(lambda c: np.array(exact(c)), c.reshape(1))[..., 0]
    assert np.abs(slope - expected.reshape(slope.shape)).max() <= 100 * rtol * max(1, np.abs(expected).max())


# ---- events --------------------------------------------------------------------------------------------------------------------
def fall(t, y, g):
    return np.stack([y[1], -g * np.ones(())])


def ground(t, y, g):
    return y[0]


ground.terminal, ground.direction = True, -1


def bounces(h, g, count=3, kept=0.8):
    t, y = np.zeros(()), np.stack([h, np.zeros(())])
    for _ in range(count):
        _, (times,), (states,) = odeint(fall, y, np.stack([t, np.array(20.0)]), g, events=ground)
        t, y = times[0], np.stack([np.zeros(()), -kept * states[0, 1]])
    return t


def test_bouncing_ball():
    h, g = np.array(2.0), np.array(9.81)
    exact = lambda h, g: np.sqrt(2 * h / g) * (1 + 2 * 0.8 + 2 * 0.64)  # noqa: E731
    assert bounces(h, g) == pytest.approx(exact(h, g), rel=1e-9)
    for k in (0, 1):
        assert grad(bounces, k)(h, g) == pytest.approx(float(grad(exact, k)(h, g)), rel=1e-7)
        assert jacfwd(bounces, k)(h, g) == pytest.approx(float(grad(exact, k)(h, g)), rel=1e-7)
    once = lambda h, g: bounces(h, g, 1)  # noqa: E731
    flight = lambda h, g: np.sqrt(2 * h / g)  # noqa: E731
    assert hessian(once)(h, g) == pytest.approx(float(hessian(flight)(h, g)), rel=1e-6)
    np.testing.assert_allclose(vmap(once, (0, None))(np.array([1.0, 2.0]), g), flight(np.array([1.0, 2.0]), g), rtol=1e-9)


def test_values_end_with_a_terminal_event():
    ys, times, _ = odeint(fall, np.array([2.0, 0.0]), np.linspace(0, 1, 11), 9.81, events=[ground, lambda t, y, g: y[1] + 1])
    assert ys.shape == (7, 2)
    assert [t.shape for t in times] == [(1,), (1,)]


def test_a_grazing_event_has_no_derivative():
    def touch(y0):  # cos(t) comes down to -1 and goes up again
        flat = lambda t, y: (y[0] - np.cos(2)) ** 3  # noqa: E731
        return odeint(lambda t, y: np.stack([y[1], -y[0]]), y0, np.array([0.0, 5.0]), events=flat)[1][0][0]

    with pytest.raises((RuntimeError, ArithmeticError), match=r"touches zero|as flat as"):
        grad(touch)(np.array([1.0, 0.0]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: odeint(fall, START, TIMES, 1.0, method="RK5"), "method must be one of"),
        (lambda: odeint(fall, START, TIMES, 1.0, adjoint="none"), "adjoint must be one of"),
        (lambda: odeint(fall, START, TIMES[[0, 2, 1]], 1.0), "in rising or falling order"),
        (lambda: odeint(fall, START, TIMES, 1.0, steps=0), "steps must be an int above 0"),
        (lambda: odeint(fall, START, TIMES, 1.0, method="rk4", events=ground), "rk4 has no events"),
        (lambda: odeint(lambda t, y: y[:1], START, TIMES), "the derivative has the wrong shape"),
        (lambda: odeint(fall, {"a": "b"}, TIMES, 1.0), "a state consists of arrays"),
        (lambda: odeint(lambda t, y: y**2, np.ones(1), np.array([0.0, 2.0])), "could not go on at t = 1"),
        (lambda: grad(lambda w: odeint(lambda t, y: w * y, START, TIMES)[-1, 0])(np.array(1.0)), "none of its arguments"),
    ],
)
def test_errors_say_what_and_how(call, message):
    with pytest.raises((RuntimeError, ArithmeticError, TypeError), match=message):
        call()
