"""Sentences of the caption."""

import pytest

from noisyviz.pictures.shared.labels import name, parameter, percent, where_wrong

WIDE = (-4.0, 4.0)


@pytest.mark.parametrize(
    ("intervals", "xlim", "said"),
    [
        ([], WIDE, ""),
        ([(-4.0, -1.5), (1.5, 4.0)], WIDE, "from $|x|=1.5$ on"),
        ([(-3.0, -1.5), (1.5, 3.0)], WIDE, "for $1.5<|x|<3$"),
        ([(-3.5, -3.0), (-2.0, -1.0), (1.0, 2.0), (3.0, 3.5)], WIDE, "for $1<|x|<2$ and for $3<|x|<3.5$"),
        ([(-4.0, -1.0)], WIDE, "up to $x=−1$"),
        ([(2.0, 4.0)], WIDE, "from $x=2$ on"),
        ([(-2.0, -1.0)], WIDE, "for $−2<x<−1$"),
        ([(-4.0, -1.5), (2.0, 4.0)], WIDE, "up to $x=−1.5$ and from $x=2$ on"),
        ([(-4.0, 4.0)], WIDE, "everywhere in this range"),
        ([(-4.0, -5e-9)], WIDE, "up to $x=0$"),
        ([(-5.0, -2.0), (2.0, 3.0)], (-5.0, 3.0), "up to $x=−2$ and from $x=2$ on"),
    ],
)
def test_where_the_gradient_is_wrong_in_words(
    intervals: list[tuple[float, float]], xlim: tuple[float, float], said: str
) -> None:
    assert where_wrong(intervals, xlim=xlim) == said


def test_percentages_never_round_to_none_or_all() -> None:
    shares = {0.0: "0 %", 1e-9: "under 0.1 %", 0.052: "5.2 %", 0.5: "50 %", 0.993: "99.3 %", 1 - 1e-9: "over 99.9 %"}
    assert {share: percent(share) for share in shares} == shares


def test_names_are_bold_unless_they_hold_signs() -> None:
    assert name("hard-sigmoid-6") == r"$\mathbf{hard}$-$\mathbf{sigmoid}$-$\mathbf{6}$"
    assert name("my_module:f$") == r"my_module:f\$"


def test_parameters_are_one_formula_whatever_their_size() -> None:
    assert parameter("p", -1.0) == "$p=−1$"
    assert parameter("c", 1e-7).count("$") == 2
