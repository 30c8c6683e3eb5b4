"""The profile of real pre-activations against plain NumPy on the same numbers, and against known distributions."""

import itertools
from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from conftest import crossed

import noisyviz as nv
from noisyviz.networks import histogram as tally
from noisyviz.networks import noise_effect
from noisyviz.networks import row_blocks as blocks
from noisyviz.networks.buffers import Scratch
from noisyviz.networks.noise_effect import NoiseProfile
from noisyviz.networks.results import QUANTILES, UNIT_QUANTILES, ArrayProfile
from noisyviz.networks.row_blocks import count_rows, over_rows
from noisyviz.networks.saturation import FINE
from noisyviz.networks.value_grid import Grid

DATA = Path(__file__).parents[1] / "data"
NUMBERS = (
    *("share_left", "share_right", "share_saturated", "mean_abs_delta", "mean_derivative"),
    *("units", "samples", "non_finite", "dead_units"),
)


def real(file: str) -> dict[str, npt.NDArray[np.float32]]:
    with np.load(DATA / file) as archive:
        return {name: archive[name] for name in archive.files}


def same(found: ArrayProfile, other: ArrayProfile) -> None:
    for name in NUMBERS:
        assert getattr(found, name) == pytest.approx(getattr(other, name), rel=1e-12), name
    np.testing.assert_array_equal(found.quantiles, other.quantiles)
    np.testing.assert_array_equal(found.counts, other.counts)
    assert found.noise is not None
    assert other.noise is not None
    for name in NoiseProfile.__dataclass_fields__:
        assert getattr(found.noise, name) == pytest.approx(getattr(other.noise, name), rel=1e-10), name


def test_shares_of_trained_networks_are_those_that_numpy_counts() -> None:
    for file, fn, threshold in (("digits.npz", "tanh", 1.0), ("gates.npz", "sigmoid", 2.0)):
        arrays = real(file)
        found = nv.profile(arrays, fn=fn)
        for array in found.arrays:
            x = arrays[array.name].astype(np.float64)
            h = nv.activation(fn)
            assert array.share_left == np.mean(x <= -threshold)
            assert array.share_right == np.mean(x >= threshold)
            assert array.share_saturated == np.mean(np.abs(x) >= threshold)
            assert array.mean_abs_delta == pytest.approx(np.mean(np.abs(h.h(x) - h.linear(x))), rel=1e-12)
            assert array.mean_derivative == pytest.approx(np.mean(h.derivative(x)), rel=1e-12)
            assert array.dead_units == np.sum(np.mean(np.abs(x) >= threshold, axis=0) >= 0.99)
            assert array.per_unit is not None
            np.testing.assert_array_equal(array.per_unit.share_left, np.mean(x <= -threshold, axis=0))
            np.testing.assert_array_equal(array.per_unit.high, x.max(axis=0))


def test_a_number_at_a_threshold_saturates() -> None:
    found = nv.profile([-1.0, np.nextafter(-1.0, 0.0), 0.0, 1.0]).total
    assert (found.share_left, found.share_right) == (0.25, 0.25)


def test_the_total_counts_all_arrays_together() -> None:
    arrays = real("digits.npz")
    total = nv.profile(arrays).total
    x = np.concatenate([values.ravel() for values in arrays.values()])
    assert total.share_saturated == pytest.approx(np.mean(np.abs(x) >= 1), rel=1e-12)
    assert (total.units, total.samples, total.fn) == (96 + 64 + 32, 3 * 128, "tanh")


def test_each_array_may_have_its_own_activation() -> None:
    arrays = real("gates.npz")
    found = nv.profile(arrays, fn="sigmoid", functions={"cell_candidate": "tanh"})
    assert {array.name: array.fn for array in found.arrays}["cell_candidate"] == "tanh"
    candidate = next(array for array in found.arrays if array.name == "cell_candidate")
    assert candidate.share_saturated == np.mean(np.abs(arrays["cell_candidate"]) >= 1)
    assert found.total.fn == ""
    with pytest.raises(nv.InputError, match="no array 'candidate'"):
        nv.profile(arrays, functions={"candidate": "tanh"})


@pytest.mark.parametrize("kind", ["nah", "nanil"])
@pytest.mark.parametrize("chunk", [1, 97, 1000, 10**9])
def test_the_chunk_size_changes_nothing(kind: str, chunk: int) -> None:
    x = real("gates.npz")["input_gate"][:16].reshape(2, 8, 96).copy()
    x[0, 3, 5:9] = [np.nan, np.inf, -np.inf, 1e30]
    unit = nv.NoisyUnit("sigmoid", kind=kind, c=1.0)
    same(
        nv.profile(x, fn="sigmoid", unit=unit, chunk=chunk).arrays[0],
        nv.profile(x, fn="sigmoid", unit=unit).arrays[0],
    )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "u2", "i8"])
def test_any_real_dtype_and_memory_order(dtype: str, order: str) -> None:
    x = np.asarray(np.arange(24).reshape(2, 3, 4) % 5, dtype=dtype, order=order)  # type: ignore[call-overload]  # order is "C" or "F"
    found = nv.profile(x, chunk=5).total
    assert found.share_saturated == np.mean(np.arange(24) % 5 >= 1)
    assert (found.units, found.samples) == (4, 6)


def test_a_known_distribution_gives_the_analytic_shares() -> None:
    """At 100,000 quantiles of a normal distribution each share is right to one sample."""
    law = NormalDist(0.3, 1.7)
    p = (np.arange(100_000) + 0.5) / 100_000
    x = np.array([law.inv_cdf(value) for value in p])
    found = nv.profile(x, fn="tanh").total
    assert found.share_left == pytest.approx(law.cdf(-1.0), abs=1e-5)
    assert found.share_right == pytest.approx(1.0 - law.cdf(1.0), abs=1e-5)
    for q, value in zip(QUANTILES, found.quantiles, strict=True):
        assert value == pytest.approx(law.inv_cdf(q), abs=(1.0 + abs(value)) / 512)


def test_non_finite_numbers_are_counted_and_left_out() -> None:
    x = np.array([[0.0, np.nan], [2.0, np.nan], [np.inf, np.nan], [-3.0, -np.inf]])
    found = nv.profile(x, unit=nv.NoisyUnit("tanh")).arrays[0]
    assert found.non_finite == 5
    assert (found.share_left, found.share_right, found.dead_units) == (1 / 3, 1 / 3, 0)
    assert found.per_unit is not None
    assert found.per_unit.samples.tolist() == [3, 0]
    assert np.isnan(found.per_unit.share_saturated[1])
    empty = nv.profile(np.full(3, np.nan), unit=nv.NoisyUnit("tanh")).total
    assert np.isnan([empty.share_saturated, empty.mean_derivative, *empty.quantiles]).all()


def test_a_unit_is_dead_from_99_percent_on() -> None:
    x = np.full((1000, 3), 5.0)
    x[:10, 0], x[:11, 1] = 0.0, 0.0
    found = nv.profile(x).arrays[0]
    assert found.per_unit is not None
    assert found.per_unit.dead.tolist() == [True, False, True]


@pytest.mark.parametrize("kind", list(nv.KINDS))
def test_the_noise_block_is_that_of_the_exact_road_at_every_sample(kind: str) -> None:
    """Kinds with output noise are closed at each sample; the grid of the others is off by less than 1e-5."""
    x = real("gates.npz")["input_gate"][:20].astype(np.float64)
    unit = nv.NoisyUnit("sigmoid", kind=kind, c=0.8)
    noise = nv.profile(x, fn="tanh", functions={"x": "sigmoid"}, unit=unit).total.noise
    assert noise is not None
    moments, saturated = nv.exact(unit, x), np.abs(x) >= 2.0
    tolerance = 1e-12 if nv.KINDS[kind].output_noise else 1e-5

    def rms(values: npt.NDArray[np.float64]) -> object:
        return pytest.approx(np.sqrt(np.mean(values**2)), rel=tolerance, abs=1e-15)

    assert noise.bias_rms == rms(moments.bias)
    assert noise.std_rms == rms(moments.std)
    assert noise.bias_rms_saturated == rms(moments.bias[saturated])
    assert noise.std_rms_saturated == rms(moments.std[saturated])
    assert noise.grad_rms_saturated == rms(moments.grad_rms[saturated])
    assert noise.grad_rms_noiseless_saturated == rms(unit.activation.derivative(x)[saturated])
    for name, values in signed(unit, x, moments).items():
        want = rms(values[saturated]) if name == "noise_rms_saturated" else np.mean(values[saturated])
        assert getattr(noise, name) == (want if "rms" in name else pytest.approx(want, rel=1e-5, abs=1e-9)), name


def signed(unit: nv.NoisyUnit, x: npt.NDArray[np.float64], moments: nv.Moments) -> dict[str, npt.NDArray[np.float64]]:
    """What is averaged over saturated samples, in units of u′ (of thresholds on both sides, or on the left)."""
    slope, (low, high) = unit.activation.slope, unit.activation.thresholds
    side = np.where(x >= high, 1.0, np.where(x <= low, -1.0, 0.0))
    return {
        "response_saturated": moments.grad_mean / slope,
        "response_noiseless_saturated": unit.activation.derivative(x) / slope,
        "pull_saturated": side * moments.grad_cov / slope,
        "noise_rms_saturated": moments.grad_std / slope,
        "p_wrong_saturated": moments.p_wrong,
        "p_zero_saturated": moments.p_zero,
    }


@pytest.mark.parametrize(
    ("fn", "kind"), crossed(["sigmoid", "arctan", "relu"], ["nan", "nah", "nani", "nanis", "nanil-softplus"])
)
def test_in_cells_the_noise_block_is_off_by_1e_5_and_that_of_units_by_1e_3(
    kind: str, fn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for an array too large to look at each number; the thresholds of arctan lie inside cells."""
    monkeypatch.setattr(noise_effect, "CLOSED", 0)
    x = real("gates.npz")["input_gate"].astype(np.float64)
    unit = nv.NoisyUnit(fn, kind=kind, c=0.8)
    found = nv.profile(x.astype(np.float32), fn=fn, unit=unit).arrays[0]
    assert found.per_unit is not None
    assert found.noise is not None
    assert found.per_unit.noise is not None
    moments, saturated = nv.exact(unit, x), unit.activation.saturated(x)
    with np.errstate(all="ignore"):  # units without saturated samples
        for name, values, weights in (
            ("bias_rms", moments.bias, np.ones(x.shape)),
            ("std_rms", moments.std, np.ones(x.shape)),
            ("bias_rms_saturated", moments.bias, saturated),
            ("std_rms_saturated", moments.std, saturated),
            ("grad_rms_saturated", moments.grad_rms, saturated),
            ("grad_rms_noiseless_saturated", unit.activation.derivative(x), saturated),
        ):
            square = weights * values**2
            whole = np.sqrt(square.sum() / weights.sum())
            assert getattr(found.noise, name) == pytest.approx(whole, rel=1e-5, abs=1e-12), name
            columns = np.sqrt(square.sum(axis=0) / weights.sum(axis=0))
            np.testing.assert_allclose(
                getattr(found.per_unit.noise, name), columns, rtol=1e-3, atol=1e-12, err_msg=name
            )
        for name, values in signed(unit, x, moments).items():
            power, allowed = (2 if "rms" in name else 1), (1e-9 if "rms" in name else 1e-5)
            term = saturated * values**power
            whole = (term.sum() / saturated.sum()) ** (1 / power)
            assert getattr(found.noise, name) == pytest.approx(whole, rel=1e-4, abs=allowed), name
            columns = (term.sum(axis=0) / saturated.sum(axis=0)) ** (1 / power)
            apart = getattr(found.per_unit.noise, name)
            np.testing.assert_allclose(apart, columns, rtol=2e-3, atol=1e-4, err_msg=name)


def test_a_threshold_inside_a_cell_divides_it() -> None:
    """Noise of nanis jumps at π/2: of two samples in one cell one has it."""
    unit = nv.NoisyUnit("arctan", kind="nanis", c=2.0)
    x = np.array([np.pi / 2 - 2e-4, np.pi / 2 + 2e-4], dtype=np.float32)
    assert len(set(FINE.cell(x.astype(np.float64)).tolist())) == 1
    noise = nv.profile(x, fn="arctan", unit=unit).total.noise
    assert noise is not None
    std = nv.exact(unit, float(x[1])).std
    assert noise.std_rms_saturated == pytest.approx(float(std), rel=1e-5)
    assert noise.std_rms == pytest.approx(float(std) / np.sqrt(2), rel=1e-5)


def test_the_noise_of_units_is_closed_where_that_of_the_array_is() -> None:
    x = real("digits.npz")["layer2"].astype(np.float64)
    unit = nv.NoisyUnit("tanh", kind="nah", c=0.8)
    per_unit = nv.profile(x, unit=unit).arrays[0].per_unit
    assert per_unit is not None
    assert per_unit.noise is not None
    saturated = np.abs(x) >= 1.0
    with np.errstate(all="ignore"):
        grad = np.sqrt((saturated * nv.exact(unit, x).grad_rms ** 2).sum(axis=0) / saturated.sum(axis=0))
    np.testing.assert_allclose(per_unit.noise.grad_rms_saturated, grad, rtol=1e-12)
    np.testing.assert_allclose(
        per_unit.noise.bias_rms, np.sqrt(np.mean(nv.exact(unit, x).bias ** 2, axis=0)), rtol=1e-12
    )


def test_far_numbers_keep_their_mean_in_the_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noise_effect, "CLOSED", 0)
    x = np.array([[-1e30, 2e6], [-1e30, 2e6], [0.0, 70_000.0]])
    unit = nv.NoisyUnit("tanh", alpha=0.5, c=0.0)  # bias = (x - tanh x)/2
    found = nv.profile(x, unit=unit, chunk=2).arrays[0]
    assert found.per_unit is not None
    assert found.noise is not None
    assert found.per_unit.noise is not None
    assert found.noise.bias_rms_saturated == pytest.approx(0.5e30 * np.sqrt(2 / 5), rel=1e-6)
    assert found.per_unit.noise.bias_rms_saturated[0] == pytest.approx(0.5e30, rel=1e-6)


@pytest.mark.parametrize("units", [3, 64, 200, 20_000])
def test_quantiles_of_units_are_as_near_as_is_said(units: int) -> None:
    x = np.random.default_rng(0).standard_cauchy((40, units)).astype(np.float32)
    np.clip(x, -1000.0, 1000.0, out=x)
    per_unit = nv.profile(x).arrays[0].per_unit
    assert per_unit is not None
    assert per_unit.quantile_error is not None
    assert per_unit.quantile_error <= (1 / 32 if units <= 4096 else 1 / 8)
    true = np.quantile(x.astype(np.float64), UNIT_QUANTILES, axis=0, method="inverted_cdf").T
    assert (np.abs(per_unit.quantiles - true) <= (1.0 + np.abs(true)) * per_unit.quantile_error * (1 + 1e-9)).all()


def test_very_wide_arrays_get_no_quantiles_per_unit_and_say_so() -> None:
    per_unit = nv.profile(np.zeros((1, 300_000)), unit=nv.NoisyUnit("tanh", kind="nani")).arrays[0].per_unit
    assert per_unit is not None
    assert per_unit.quantile_error is None
    assert per_unit.noise is None
    assert np.isnan(per_unit.quantiles).all()


def test_twice_the_units_cost_one_bit_of_the_quantiles_at_most() -> None:
    found = [nv.profile(np.zeros((1, units)), fn="tanh").arrays[0].per_unit for units in (30, 60, 120, 240)]
    errors = [rows.quantile_error for rows in found if rows is not None and rows.quantile_error is not None]
    assert [b / a for a, b in itertools.pairwise(errors)] == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("chunk", [None, 100])
def test_shares_alone_are_those_of_the_whole_profile(chunk: int | None) -> None:
    x = real("digits.npz")["layer2"].copy()
    x[3, 5] = np.nan
    quick, full = (nv.profile(x, shares_only=only, chunk=chunk).arrays[0] for only in (True, False))
    for name in ("share_left", "share_right", "share_saturated", "dead_units", "non_finite"):
        assert getattr(quick, name) == getattr(full, name)
    assert quick.per_unit is not None
    assert full.per_unit is not None
    for name in ("samples", "share_left", "share_right", "dead", "low", "high"):
        np.testing.assert_array_equal(getattr(quick.per_unit, name), getattr(full.per_unit, name))
    assert quick.noise is None
    assert np.isnan([quick.mean_abs_delta, quick.mean_derivative, *quick.quantiles]).all()


def test_counts_outlast_the_integers_they_are_packed_in(monkeypatch: pytest.MonkeyPatch) -> None:
    x, unit = np.tile(real("gates.npz")["input_gate"][:400], (20, 1)), nv.NoisyUnit("sigmoid", kind="nani")
    full = np.full((17, 1), np.nextafter(3.0, 0.0))  # one count too many, each at the far end of its cell
    usual, one_more = (nv.profile(values, fn="sigmoid", unit=unit) for values in (x, full))
    monkeypatch.setattr(tally, "_COUNT", 4)
    monkeypatch.setattr(tally, "_SHIFT", tally._PLACE + 4)
    spilled = nv.profile(x, fn="sigmoid", unit=unit, chunk=1000)
    same(spilled.total, usual.total)
    same(nv.profile(full, fn="sigmoid", unit=unit, chunk=17).total, one_more.total)
    one, other = spilled.arrays[0].per_unit, usual.arrays[0].per_unit
    assert one is not None
    assert other is not None
    np.testing.assert_array_equal(one.quantiles, other.quantiles)


@pytest.mark.parametrize("fn", ["tanh", "erf", "arctan", "selu", "relu", "hard-sigmoid-6"])
def test_float32_samples_next_to_a_threshold_fall_on_the_side_of_exact_arithmetic(fn: str) -> None:
    low, high = nv.activation(fn).thresholds
    near = [np.float32(t) for t in (low, high) if np.isfinite(t)]
    x = np.array([np.nextafter(t, np.float32(to)) for t in near for to in (-np.inf, np.inf)] + near, dtype=np.float32)
    found = nv.profile(x, fn=fn, unit=nv.NoisyUnit(fn, kind="nanis")).total
    assert found.share_left == np.mean([float(value) <= low for value in x])
    assert found.share_right == np.mean([float(value) >= high for value in x])


@pytest.mark.parametrize("shape", [(1, 1), (1000, 1), (777, 3), (600, 700), (2, 5000)])
def test_reductions_over_rows_are_those_of_numpy(shape: tuple[int, int]) -> None:
    x = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32)
    np.testing.assert_array_equal(over_rows(np.add, x), x.sum(axis=0))
    np.testing.assert_array_equal(over_rows(np.minimum, x), x.min(axis=0))
    np.testing.assert_array_equal(count_rows(x > -9), np.count_nonzero(x > -9, axis=0))


def test_what_is_no_pre_activation_is_refused() -> None:
    for values, message in (
        (np.zeros((0, 3)), "empty array"),
        (np.array(1.0), "single number"),
        (np.array(["a"]), "real numbers"),
    ):
        with pytest.raises(nv.InputError, match=message):
            nv.profile(values)
    with pytest.raises(nv.InputError, match="chunk must be at least 1"):
        nv.profile([1.0], chunk=0)
    with pytest.raises(nv.InputError, match="no array"):
        nv.profile({})


def test_cells_hold_what_falls_between_their_edges() -> None:
    grid = Grid(bits=3, octaves=20)
    edges = grid.edges()
    assert (np.diff(edges) > 0).all()
    assert {-3.0, -1.0, 0.0, 1.0, 3.0} <= set(edges)
    x = np.random.default_rng(0).standard_cauchy(10_000)
    cell = grid.cell(x)
    assert ((edges[cell] <= x) & (x <= edges[cell + 1])).all()
    assert (np.diff(edges)[cell] <= (1.0 + np.abs(x)) / 8).all()


def test_pages_of_a_memory_map_are_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = []
    monkeypatch.setattr(blocks, "_RELEASE", 800)
    monkeypatch.setattr(blocks, "_release", lambda array: released.append(type(array.base).__name__))
    np.save(tmp_path / "a.npy", np.ones((100, 4)))
    assert nv.profile(np.load(tmp_path / "a.npy", mmap_mode="r"), chunk=40).total.share_saturated == 1.0
    assert released == ["mmap"] * 4  # three times on the way and once at the end


@pytest.mark.parametrize("fn", ["tanh", "sigmoid", "lecun-tanh"])
def test_mean_abs_delta_of_small_inputs_has_no_cancellation(fn: str) -> None:
    x = np.random.default_rng(7).normal(0, 1e-6, (400, 3))
    third = {"tanh": 1 / 3, "sigmoid": 1 / 48, "lecun-tanh": 1.7159 * (2 / 3) ** 3 / 3}[fn]  # of x³ in u − h
    found = nv.profile(x, fn=fn).arrays[0]
    assert found.mean_abs_delta == pytest.approx(third * np.mean(np.abs(x) ** 3), rel=1e-10)
    assert found.per_unit is not None
    np.testing.assert_allclose(found.per_unit.mean_abs_delta, third * np.mean(np.abs(x) ** 3, axis=0), rtol=1e-10)


@pytest.mark.parametrize("means", [False, True])
@pytest.mark.parametrize("split", [False, True])
def test_samples_are_counted_in_their_cells_with_means_or_alone(split: bool, means: bool) -> None:
    rng = np.random.default_rng(0)
    grid = Grid(bits=2, octaves=3)
    x = rng.normal(0.0, 4.0, (500, 3))  # the outermost cells hold all beyond ±7
    good = rng.random(x.shape) < 0.9
    cells = tally.Tally(grid=grid, split=split, means=means)
    for part in (slice(0, 200), slice(200, None)):
        here = np.ascontiguousarray(x[part])
        cells.take(
            tally.Places.of(here, here >= 1.0, good=good[part], peak=float(np.abs(here).max()), scratch=Scratch())
        )
    ends = [
        -np.inf,
        *(sign * (2.0**k * (1 + m / 4) - 1) for sign in (-1, 1) for k in range(3) for m in range(4)),
        np.inf,
    ]
    ends = sorted({*ends, 0.0})
    counts, _ = np.histogram(x[good], bins=ends)
    assert counts[0] > 0
    np.testing.assert_array_equal(cells.counts(), counts)
