"""The profile of real pre-activations against plain NumPy on the same numbers, and against known distributions."""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest

import noisyviz as nv
from noisyviz.engine.grid import Grid
from noisyviz.engine.noise_effect import NoiseProfile
from noisyviz.engine.profile import MAX_CELLS, QUANTILES, UNIT_QUANTILES, ArrayProfile

DATA = Path(__file__).parent / "data"
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


def test_quantiles_of_units_are_off_by_one_cell_at_most() -> None:
    x = real("digits.npz")["layer2"].astype(np.float64)
    per_unit = nv.profile(x).arrays[0].per_unit
    assert per_unit is not None
    true = np.quantile(x, UNIT_QUANTILES, axis=0, method="inverted_cdf").T
    assert (np.abs(per_unit.quantiles - true) <= (1.0 + np.abs(true)) / 16).all()


def test_very_wide_arrays_get_no_quantiles_per_unit() -> None:
    units = MAX_CELLS // (2 * 16 * 32) + 1
    per_unit = nv.profile(np.zeros((1, units))).arrays[0].per_unit
    assert per_unit is not None
    assert np.isnan(per_unit.quantiles).all()


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
    import noisyviz.engine.profile as module

    released = []
    release = module._release

    def spy(array: npt.NDArray[np.float64]) -> None:
        released.append(array.size)
        release(array)

    monkeypatch.setattr(module, "_release", spy)
    np.save(tmp_path / "a.npy", np.ones((100, 4)))
    assert nv.profile(np.load(tmp_path / "a.npy", mmap_mode="r"), chunk=40).total.share_saturated == 1.0
    assert len(released) == 10
