"""`NoisyActivation` against the engine draw for draw, against the exact moments, and as PyTorch uses a module."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

import noisyviz as nv  # noqa: E402
import noisyviz.torch as nvt  # noqa: E402
from noisyviz.errors import InputError  # noqa: E402

X = np.concatenate([np.random.default_rng(0).normal(0, 3, 40), [-30, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 25, np.pi / 2]])
XI = np.random.default_rng(1).normal(size=X.size)
P = -0.7
ENGINE_KINDS = tuple(nv.KINDS)


def engine(fn: str, kind: str, scale: str, alpha: float, x: Any, xi: Any) -> tuple[Any, Any, Any]:
    unit = nv.NoisyUnit(fn, kind=kind, alpha=alpha, c=0.5, p=float(np.float32(P)), scale=scale)
    return unit(x, xi), unit.grad_x(x, xi), unit.grad_p(x, xi)


def module(fn: str, kind: str, scale: str, alpha: float, dtype: Any, *, reference: bool) -> nvt.NoisyActivation:
    made = nvt.NoisyActivation(
        fn, kind=kind, units=1, alpha=alpha, c=0.5, p="scalar", scale=scale, reference=reference, dtype=dtype
    )
    with torch.no_grad():
        made.p.fill_(float(np.float32(P))) if made.p.requires_grad else None
    return made


@pytest.mark.parametrize("reference", [True, False], ids=["plain", "fast"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-6)])
@pytest.mark.parametrize("kind", ENGINE_KINDS)
@pytest.mark.parametrize("fn", list(nv.ACTIVATIONS))
def test_every_draw_equals_the_engine(fn: str, kind: str, dtype: str, tolerance: float, reference: bool) -> None:
    """Relative to the largest summand: h, Δ and the draw's share cancel for some x."""
    x, xi = (values.astype(np.float32).astype(np.float64) for values in (X, XI))
    uses = nv.KINDS[kind].uses
    for scale in nv.SCALES if "scale" in uses else ("eq9",):
        for alpha in (0.875, 1.0, 1.25) if "alpha" in uses else (1.25,):  # exact in float32
            act = module(fn, kind, scale, alpha, getattr(torch, dtype), reference=reference)
            at = torch.tensor(x, dtype=act.c.dtype, requires_grad=True)
            value = act(at[:, None], torch.tensor(xi, dtype=act.c.dtype)[:, None])
            wanted = engine(fn, kind, scale, alpha, x, xi)
            by_x = torch.autograd.grad(value.sum(), at, retain_graph=True)[0]
            size = 1.0 + np.abs(x) + np.abs(xi)
            assert np.max(np.abs(value[:, 0].detach().double().numpy() - wanted[0]) / size) <= tolerance
            slope_size = (1.0 + np.abs(xi)) * (1.0 + np.abs(wanted[1])) * (1.0 + np.abs(x))
            assert np.max(np.abs(by_x.double().numpy() - wanted[1]) / slope_size) <= tolerance * 4
            if act.p.requires_grad:
                by_p = torch.autograd.grad(value.sum(), act.p)[0]
                assert abs(float(by_p) - wanted[2].sum()) <= 4 * tolerance * (1.0 + np.abs(wanted[2]).sum())


@pytest.mark.parametrize("kind", ["add", "mult"])
def test_the_kinds_beyond_the_paper_are_their_formulas(kind: str) -> None:
    act = nvt.NoisyActivation("tanh", kind=kind, c=0.3, dtype=torch.float64)
    x, xi = torch.tensor(X), torch.tensor(XI)
    wanted = np.tanh(X) + 0.3 * XI if kind == "add" else np.tanh(X) * (1.0 + 0.3 * XI)
    np.testing.assert_allclose(act(x, xi).numpy(), wanted, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("kind", ["nan", "nah", "nani", "nanil", "nanis", "nanil-softplus"])
def test_mean_and_spread_are_those_of_exact(kind: str) -> None:
    n, at = 100_000, np.array([-3.0, -0.5, 2.5])
    act = nvt.NoisyActivation("tanh", kind=kind, alpha=1.15, c=0.7, p=1.0, generator=torch.Generator().manual_seed(3))
    act = act.double()
    drawn = act(torch.tensor(at).expand(n, 3)).numpy()
    exact = nv.exact(nv.NoisyUnit("tanh", kind=kind, alpha=1.15, c=0.7, p=1.0), at)
    assert np.all(np.abs(drawn.mean(0) - exact.mean) <= 5.0 * exact.std / np.sqrt(n) + 1e-12)
    fourth = np.mean((drawn - drawn.mean(0)) ** 4, axis=0)
    error = np.sqrt((fourth - exact.std**4) / n)
    assert np.all(np.abs(drawn.var(0) - exact.std**2) <= 5.0 * error + 1e-12)


@pytest.mark.parametrize("noise", ["laplace", "uniform", "student-t:5"])
def test_every_noise_has_mean_0_and_variance_1(noise: str) -> None:
    act = nvt.NoisyActivation("identity", kind="nani", c=1.0, noise=noise, generator=torch.Generator().manual_seed(0))
    drawn = act(torch.zeros(200_000, dtype=torch.float64)).numpy()
    spread = np.std(drawn**2) / np.sqrt(drawn.size)
    assert abs(drawn.mean()) < 5 / np.sqrt(drawn.size)
    assert abs(np.mean(drawn**2) - 1.0) < 5 * spread
    assert abs(np.mean(np.abs(drawn)) - nv.noise(noise).abs_mean) < 5 / np.sqrt(drawn.size)


@pytest.mark.parametrize("kind", ENGINE_KINDS)
def test_evaluation_takes_the_expectation_of_the_noise(kind: str) -> None:
    act = nvt.NoisyActivation("hard-tanh", kind=kind, alpha=1.1, p=0.8, dtype=torch.float64).eval()
    unit = nv.NoisyUnit("hard-tanh", kind=kind, alpha=1.1, p=0.8)
    wanted = unit.test_time(X) if kind in ("nan", "nah", "none") else unit.activation.h(X)
    np.testing.assert_allclose(act(torch.tensor(X)).numpy(), wanted, atol=1e-14)


@pytest.mark.parametrize("reference", [True, False])
@pytest.mark.parametrize("kind", ["nan", "nah", "nani", "nanil", "nanil-softplus"])
def test_gradcheck(kind: str, reference: bool) -> None:
    act = nvt.NoisyActivation("tanh", kind=kind, units=3, alpha=1.2, reference=reference, dtype=torch.float64)
    x = torch.tensor([[-2.0, 0.4, 3.0], [1.5, -0.9, 0.2]], dtype=torch.float64, requires_grad=True)
    xi = torch.tensor([[0.3, -1.2, 0.8], [-0.4, 2.0, 0.5]], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda at: act(at, xi), x)
    if reference:
        assert torch.autograd.gradgradcheck(lambda at: act(at, xi), x)


def test_the_fast_function_says_that_it_cannot_be_differentiated_twice() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="no second derivative; make the module with reference=True"):
        torch.autograd.grad(nvt.NoisyActivation(units=3)(x).sum(), x, create_graph=True)


def test_copies_pickles_and_states_keep_p_and_c() -> None:
    act = nvt.NoisyActivation("sigmoid", kind="nah", units=4)
    act.c.fill_(2.5)
    for other in (copy.deepcopy(act), pickle.loads(pickle.dumps(act))):
        assert torch.equal(other.p, act.p)
        assert float(other.c) == 2.5
        assert other(torch.zeros(2, 4)).shape == (2, 4)
    fresh = nvt.NoisyActivation("sigmoid", kind="nah", units=4)
    fresh.load_state_dict(act.state_dict())
    assert torch.equal(fresh.p, act.p)
    assert float(fresh.c) == 2.5


def test_shapes_dtypes_and_transforms() -> None:
    act = nvt.NoisyActivation("hard-tanh", kind="nan", units=3)
    assert act(torch.zeros(0, 3)).shape == (0, 3)
    assert act(torch.randn(3, 5).t()).shape == (5, 3)
    for dtype in (torch.float16, torch.bfloat16):
        assert act(torch.randn(2, 3, dtype=dtype)).dtype == dtype
    out = torch.func.vmap(act, randomness="different")(torch.full((6, 2, 3), 3.0))
    assert out.shape == (6, 2, 3)
    assert float(out.detach().std(0).min()) > 0  # draws differ between the mapped calls
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.nn.Sequential(torch.nn.Linear(3, 3), act)(torch.randn(2, 3)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"kind": "nope"}, "kind"),
        ({"fn": "tahn"}, "tahn"),
        ({"c": -1.0}, "c must be"),
        ({"p": "each"}, "p must be"),
        ({"p": "unit"}, "units must be given"),
        ({"alpha": float("inf")}, "alpha must be"),
        ({"noise": "student-t:2"}, "student-t"),
    ],
)
def test_bad_parameters_are_one_sentence(options: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        nvt.NoisyActivation(**{"p": 1.0, **options})
    assert "\n" not in str(caught.value)


def test_a_function_of_a_users_own_runs_by_numpy_and_refuses_a_second_derivative() -> None:
    act = nvt.NoisyActivation("numpy:tanh", kind="nani", c=0.2, reference=True, dtype=torch.float64)
    x = torch.tensor([0.5, -1.5], dtype=torch.float64, requires_grad=True)
    value = act(x, torch.tensor([0.3, -0.4], dtype=torch.float64))
    np.testing.assert_allclose(value.detach().numpy(), np.tanh([0.56, -1.58]), atol=1e-12)
    with pytest.raises(RuntimeError, match="twice"):
        torch.autograd.grad(value.sum(), x, create_graph=True)


def test_on_an_accelerator() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    for kind in nvt.KINDS:
        act = nvt.NoisyActivation("hard-tanh", kind=kind, units=5, dtype=torch.float64)
        x, xi = torch.randn(7, 5, dtype=torch.float64), torch.randn(7, 5, dtype=torch.float64)
        found = []
        for device in ("cpu", "cuda"):
            at = x.to(device).requires_grad_()
            value = act.to(device)(at, xi.to(device))
            (slope,) = torch.autograd.grad(value.sum(), at)
            assert slope.device.type == device
            found.append(torch.stack([value.detach().cpu(), slope.cpu()]))
        torch.testing.assert_close(found[1], found[0], rtol=1e-12, atol=1e-12)
        assert act.train()(x.cuda()).device.type == "cuda"
