"""No text leaves a picture or lies on another, in the narrowest width and in the one with most panels in a row.

``python tests/text_boxes.py`` takes every picture at every width in every style.
"""

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure
from text_boxes import drawn, faults, frames, pictures

from noisyviz.export.render import rc_settings

# Left to the script: what takes long to compute, or is laid out as another one is.
LONG = {
    *(
        "anneal-funnel",
        "anneal-short",
        "calibrate",
        "compare-mixed",
        "compare-wide",
        "figure-6",
        "figure-7",
        "figure-9",
    ),
    *("figure-budget", "plot-outward", "plot-softplus", "profile-4", "profile-6", "v3-4", "v3-5", "v3-8"),
}


@pytest.mark.parametrize("name", sorted(set(pictures()) - LONG))
def test_texts_stand_inside_the_picture_and_clear_of_each_other(name: str) -> None:
    for width in ("6cm", "12cm"):
        assert faults(drawn(name, width=width, style="screen")) == []


def test_texts_of_a_film_stand_inside_it_and_clear_of_each_other() -> None:
    for figure in frames("anneal", width="8cm", style="screen"):
        assert faults(figure) == []


@pytest.mark.parametrize("name", ["figure-4", "figure-wrong-sign", "plot-three"])
def test_no_axis_has_a_single_number(name: str) -> None:
    for axes in drawn(name, width="6cm", style="dark").axes:
        for axis in (axes.xaxis, axes.yaxis):
            named = [one for one in axis.get_ticklabels() if one.get_text()]
            assert len(named) != 1


def test_the_check_sees_what_is_wrong() -> None:
    with mpl.rc_context(rc_settings("screen")):
        figure = Figure(figsize=(2.0, 1.0), dpi=100)
        figure.text(0.1, 0.5, "one here")
        figure.text(0.3, 0.5, "two there")
        figure.text(0.9, 0.1, "leaves")
        figure.text(0.1, 0.8, "stands apart")
        figure.draw_without_rendering()
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(figure)
        found = faults(figure)
    assert [fault.partition(":")[0] for fault in found] == ["outside", "overlap"]
    assert "'leaves'" in found[0]
    assert "'one here' and 'two there'" in found[1]
