"""Special functions against 30-digit references."""

import mpmath
import numpy as np

from noisyviz.units.special import normal_cdf


def test_the_normal_distribution_function_keeps_its_digits_in_both_tails() -> None:
    x = np.linspace(-37.0, 9.0, 93)
    with mpmath.workdps(30):
        expected = np.array([float(mpmath.ncdf(value)) for value in x])
    assert np.all(np.abs(normal_cdf(x) / expected - 1.0) <= 1e-15 * (1.0 + x * x))


def test_shape_and_missing_values_stay() -> None:
    found = normal_cdf(np.array([[np.nan, 0.0], [np.inf, -np.inf]]))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [[np.nan, 0.5], [1.0, 0.0]])
