"""Noisy units φ(x, ξ): an activation with a kind of noise and its parameters (Eqs 9, 11, 12, 14 and 15).

`NoisyUnit` is the public value. What depends on x alone is computed once by `NoisyUnit.at`, which answers with an
`OutputNoise` (φ is affine in ε) or an `InputNoise` (φ is h of a shifted input); both give φ, ∂φ/∂x and ∂φ/∂p for any
draws.
"""

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import numpy as np
import numpy.typing as npt

from noisyviz.errors import InputError, check_name
from noisyviz.results import Summary, drawing, told
from noisyviz.units.activation import Activation, Array, limits_at_infinity
from noisyviz.units.activations import activation
from noisyviz.units.kinds import KINDS
from noisyviz.units.noise import Noise
from noisyviz.units.noise import noise as named_noise
from noisyviz.units.parameters import PARAMETERS, default
from noisyviz.units.scales import named_scale, scale_formula
from noisyviz.units.special import expit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

At = TypeVar("At", bound="OutputNoise | InputNoise")
_SETTINGS: Final = ("kind", "alpha", "c", "p", "scale", "noise")
_STEPS: Final = 9  # of Newton's method
Cut = slice | npt.NDArray[np.int64] | tuple[slice | npt.NDArray[np.int64] | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OutputNoise:
    """A unit affine in ε at given x: φ = base + amplitude·ε, ε = ξ or abs ξ.

    Parameters
    ----------
    base, leak, base_slope
        αh + (1−α)u, its distance from h, and its derivative.
    amplitude, amplitude_slope, amplitude_p
        d·σ and its derivatives by x and by p.
    sign_base, sign_slope
        Two numbers in the ratio of base_slope to amplitude_slope, with the signs of exact arithmetic also where
        these underflow.
    half
        Whether ε = abs ξ.
    """

    base: Array
    leak: Array
    base_slope: Array
    amplitude: Array
    amplitude_slope: Array
    amplitude_p: Array
    sign_base: Array
    sign_slope: Array
    half: bool

    def part(self, cut: Cut) -> Self:
        """Return the same at some of the points; all arrays have shape (n,)."""
        return _cut(self, cut)

    def epsilon(self, xi: Array) -> Array:
        """Return ε for raw draws ξ."""
        return np.abs(xi) if self.half else xi

    def phi(self, xi: Array) -> Array:
        """Return φ (Eq 12)."""
        return self.base + self.amplitude * self.epsilon(xi)

    def deviation(self, xi: Array) -> Array:
        """Return φ − base, with its own digits."""
        return self.amplitude * self.epsilon(xi)

    def grad_x(self, xi: Array) -> Array:
        """Return ∂φ/∂x."""
        return self.base_slope + self.amplitude_slope * self.epsilon(xi)

    def grad_p(self, xi: Array) -> Array:
        """Return ∂φ/∂p."""
        return self.amplitude_p * self.epsilon(xi)

    def grad_sign(self, xi: Array) -> Array:
        """Return the sign of ∂φ/∂x, right also where it underflows."""
        return np.sign(self.sign_base + self.sign_slope * self.epsilon(xi))


@dataclass(frozen=True, slots=True, eq=False)
class InputNoise:
    """A unit with noise on its input at given x: φ = h(x + s), s = σξ.

    Parameters
    ----------
    activation
        h.
    x, base
        The input and h(x).
    sigma, sigma_slope, sigma_p
        σ and its derivatives by x and by p.
    """

    activation: Activation
    x: Array
    base: Array
    sigma: Array
    sigma_slope: Array
    sigma_p: Array

    def part(self, cut: Cut) -> Self:
        """Return the same at some of the points; all arrays have shape (n,)."""
        return _cut(self, cut)

    def shift(self, xi: Array) -> Array:
        """Return s, what the noise adds to the input."""
        return self.sigma * xi

    def factor(self, xi: Array) -> Array:
        """Return ∂(x + s)/∂x."""
        return 1.0 + self.sigma_slope * xi

    def shift_p(self, xi: Array) -> Array:
        """Return ∂s/∂p."""
        return self.sigma_p * xi

    def phi(self, xi: Array) -> Array:
        """Return φ (Eqs 14, 15)."""
        return self.activation.function(self.x + self.shift(xi))

    def deviation(self, xi: Array) -> Array:
        """Return φ − h(x), with its own digits also where h is large."""
        return self.change(self.shift(xi))

    def change(self, s: Array) -> Array:
        """Return h(x + s) − h(x), with its own digits also where h is large."""
        h = self.activation
        if h.pieces is not None:
            breaks, slopes = np.asarray(h.breaks), np.asarray(h.pieces)[:, 1]
            home = np.searchsorted(breaks, self.x)
            stays = np.searchsorted(breaks, self.x + s) == home
            return np.where(stays, slopes[home] * s, h.function(self.x + s) - self.base)
        if np.isfinite(h.left) and np.isfinite(h.right):
            return h.function(self.x + s) - self.base
        # h = u + Δ: difference whichever of h and Δ is the smaller at x
        delta, z = h.finite_delta(self.x), self.x + s
        small = np.abs(self.base) <= np.abs(delta)
        if small.all():
            return h.function(z) - self.base
        if h.delta_function is None:
            value = h.function(z)
            far = value - (h.intercept + h.slope * z)
            return np.where(small, value - self.base, h.slope * s + (far - delta))
        if not small.shape[-1:] == z.shape[-1:] == (small.size,):
            return np.where(small, h.function(z) - self.base, h.slope * s + (h.delta_function(z) - delta))
        by_h, by_delta = np.flatnonzero(small), np.flatnonzero(~small)  # the points lie along the last axis: one each
        deviation = h.slope * s + 0.0 * z
        deviation[..., by_h] = h.function(z[..., by_h]) - self.base.ravel()[by_h]
        deviation[..., by_delta] += h.delta_function(z[..., by_delta]) - delta.ravel()[by_delta]
        return deviation

    def values(self, xi: Array, *, learned: bool) -> list[Array]:
        """Return φ − h(x), ∂φ/∂x and, if wanted, ∂φ/∂p together, in new arrays: less work than apart."""
        return self.values_of(*self.shift_and_gain(xi), learned=learned)

    def values_of(self, shift: Array, gain: Array, *, learned: bool, one_piece: bool = False) -> list[Array]:
        """Return the same for what `shift_and_gain` returns.

        With `one_piece`, no kink of h lies between the x + s along the first axis: piecewise-linear h are lines there.
        """
        h = self.activation
        if one_piece and h.pieces is not None:
            middle = shift[len(shift) // 2]
            slope = h.slope_function(self.x + middle)
            deviation = slope * shift
            deviation += self.change(middle) - slope * middle
        elif h.pair_function is not None:
            deviation, slope = h.pair_function(self.x + shift)
            # not the base, which may differ in its last bit: no noise, no deviation
            deviation -= h.pair_function(self.x)[0]
        else:
            deviation, slope = self.change(shift), h.slope_function(self.x + shift)
        grad = slope + (slope * self.sigma_slope) * gain if self.sigma_slope.any() else slope + 0.0 * deviation
        return [deviation, grad, (slope * self.sigma_p) * gain] if learned else [deviation, grad]

    def shift_and_gain(self, xi: Array) -> tuple[Array, Array]:
        """Return s, and what σ′ and ∂σ/∂p are multiplied with in ∂s/∂x and ∂s/∂p."""
        return self.shift(xi), xi

    def reaching(self, gap: Array) -> Array:
        """Return the ξ at which s is `gap`, inf where none is."""
        xi = gap / self.sigma
        return np.where(np.isnan(xi), np.inf, xi)

    def slope(self, xi: Array) -> Array:
        """Return h′(x + s)."""
        return self.activation.slope_function(self.x + self.shift(xi))

    def grad_x(self, xi: Array) -> Array:
        """Return ∂φ/∂x."""
        return self.slope(xi) * self.factor(xi)

    def grad_p(self, xi: Array) -> Array:
        """Return ∂φ/∂p."""
        return self.slope(xi) * self.shift_p(xi)

    def grad_sign(self, xi: Array) -> Array:
        """Return the sign of ∂φ/∂x, right also where h′ underflows."""
        return self.activation.slope_sign(self.x + self.shift(xi)) * np.sign(self.factor(xi))


@dataclass(frozen=True, slots=True, eq=False)
class SoftplusNoise(InputNoise):
    """The authors' released form of learned input noise: s = c·softplus(t)·ξ with t = p·abs Δ/abs ξ.

    Here ``sigma`` holds c, ``sigma_slope`` holds c·p·sgn Δ·Δ′ and ``sigma_p`` holds c·abs Δ; ``reach`` is p·abs Δ.
    """

    reach: Array

    def shift(self, xi: Array) -> Array:
        """Return s; at ξ = 0 its limit from the right, c·max(p·abs Δ, 0)."""
        r = np.abs(xi)
        with np.errstate(divide="ignore", invalid="ignore"):
            excess = np.where(r == 0, 0.0, r * np.log1p(np.exp(-np.abs(self.reach) / r)))
        return np.asarray(self.sigma * _side(xi) * (np.maximum(self.reach, 0.0) + excess))

    def shift_and_gain(self, xi: Array) -> tuple[Array, Array]:
        """Return s and g(t)·sgn ξ."""
        r = np.abs(xi)
        with np.errstate(over="ignore"):
            e = np.maximum(r, 1e-300)
            np.divide(-np.abs(self.reach), e, out=e)
            np.exp(e, out=e)
        one = 1.0 + e
        gain = np.reciprocal(one)
        # log(1 + e) as the logarithm of the rounded sum, put right: faster than log1p
        shift = np.log(one)
        one -= 1.0
        np.subtract(e, one, out=one)
        one *= gain
        shift += one
        shift *= r
        shift += np.maximum(self.reach, 0.0)
        shift *= self.sigma
        if (self.reach < 0.0).any():
            gain *= np.where(self.reach < 0.0, e, 1.0)
        # the side of −0 is the right one, as in `_side`
        side = xi + 0.0
        return np.copysign(shift, side, out=shift), np.copysign(gain, side, out=gain)

    def reaching(self, gap: Array) -> Array:
        """Return the ξ at which s is `gap`: 0 where s jumps across it, inf where none is."""
        with np.errstate(all="ignore"):
            excess = np.abs(gap) / self.sigma - np.maximum(self.reach, 0.0)
            r = self.distance(excess)
        far = (self.sigma == 0.0) | ~(np.abs(gap) < 1e100) | (excess > 1e300)
        return np.sign(gap) * np.where(far, np.inf, r)

    def distance(self, excess: Array) -> Array:
        """Return the r = abs ξ at which abs s/c exceeds max(reach, 0) by so much, 0 for an excess that is not positive.

        The logarithm of the excess, r·log(1 + exp(−abs reach/r)), falls and is concave in log(1/r): Newton's method
        comes from one side.
        """
        size = np.abs(self.reach)
        with np.errstate(all="ignore"):
            r = np.maximum(excess / np.log(2.0), size / np.log(3.0 + size / excess))
            for _ in range(_STEPS):
                v = size / r
                e = np.exp(-v)
                rest = np.log1p(e)
                r = r * np.exp(np.log(excess / (r * rest)) / (1.0 + v * e / ((1.0 + e) * rest)))
            r = np.where(size == 0.0, excess / np.log(2.0), r)
        return np.where(excess > 0.0, r, 0.0)

    def gate(self, xi: Array) -> Array:
        """Return g(t)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(self.reach == 0, 0.5, expit(self.reach / np.abs(xi))))

    def factor(self, xi: Array) -> Array:
        """Return ∂(x + s)/∂x."""
        return 1.0 + self.sigma_slope * self.gate(xi) * _side(xi)

    def shift_p(self, xi: Array) -> Array:
        """Return ∂s/∂p."""
        return self.sigma_p * self.gate(xi) * _side(xi)


def _cut(at: At, cut: Cut) -> At:
    values: Any = (getattr(at, name) for name in at.__dataclass_fields__)
    kind: Any = type(at)
    part: At = kind(*(value[cut] if isinstance(value, np.ndarray) else value for value in values))
    return part


def _side(x: Array) -> Array:
    """Return the sign with sgn(0) = +1; NaN stays NaN."""
    return np.where(x < 0, -1.0, np.where(np.isnan(x), x, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Scale:
    """σ at given x with its derivatives; sign and logarithm of |σ′| hold also where it underflows."""

    sigma: Array
    slope: Array
    by_p: Array
    slope_sign: Array
    log_slope: Array


@dataclass(frozen=True, eq=False, init=False, repr=False, slots=True)
class NoisyUnit:
    """A noisy activation: an activation, a kind of noise, and the parameters α, c and p.

    Units are values: equal ones are equal and have one hash, and they can be pickled.

    Parameters
    ----------
    fn
        A name of `ACTIVATIONS`, ``module:function``, or an `Activation`.
    kind
        A key of `KINDS`.
    alpha
        α, finite; how much of h is kept: below 1 the mean leaks towards u, above 1 away from it.
    c
        Noise level, finite and ≥ 0.
    p
        The learned scalar of Eq 9, finite. α, c and p may be arrays that broadcast against x.
    scale
        A key of `SCALES`, or ``module:function`` for σ(x) = c·function(x), a function that is nowhere below 0.
    noise
        A name as in `NOISES`.

    Raises
    ------
    InputError
        For an unknown name or a parameter outside its domain.

    References
    ----------
    Gulcehre, Moczulski, Denil, Bengio, "Noisy Activation Functions", ICML 2016, Eqs 9 to 15.

    Examples
    --------
    >>> unit = NoisyUnit("hard-tanh", kind="nah", alpha=1.0, c=0.5)
    >>> float(unit(3.0, 0.0))
    1.0
    >>> bool(unit(3.0, -1.0) < 1.0)  # half-normal noise points inward at alpha = 1
    True
    """

    activation: Activation
    kind: str
    alpha: float | Array
    c: float | Array
    p: float | Array
    scale: str
    own_scale: Activation | None
    noise: Noise

    def __init__(
        self,
        fn: str | Activation,
        *,
        kind: str = default("unit"),
        alpha: float | Array = default("alpha"),
        c: float | Array = default("c"),
        p: float | Array = default("p"),
        scale: str | Activation = default("scale"),
        noise: str | Noise = default("noise"),
    ) -> None:
        check_name("kind", kind, KINDS)
        own = named_scale(scale) if isinstance(scale, str) else scale
        fill = object.__setattr__
        for name, value in (("alpha", alpha), ("c", c), ("p", p)):
            fill(self, name, _checked_number(name, value))
        fill(self, "activation", activation(fn) if isinstance(fn, str) else fn)
        fill(self, "kind", kind)
        fill(self, "scale", scale if isinstance(scale, str) else scale.name)
        fill(self, "own_scale", own)
        fill(self, "noise", named_noise(noise) if isinstance(noise, str) else noise)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unit_of, (self.activation, self._settings())

    def _settings(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _SETTINGS} | {"scale": self.own_scale or self.scale}

    def _key(self) -> tuple[Any, ...]:
        numbers = [np.asarray(getattr(self, name), dtype=np.float64) + 0.0 for name in ("alpha", "c", "p")]  # no -0
        values = [(number.shape, number.tobytes()) for number in numbers]
        return (self.activation, self.kind, self.own_scale or self.scale, self.noise, *values)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, NoisyUnit) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        words = [repr(self.activation.name), f"kind={self.kind!r}"]
        words += [f"{name}={_told(getattr(self, name))}" for name in ("alpha", "c", "p")]
        words += [f"scale={self.scale!r}"] if self.scale != default("scale") else []
        words += [f"noise={self.noise.name!r}"] if self.noise.name != default("noise") else []
        return f"NoisyUnit({', '.join(words)})"

    def _repr_html_(self) -> str:
        kind = KINDS[self.kind]
        rows = [("h", self.activation.formula), ("phi", kind.formula), ("source", kind.source)]
        rows += [(name, _told(getattr(self, name))) for name in ("alpha", "c", "p") if name in kind.uses]
        rows += [("scale", scale_formula(self.scale))] if "scale" in kind.uses else []
        rows += [("noise", self.noise.name)] if self.kind != "none" else []
        title = f"{self.activation.name}, {self.kind}"
        return Summary(title=title, header=("", ""), rows=rows).html()

    def to_dict(self) -> dict[str, Any]:
        """Return the settings under the names of the command's options: fn, unit, alpha, c, p, scale, noise.

        Examples
        --------
        >>> NoisyUnit("hard-tanh", alpha=1.15).to_dict()["alpha"]
        1.15
        """
        numbers = {name: np.asarray(getattr(self, name), dtype=np.float64).tolist() for name in ("alpha", "c", "p")}
        names = {"fn": self.activation.name, "unit": self.kind}
        return {**names, **numbers, "scale": self.scale, "noise": self.noise.name}

    def plot(self, ax: "Axes | None" = None, **options: Any) -> "Figure":
        """Draw the unit: `noisyviz.plot` of it, with the same options."""
        drawn: Figure = drawing().plot(self, ax, **options)
        return drawn

    def replace(self, **changes: Any) -> "NoisyUnit":
        """Return the same unit with other parameters, checked as at the start."""
        return NoisyUnit(changes.pop("fn", self.activation), **{**self._settings(), **changes})

    def __call__(self, x: npt.ArrayLike, xi: npt.ArrayLike) -> Array:
        """Return φ(x, ξ), elementwise over the broadcast of x and raw signed draws ξ.

        Returns
        -------
        ndarray
            float64; ±inf where x is infinite and the unit grows without bound.
        """
        return self._elementwise("phi", x, xi)

    def grad_x(self, x: npt.ArrayLike, xi: npt.ArrayLike) -> Array:
        """Return the pathwise gradient ∂φ/∂x, elementwise; the jump of nanis at a threshold is left out."""
        return self._elementwise("grad_x", x, xi)

    def grad_p(self, x: npt.ArrayLike, xi: npt.ArrayLike) -> Array:
        """Return ∂φ/∂p, elementwise; 0 for the kinds without p."""
        return self._elementwise("grad_p", x, xi)

    def grad_sign(self, x: npt.ArrayLike, xi: npt.ArrayLike) -> Array:
        """Return the sign of ∂φ/∂x, elementwise; a soft h′ that underflows never counts as 0."""
        return self._elementwise("grad_sign", x, xi)

    def test_time(self, x: npt.ArrayLike) -> Array:
        """Return φ with the noise variable replaced by its expectation (Eq 13), of x's shape."""
        expected = self.noise.abs_mean if self.kind == "nah" else 0.0
        return self._elementwise("phi", x, expected)

    def direction(self, x: npt.ArrayLike) -> Array:
        """Return d(x) = −sgn(x)·sgn(1−α) with sgn(0) = +1, of x's shape."""
        return -_side(np.asarray(x, dtype=np.float64)) * _side(1.0 - np.asarray(self.alpha, dtype=np.float64))

    def sigma(self, x: npt.ArrayLike) -> Array:
        """Return σ(x), what multiplies ξ or ε, of x's shape; NaN for nanil-softplus, which has no such factor."""
        return limits_at_infinity(lambda x: self._sigma(x).sigma, x)

    def at(self, x: Array) -> OutputNoise | InputNoise:
        """Return the unit at finite x with all that does not depend on ξ computed; NaN stays NaN."""
        with np.errstate(all="ignore"):
            if self.kind == "nanil-softplus":
                return self._softplus(x)
            if self.kind in ("add", "mult"):
                return self._behind(x)
            scale = self._sigma(x)
            if KINDS[self.kind].output_noise:
                return self._output(x, scale)
            h = self.activation.function(x)
            return InputNoise(self.activation, x, h, scale.sigma, scale.slope, scale.by_p)

    def _elementwise(self, method: str, x: npt.ArrayLike, xi: npt.ArrayLike) -> Array:
        draws = np.asarray(xi, dtype=np.float64)
        return limits_at_infinity(
            lambda x: getattr(self.at(x), method)(draws),
            np.broadcast_arrays(np.asarray(x, np.float64), draws)[0],
        )

    def _sigma(self, x: Array) -> _Scale:
        h = self.activation
        nothing = 0.0 * x * self.c
        if "scale" not in KINDS[self.kind].uses:
            level = {
                "none": 0.0,
                "add": self.c,
                "mult": self.c * np.abs(h.function(x)),
                "nani": self.c,
                "nanis": self.c * np.where(h.saturated(x), 1.0, 0.0),
                "nanil-softplus": np.nan,
            }[self.kind]
            return _Scale(
                sigma=nothing + level,
                slope=nothing,
                by_p=nothing,
                slope_sign=nothing,
                log_slope=nothing - np.inf,
            )
        if self.own_scale is not None:
            slope = self.own_scale.slope_function(x)
            return _Scale(
                sigma=self.c * self.own_scale.function(x),
                slope=self.c * slope,
                by_p=nothing,
                slope_sign=np.sign(self.c * slope),
                log_slope=np.log(np.abs(self.c * slope)),
            )
        if self.scale == "eq9":
            inner = h.finite_delta(x)
            inner_slope = h.slope_function(x) - h.slope
        else:
            right, left = x - h.thresholds[1], h.thresholds[0] - x
            distance = np.minimum(np.maximum(np.maximum(right, left), 0.0), 1e150)
            inner = distance * distance
            inner_slope = 2.0 * distance * np.where(right > 0, 1.0, -1.0)
        return self._learned_scale(inner, inner_slope)

    def _learned_scale(self, inner: Array, inner_slope: Array) -> _Scale:
        """Return σ = c(g(p·inner) − ½)² = (c/4)·tanh²(p·inner/2) and its derivatives (Eq 9)."""
        v = self.p * inner
        half_tanh = np.tanh(0.5 * v)
        e = np.exp(-np.abs(v))
        k = self.c * half_tanh * e / (1.0 + e) ** 2  # (c/4)·tanh(v/2)·sech²(v/2), both tails with their digits
        log_k = np.log(np.asarray(self.c)) + np.log(np.abs(half_tanh)) - np.abs(v) - 2.0 * np.log1p(e)
        present = (np.asarray(self.c) > 0) & (np.asarray(self.p) != 0)
        return _Scale(
            sigma=0.25 * self.c * half_tanh**2,
            slope=_product(k, self.p * inner_slope),
            by_p=_product(k, inner),
            slope_sign=np.sign(inner) * np.sign(inner_slope) * present,
            log_slope=log_k + np.log(np.abs(self.p * inner_slope)),
        )

    def _output(self, x: Array, scale: _Scale) -> OutputNoise:
        h = self.activation
        none = self.kind == "none"
        keep = 1.0 if none else np.asarray(self.alpha, dtype=np.float64)
        slope = h.slope_function(x)
        leak = (keep - 1.0) * h.finite_delta(x)
        base = h.function(x) + leak
        base_slope = slope - (1.0 - keep) * (slope - h.slope)
        d = 0.0 if none else self.direction(x)
        amplitude_slope = d * scale.slope
        sign_base, sign_slope = base_slope + 0.0 * amplitude_slope, amplitude_slope + 0.0 * base_slope
        lost = (sign_base == 0) & (sign_slope == 0) & (scale.slope_sign != 0)
        lost |= (sign_base == 0) & (sign_slope == 0) & (keep == 1.0) & ~h.is_flat(x)
        if lost.any():
            log_base = np.where(keep == 1.0, h.log_slope(x), -np.inf)
            top = np.maximum(log_base, scale.log_slope)
            out_of_reach = np.isneginf(top)  # even the logarithms overflow: h′ alone decides, where it is not 0
            base_weight = np.where(out_of_reach, 1.0, np.exp(log_base - top))
            slope_weight = np.where(out_of_reach, h.is_flat(x) * 1.0, np.exp(scale.log_slope - top))
            sign_base = np.where(lost, h.slope_sign(x) * base_weight, sign_base)
            sign_slope = np.where(lost, d * scale.slope_sign * slope_weight, sign_slope)
        return OutputNoise(
            base,
            leak,
            base_slope,
            d * scale.sigma,
            amplitude_slope,
            d * scale.by_p,
            sign_base,
            sign_slope,
            self.kind == "nah",
        )

    def _behind(self, x: Array) -> OutputNoise:
        """Return h + c·ξ, or h·(1 + c·ξ), of kinds beyond the paper."""
        h = self.activation
        value, slope, sign = h.function(x), h.slope_function(x), h.slope_sign(x)
        nothing, c = 0.0 * x * self.c, np.asarray(self.c, dtype=np.float64)
        grows = self.kind == "mult"
        return OutputNoise(
            base=value + nothing,
            leak=nothing,
            base_slope=slope + nothing,
            amplitude=c * value if grows else c + nothing,
            amplitude_slope=c * slope if grows else nothing,
            amplitude_p=nothing,
            sign_base=sign + nothing,
            sign_slope=c * sign if grows else nothing,
            half=False,
        )

    def _softplus(self, x: Array) -> SoftplusNoise:
        h = self.activation
        delta = h.finite_delta(x)
        delta_slope = h.slope_function(x) - h.slope
        size = np.abs(delta)
        return SoftplusNoise(
            h,
            x,
            h.function(x),
            self.c + 0.0 * x,
            self.c * self.p * np.sign(delta) * delta_slope,
            self.c * size,
            self.p * size,
        )


def _product(k: Array, by: Array) -> Array:
    """Return k·by with 0 where k = 0, also for an overflowing factor."""
    return np.where(k == 0, 0.0 * np.sign(by), k * by)


def _checked_number(name: str, value: Any) -> float | Array:
    """Return a parameter as a number, or as an array that nobody changes any more.

    Raises
    ------
    InputError
        For what is no real number, and for a number outside the parameter's domain.
    """
    least = PARAMETERS[name].at_least
    allowed = "finite" if least is None else f"finite and at least {least:g}"
    if (not isinstance(value, Real) and np.asarray(value).dtype.kind not in "fiu") or isinstance(value, bool):
        raise InputError(f"{name} must be a number, {allowed}, got {value!r}", parameter=name)
    array = np.array(value, dtype=np.float64)
    wrong = ~np.isfinite(array) if least is None else ~np.isfinite(array) | (array < least)
    if wrong.any():
        shown = value if array.ndim == 0 else array[wrong].flat[0]
        raise InputError(f"{name} must be {allowed}, got {shown}", parameter=name)
    array.setflags(write=False)
    return array if array.ndim else float(array)


def _unit_of(h: Activation, settings: dict[str, Any]) -> NoisyUnit:
    """Return a unit as it was pickled."""
    return NoisyUnit(h, **settings)


def _told(value: float | Array) -> str:
    """Return a parameter as a short text."""
    return f"{value!r}" if np.ndim(value) == 0 else told(value)
