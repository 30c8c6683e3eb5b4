"""Figures carry the numbers of the paper's two editions."""

from typing import Any

import pytest

from noisyviz.errors import InputError
from noisyviz.pictures.paper import EDITIONS, paper_figures

# As counted in the proceedings and in arXiv v3: v3 has two figures more, 5 (MNIST) and 8 (characters).
RENUMBERED = {"1": "1", "2": "2", "3": "3", "5": "6", "6": "7", "7": "9", "8": "10", "9": "11"}


def test_both_editions_have_all_their_figures_in_order_and_two_beyond() -> None:
    assert list(EDITIONS["icml"]) == [*map(str, range(1, 10)), "wrong-sign", "budget"]
    assert list(EDITIONS["v3"]) == [*map(str, range(1, 12)), "wrong-sign", "budget"]


def test_what_both_editions_show_has_its_number_in_each() -> None:
    for icml, v3 in RENUMBERED.items():
        assert EDITIONS["icml"][icml] is EDITIONS["v3"][v3]
    assert EDITIONS["v3"]["5"].settings == {"experiment": "mnist"}
    assert EDITIONS["v3"]["8"].settings == {"experiment": "ptb-characters"}


@pytest.mark.parametrize("wrong", [{"edition": "v2"}, {"scale": "eq8"}, {"only": ["12"]}])
def test_unknown_names_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be one of"):
        paper_figures(**wrong)
