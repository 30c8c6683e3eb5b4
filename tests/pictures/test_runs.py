"""The pictures of training runs: means, verdicts and what is drawn, from made-up curves."""

import json
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from noisyviz.errors import InputError
from noisyviz.export.render import rc_settings
from noisyviz.pictures.learning_curves import drawing as learning_curves
from noisyviz.pictures.learning_curves.picture import LearningCurves
from noisyviz.pictures.run_differences import drawing as difference_drawing
from noisyviz.pictures.run_differences.picture import Difference, RunDifferences
from noisyviz.pictures.runs import drawing
from noisyviz.pictures.runs.lines import MOST, RunLine, RunPanel, line
from noisyviz.pictures.runs.picture import TrainingRuns
from noisyviz.pictures.stored import own_functions, stored_picture


def panel(**changes: Any) -> RunPanel:
    lines = (
        RunLine(label="soft", seed=1, x=(10.0, 20.0), y=(3.0, 1.0)),
        RunLine(label="soft", seed=2, x=(10.0, 20.0, 30.0), y=(5.0, 2.0, 9.0)),
        RunLine(label="nan, c = 0.5", seed=1, x=(10.0, 30.0), y=(2.0, 0.5)),
    )
    return RunPanel(**({"title": "unique", "y": "test error (%)", "lines": lines} | changes))


def drawn(picture: Any, draw: Any) -> Any:
    with mpl.rc_context(rc_settings("paper")):
        result = picture.compute()
        return draw(result, Figure(figsize=picture.size(result, 6.75)))


def test_the_mean_is_drawn_over_the_seeds_at_the_updates_that_all_have() -> None:
    axes = drawn(TrainingRuns(panels=(panel(), panel(title="digits"))), drawing.draw)["0.0"]
    lines = {one.get_label(): one for one in axes.lines}
    assert sorted(lines) == ["nan, c = 0.5", "soft", "soft seed 1", "soft seed 2"]
    assert lines["soft"].get_xydata().tolist() == [[10.0, 4.0], [20.0, 1.5]]
    assert lines["soft"].get_linewidth() > lines["soft seed 1"].get_linewidth()
    assert axes.get_xlim()[1] >= 30.0
    assert axes.get_ylim()[0] < 0.5


def test_long_lines_are_thinned_and_points_that_are_no_numbers_left_out() -> None:
    found = line("soft", 1, [(k, 1.0) for k in range(1001)])
    assert found is not None
    assert len(found.x) <= MOST + 1
    assert (found.x[0], found.x[-1]) == (0.0, 1000.0)
    found = line("soft", 1, [(0, float("nan")), (1, 2.0)])
    assert found == RunLine(label="soft", seed=1, x=(1.0,), y=(2.0,))
    assert line("soft", 1, [(0, float("inf"))]) is None


@pytest.mark.parametrize(
    ("lower", "mean", "half", "verdict"),
    [
        (True, -2.0, 1.0, "better"),
        (True, 2.0, 1.0, "worse"),
        (False, 2.0, 1.0, "better"),
        (False, -2.0, 1.0, "worse"),
        (True, -1.0, 1.5, "no difference seen"),
        (True, -1.0, None, "one seed"),
    ],
)
def test_an_interval_that_holds_zero_shows_no_difference(
    lower: bool, mean: float, half: float | None, verdict: str
) -> None:
    one = Difference(
        task="unique", metric="error", lower=lower, unit="nan", control="leak", seeds=3, mean=mean, half=half
    )
    assert one.verdict == verdict
    axes = drawn(RunDifferences(rows=(one,)), difference_drawing.draw)["unique/leak"]
    marks = [one.get_xdata()[0] for one in axes.lines if one.get_label() == "nan"]
    assert marks == [abs(mean) if verdict == "better" else -mean if lower else mean]
    spans = [list(one.get_xdata()) for one in axes.lines if one.get_label() == "nan interval"]
    assert spans == ([] if half is None else [[marks[0] - half, marks[0] + half]])
    low, high = axes.get_xlim()
    assert low < marks[0] < high


def test_own_runs_stand_beside_the_papers_curves_with_axes_of_their_own() -> None:
    picture = LearningCurves(experiment="mnist", runs=panel(log=True))
    result = picture.compute()
    with mpl.rc_context(rc_settings("paper")):
        figure = Figure(figsize=picture.size(result, 6.75))
        learning_curves.draw(result, figure)
    paper, own = sorted(figure.axes, key=lambda axes: axes.get_position().x0)
    assert own.get_position().x0 > paper.get_position().x1
    assert (own.get_xlabel(), own.get_ylabel(), own.get_yscale()) == ("updates", "test error (%)", "log")
    assert len(paper.lines) == len(LearningCurves(experiment="mnist").compute().curves)
    table = picture.tables(result)["-runs"]
    assert table["updates"].tolist() == [10.0, 20.0, 10.0, 20.0, 30.0, 10.0, 30.0]
    assert table["value"].tolist() == [3.0, 1.0, 5.0, 2.0, 9.0, 2.0, 0.5]
    assert set(LearningCurves(experiment="mnist").tables(LearningCurves(experiment="mnist").compute())) == {""}


def test_settings_hold_the_numbers_and_come_back_from_a_file() -> None:
    row = Difference(
        task="unique", metric="error", lower=True, unit="nan: 1", control="leak", seeds=1, mean=1.0, half=None
    )
    for picture in (
        TrainingRuns(panels=(panel(),), caption="Thin: seeds."),
        RunDifferences(rows=(row,), caption="A: b."),
        LearningCurves(experiment="mnist", runs=panel()),
    ):
        stored = json.loads(json.dumps(picture.settings()))
        assert stored_picture(picture.name, stored) == picture
        assert own_functions(stored) == []


def test_pictures_without_lines_are_refused() -> None:
    with pytest.raises(InputError, match="panels must be one or more"):
        TrainingRuns(panels=())
    with pytest.raises(InputError, match="as many x as y"):
        TrainingRuns(panels=(panel(lines=(RunLine(label="a", seed=1, x=(1.0,), y=()),)),))
    with pytest.raises(InputError, match="at least one difference"):
        RunDifferences(rows=())
    assert np.isfinite(
        TrainingRuns(panels=(panel(),)).tables(TrainingRuns(panels=(panel(),)).compute())[""]["value"]
    ).all()
