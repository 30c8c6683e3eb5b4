"""Texts of options become checked values; a bad one is answered by its flag, its value and what is allowed."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from noisyviz.cli import parsing as values
from noisyviz.errors import InputError

INF = float("inf")


def test_a_list_is_written_with_commas_or_by_repeating_the_option() -> None:
    assert values.split_list(["a,b", "c"], "--fn") == ["a", "b", "c"]
    assert values.distinct(["a", "b"], "--fn", ["z"]) == values.distinct(["a,b"], "--fn", ["z"]) == ["a", "b"]
    assert values.distinct(None, "--fn", ["z"]) == ["z"]


def test_ranges_of_points_include_their_end_and_do_not_drift() -> None:
    points = values.points_at(["-4:4:0.1"])
    assert points == [float(Decimal(k) / 10) for k in range(-40, 41)]
    assert values.points_at(["0:1:0.3"]) == [0.0, 0.3, 0.6, 0.9]
    assert values.points_at(["1:0:-0.5"]) == [1.0, 0.5, 0.0]
    assert values.points_at(["2:2:1"]) == [2.0]


@given(st.integers(-(10**6), 10**6), st.integers(1, 10**4), st.integers(0, 200), st.integers(0, 9))
def test_every_point_of_a_range_is_the_double_nearest_to_its_decimal(
    start: int, step: int, count: int, places: int
) -> None:
    unit = Decimal(10) ** -places
    text = f"{start * unit}:{(start + count * step) * unit}:{step * unit}"
    assert values.points_at([text]) == [float((start + k * step) * unit) for k in range(count + 1)]


def test_points_may_be_negative_infinite_and_mixed_with_ranges() -> None:
    assert values.points_at(["-inf,0,inf"]) == [-INF, 0.0, INF]
    assert values.points_at(["-3,0", "1:2:0.5"]) == [-3.0, 0.0, 1.0, 1.5, 2.0]


def test_whole_numbers_may_be_written_with_an_exponent() -> None:
    assert values.whole("1e6", "--samples", low=1) == 1_000_000
    assert values.whole("12345678901234567890", "--seed", low=0) == 12345678901234567890
    assert values.whole("1e10", "--samples", low=1, high=values.MAX_SAMPLES) == 10**10


def test_a_random_seed_differs_from_call_to_call() -> None:
    assert len({values.seed_from("random") for _ in range(8)}) > 1
    assert values.seed_from("7") == 7


BAD: dict[str, tuple[Callable[[], object], list[str]]] = {
    "c below 0": (lambda: values.number("-1", "--c", at_least=0), ["--c", "'-1'", "at least 0"]),
    "c infinite": (lambda: values.number("inf", "--c", at_least=0), ["--c", "'inf'", "finite"]),
    "alpha not a number": (lambda: values.number("nan", "--alpha"), ["--alpha", "'nan'", "finite"]),
    "p no number": (lambda: values.number("half", "--p"), ["--p", "'half'", "finite number"]),
    "samples 0": (lambda: values.whole("0", "--samples", low=1, high=10), ["--samples", "'0'", "from 1 to 10"]),
    "samples too many": (lambda: values.whole("1e11", "--samples", low=1, high=10**10), ["10,000,000,000"]),
    "samples broken": (lambda: values.whole("1.5", "--samples", low=1), ["--samples", "'1.5'", "whole number"]),
    "samples infinite": (lambda: values.whole("inf", "--samples", low=1), ["'inf'", "whole number"]),
    "seed below 0": (lambda: values.seed_from("-1"), ["--seed", "'-1'", "random"]),
    "seed a word": (lambda: values.seed_from("rnd"), ["--seed", "'rnd'", "random"]),
    "xlim reversed": (lambda: values.interval(("4", "-4")), ["--xlim", "LO < HI", "4 -4"]),
    "xlim empty": (lambda: values.interval(("1", "1")), ["--xlim", "LO < HI"]),
    "xlim infinite": (lambda: values.interval(("-inf", "1")), ["--xlim", "'-inf'", "finite"]),
    "xlim not a number": (lambda: values.interval(("0", "nan")), ["--xlim", "'nan'", "finite"]),
    "xlim too wide": (lambda: values.interval(("-1.7e308", "1.7e308")), ["--xlim", "too wide"]),
    "at not a number": (lambda: values.points_at(["0,nan"]), ["--at", "'nan'"]),
    "at beyond doubles": (lambda: values.points_at(["1e400"]), ["--at", "'1e400'"]),
    "at a word": (lambda: values.points_at(["zero"]), ["--at", "'zero'", "LO:HI:STEP"]),
    "at empty item": (lambda: values.points_at(["0,,1"]), ["--at", "empty item", "'0,,1'"]),
    "at empty": (lambda: values.points_at([""]), ["--at", "empty item"]),
    "at two parts": (lambda: values.points_at(["0:1"]), ["--at", "LO:HI:STEP", "'0:1'"]),
    "at no step": (lambda: values.points_at(["0:1:0"]), ["--at", "step", "'0:1:0'"]),
    "at wrong way": (lambda: values.points_at(["0:1:-1"]), ["--at", "from LO to HI"]),
    "at infinite end": (lambda: values.points_at(["0:inf:1"]), ["--at", "finite ends"]),
    "at too many": (lambda: values.points_at(["0:1:1e-9"]), ["--at", "1,000,000", "'0:1:1e-9'"]),
    "at far too fine": (lambda: values.points_at(["0:1:1e-300"]), ["--at", "1,000,000"]),
    "at underflow": (lambda: values.points_at(["0:1:1e-999999999"]), ["--at", "step"]),
    "at many items": (lambda: values.points_at(["0:999999:1", "1"]), ["--at", "1,000,000"]),
    "word": (lambda: values.choice("drak", "--style", ["paper", "dark"]), ["--style", "paper, dark", "mean 'dark'"]),
    "several": (lambda: values.single(["a,b"], "--unit", "nan"), ["--unit", "one value", "a,b"]),
    "twice": (lambda: values.distinct(["a,a"], "--fn", ["z"]), ["--fn", "'a' twice"]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_answered_by_flag_value_and_range_in_one_line(name: str) -> None:
    read, parts = BAD[name]
    with pytest.raises(InputError) as caught:
        read()
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    assert "\n" not in message
    assert len(message) < 200


def test_numbers_of_thousands_of_digits_are_answered() -> None:
    long = "9" * 5000
    assert values.points_at([f"0.{long}:2:1"]) == [1.0, 2.0]
    assert values.seed_from("7" * 300) == int("7" * 300)
    for text in ("7" * 400, long):
        with pytest.raises(InputError, match="--seed must be"):
            values.seed_from(text)
    for text in (f"0:{long}:1", f"{long}:1:1"):
        with pytest.raises(InputError, match="finite ends"):
            values.points_at([text])
    with pytest.raises(InputError, match="--points must be"):
        values.whole(long, "--points", low=2)
