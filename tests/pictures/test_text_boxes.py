"""No text leaves a picture or lies on another, in the narrowest width and in the one with most panels in a row.

``python tests/text_boxes.py`` takes every picture at every width in every style.
"""

import matplotlib as mpl
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from text_boxes import computed, drawn, faults, frames, lettered, pictures

from noisyviz.export.render import rc_settings
from noisyviz.pictures.shared.finish import Finish, finished
from noisyviz.pictures.shared.layout import stretched

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


# Those of the paper, of which few other tests look for overlaps, and one of each kind; the others are a sweep.
SHOWN = sorted(name for name in set(pictures()) - LONG if name.startswith("figure-"))
ONE_EACH = ["plot", "anneal", "compare", "calibrate-arrays", "profile-12"]
OTHERS = sorted(set(pictures()) - LONG - {*SHOWN, *ONE_EACH})


@pytest.mark.parametrize("name", [*SHOWN, *ONE_EACH, *(pytest.param(name, marks=pytest.mark.sweep) for name in OTHERS)])
def test_texts_stand_inside_the_picture_and_clear_of_each_other(name: str) -> None:
    for width in ("6cm", "12cm") if name in (*SHOWN, *OTHERS) else ("6cm",):
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


@pytest.mark.parametrize("name", ["plot", "anneal", "anneal-schedules", "figure-budget"])
def test_letters_stand_clear_of_texts_and_legends(name: str) -> None:
    assert faults(lettered(name, width="neurips", style="paper")) == []


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("plot", True),
        ("figure-4", True),
        ("figure-5", True),
        ("profile-4", True),
        ("compare", False),
        ("anneal", False),
    ],
)
def test_a_slide_is_16_to_9(name: str, caption: bool) -> None:
    picture, result = computed(name)
    with (
        mpl.rc_context(rc_settings("slide")),
        finished(Finish(caption=caption)),
        stretched(5.625, lambda: picture.size(result, 10.0)[1]),
    ):
        figure = Figure(figsize=picture.size(result, 10.0))
        FigureCanvasAgg(figure)
        picture.draw(result, figure)
        figure.draw_without_rendering()
        assert figure.get_size_inches()[1] == pytest.approx(5.625, abs=0.01)
        assert faults(figure) == []


def test_the_check_sees_what_is_wrong() -> None:
    with mpl.rc_context(rc_settings("screen")):
        figure = Figure(figsize=(2.0, 1.0), dpi=100)
        figure.text(0.1, 0.5, "one here")
        figure.text(0.3, 0.5, "two there")
        figure.text(0.9, 0.1, "leaves")
        figure.text(0.1, 0.7, "stands apart and alone\nhere")
        figure.draw_without_rendering()
        FigureCanvasAgg(figure)
        found = faults(figure)
    assert [fault.partition(":")[0] for fault in found] == ["outside", "overlap", "ragged"]
    assert "'leaves'" in found[0]
    assert "'one here' and 'two there'" in found[1]
