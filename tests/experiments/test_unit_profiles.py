"""What is logged of the units of a run, against formulas written out."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from noisyviz.experiments.unit_profiles import looked_at, profiled  # noqa: E402
from noisyviz.torch import NoisyActivation, NoisyLSTM, NoisyLSTMCell, capture  # noqa: E402


def seen_by(model: Any, *inputs: Any) -> tuple[Any, list[dict[str, Any]]]:
    model.train()
    with capture(model) as seen, torch.no_grad():
        model(*inputs)
    return {name: np.array(x) for name, x in seen.arrays().items()}, profiled(7, model, seen)


def sigma_slope(x: np.ndarray[Any, Any], p: np.ndarray[Any, Any], c: float, u: float) -> np.ndarray[Any, Any]:
    """|σ′| beyond the thresholds of a hard function with slope u: σ = c(g(pΔ) − ½)², Δ′ = −u."""
    g = 1.0 / (1.0 + np.exp(-p * (1.0 - u * np.abs(x) if u == 1.0 else 0.5 - u * np.abs(x))))
    return np.abs(2.0 * c * (g - 0.5) * g * (1.0 - g) * p * u)


@pytest.mark.parametrize("kind", ["nan", "nah"])
def test_response_and_noise_are_those_of_the_formulas_with_each_units_own_p(kind: str) -> None:
    model = torch.nn.Sequential(
        NoisyActivation("hard-tanh", kind=kind, units=3, alpha=1.15, c=2.0),
        torch.nn.ReLU(),
    )
    x = torch.linspace(-4.0, 4.0, 30).reshape(10, 3)
    _, (row,) = seen_by(model, x)  # the ReLU is left out
    values, p = x.numpy().astype(np.float64), model[0].p.detach().numpy().astype(np.float64)
    outside = np.abs(values) >= 1.0
    assert (row["step"], row["array"], row["fn"], row["units"], row["samples"]) == (7, "0", "hard-tanh", 3, 10)
    assert row["share_saturated"] == pytest.approx(outside.mean())
    assert row["share_left"] == pytest.approx((values <= -1.0).mean())
    slope = sigma_slope(values, np.broadcast_to(p, values.shape), 2.0, 1.0)[outside]
    spread = 1.0 if kind == "nan" else np.sqrt(1.0 - 2.0 / np.pi)
    assert row["noise_rms_saturated"] == pytest.approx(spread * np.sqrt(np.mean(slope**2)), rel=1e-5)
    # inside the saturated range σ grows outward, and d turns it back: d = −sgn(x)·sgn(1−α) = sgn(x)
    inward = 0.0 if kind == "nan" else np.sqrt(2.0 / np.pi) * slope.mean()
    assert row["response_saturated"] == pytest.approx(-0.15 + inward, rel=1e-5)
    assert row["response_noiseless_saturated"] == 0.0


def test_every_slot_of_a_layer_and_of_a_cell_is_found_with_its_own_p() -> None:
    torch.manual_seed(0)
    layer = NoisyLSTM(4, 5, num_layers=2, kind="nan", c=3.0)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.mul_(12.0)
    arrays, rows = seen_by(layer, 3.0 * torch.randn(6, 8, 4))
    assert len(rows) == 10
    found = {row["array"]: row for row in rows}
    for name, place, u, limit in (("output_gate_l1", 3, 0.25, 2.0), ("cell_output_l0", 4, 1.0, 1.0)):
        x = arrays[name].astype(np.float64)
        own: Any = getattr(layer, f"p_l{name[-1]}")
        p = own.detach().numpy().astype(np.float64)[5 * place : 5 * place + 5]
        outside = np.abs(x) >= limit
        slope = sigma_slope(x, np.broadcast_to(p, x.shape), 3.0, u)[outside]
        assert found[name]["share_saturated"] == pytest.approx(outside.mean())
        assert found[name]["noise_rms_saturated"] == pytest.approx(np.sqrt(np.mean(slope**2)) / u, rel=1e-4)
        assert found[name]["response_saturated"] == pytest.approx(-0.1 if u == 0.25 else -0.15)
    cell = NoisyLSTMCell(4, 5, kind="nan", c=3.0)
    _, rows = seen_by(cell, torch.randn(6, 4))
    assert len(rows) == 5


def test_soft_units_respond_by_their_slope_and_units_that_never_saturate_by_no_number() -> None:
    model = torch.nn.Sequential(NoisyActivation("tanh", kind="none", units=2))
    x = torch.tensor([[0.5, -2.0], [1.0, 0.2]])
    _, (row,) = seen_by(model, x)
    assert row["response_saturated"] == pytest.approx(np.mean(1.0 - np.tanh([-2.0, 1.0]) ** 2), rel=1e-6)
    assert row["noise_rms_saturated"] == 0.0
    _, (row,) = seen_by(model, 0.1 * x)
    assert row["share_saturated"] == 0.0
    assert np.isnan(row["response_saturated"])


def test_a_few_moments_from_the_first_update_to_the_last() -> None:
    assert sorted(looked_at(1000)) == [0, 50, 100, 250, 500, 750, 999]
    assert sorted(looked_at(2)) == [0, 1]
