"""The numbers in docs/figure-4.md are those of the units that draw the figure."""

import re
from pathlib import Path

import numpy as np
import pytest

from noisyviz import NoisyUnit
from noisyviz.pictures.draws.picture import EDITIONS

PAGE = (Path(__file__).parents[2] / "docs" / "figure-4.md").read_text(encoding="utf-8")
ROWS = [
    [float(cell) for cell in row] for row in re.findall(r"^\|" + r" ([0-9.]+) \|" * 4 + "$", PAGE, flags=re.MULTILINE)
]


def test_the_table_of_noise_scales_is_right_to_its_last_digit() -> None:
    assert [row[0] for row in ROWS] == [0.1, 0.5, 1.0, 2.0, 3.0]
    units = [
        NoisyUnit("hard-tanh", c=0.5, p=1.0, scale="eq9"),
        *(NoisyUnit("hard-tanh", c=0.5, p=EDITIONS[name].p, scale="figure") for name in ("icml", "v3")),
    ]
    for delta, *told in ROWS:
        for side in (-1.0, 1.0):
            found = [float(unit.sigma(np.array(side * (1.0 + delta)))) for unit in units]
            assert told == pytest.approx(found, rel=0.01, abs=0.0)


def test_both_forms_cross_where_the_page_says() -> None:
    written, drawn = (NoisyUnit("hard-tanh", c=0.5, p=p, scale=scale) for p, scale in ((1.0, "eq9"), (0.835, "figure")))
    x = np.array([2.1, 2.3])
    assert list(drawn.sigma(x) > written.sigma(x)) == [False, True]
    assert float(written.sigma(np.array(4.0))) / 0.125 == pytest.approx(1 - 0.18, abs=0.005)
