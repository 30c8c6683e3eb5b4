"""What results do in a notebook: print short, become plain values and data frames, and draw without touching pyplot."""

import dataclasses
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from conftest import Run
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import noisyviz as nv
from noisyviz.annealing.results import Annealing
from noisyviz.results import Result, Summary

GATES = Path(__file__).parent / "data" / "gates.npz"
UNIT = nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15)


@pytest.fixture(scope="module")
def samples() -> dict[str, Any]:
    with np.load(GATES) as archive:
        return {name: archive[name] for name in archive.files[:2]}


@pytest.fixture(scope="module")
def annealing() -> Annealing:
    course = nv.schedule("exponential", steps=80)
    return nv.anneal(nv.NoisyUnit("hard-tanh", alpha=0.9, c=0.0), schedule=course, steps=80, trajectories=32, rng=0)


@pytest.fixture(scope="module")
def results(samples: dict[str, Any], annealing: Annealing) -> dict[str, Any]:
    profile = nv.profile(samples, fn="hard-tanh", unit=UNIT)
    calibration = nv.calibrate([-3.0, 0.0, 3.0], units=[UNIT, nv.NoisyUnit("hard-tanh")], by="rms", target_grad=0.3)
    x = np.linspace(-4.0, 4.0, 401)
    return {
        "exact": nv.exact(UNIT, x),
        "monte_carlo": nv.monte_carlo(UNIT, x, samples=64, rng=0),
        "curves": nv.curves(UNIT, x),
        "annealing": annealing,
        "noisy run": annealing.noisy,
        "lone run": annealing.noiseless,
        "profile": profile,
        "array": profile.arrays[0],
        "units": profile.arrays[0].per_unit,
        "noise": profile.total.noise,
        "calibration": calibration,
        "setting": calibration.best,
        "comparison": nv.compare("hard-tanh", kind=["nan", "nah"], alpha=[0.9, 1.15], points=41),
    }


# Values


def own_function(folder: Path) -> None:
    (folder / "mine_for_pickle.py").write_text("import numpy as np\n\ndef ramp(x):\n    return np.clip(x, -1.0, 2.0)\n")


VALUES: dict[str, Callable[[], Any]] = {
    "unit": lambda: nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15, noise="student-t:5"),
    "array unit": lambda: nv.NoisyUnit("tanh", alpha=np.array([0.5, 1.0])),
    "own function": lambda: nv.NoisyUnit("mine_for_pickle:ramp"),
    "activation": lambda: nv.activation("gelu"),
    "noise": lambda: nv.noise("student-t:4.5"),
    "precise noise": lambda: nv.noise("student-t:5.000000001"),
    **{f"schedule {name}": partial(nv.schedule, name, start=4.0, end=0.5, steps=9) for name in nv.SCHEDULES},
}


@pytest.mark.parametrize("make", VALUES.values(), ids=VALUES)
def test_values_are_equal_hash_and_come_back(
    make: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_function(tmp_path)
    monkeypatch.chdir(tmp_path)
    one, other = make(), make()
    assert one == other
    assert hash(one) == hash(other)
    again = pickle.loads(pickle.dumps(one))
    assert again == one
    assert hash(again) == hash(one)


def test_values_come_back_from_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_function(tmp_path)
    monkeypatch.chdir(tmp_path)
    sent = [pickle.dumps(make()) for make in VALUES.values()]
    code = "import pickle, sys\nfor _ in range(int(sys.argv[1])):\n    one = pickle.load(sys.stdin.buffer)\n"
    code += "    sys.stdout.buffer.write(pickle.dumps(one))"
    words = [sys.executable, "-c", code, str(len(sent))]
    told = BytesIO(subprocess.run(words, input=b"".join(sent), capture_output=True, check=True).stdout)
    for name, make in VALUES.items():
        assert pickle.load(told) == make(), name


def test_the_unpickled_compute_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_function(tmp_path)
    monkeypatch.chdir(tmp_path)
    x = np.linspace(-3.0, 3.0, 7)
    for name in ("unit", "own function"):
        unit = VALUES[name]()
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(unit))(x, 0.3), unit(x, 0.3))
    course = nv.schedule("step", start=4.0, end=0.5, steps=9)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(course))([0, 3, 9]), course([0, 3, 9]))


UNLIKE = [
    (nv.NoisyUnit("tanh"), nv.NoisyUnit("hard-tanh")),
    *((nv.NoisyUnit("tanh"), nv.NoisyUnit("tanh", **{name: 0.7})) for name in ("alpha", "c", "p")),  # type: ignore[arg-type]  # a dict of numbers
    (nv.NoisyUnit("tanh"), nv.NoisyUnit("tanh", scale="figure")),
    (nv.NoisyUnit("tanh"), nv.NoisyUnit("tanh", kind="nah")),
    (nv.NoisyUnit("tanh"), nv.NoisyUnit("tanh", noise="laplace")),
    (nv.NoisyUnit("tanh"), nv.NoisyUnit("tanh", alpha=np.array([0.9, 0.9]))),
    (nv.noise("student-t:5"), nv.noise("student-t:5.000000001")),
    (nv.activation("tanh"), nv.activation("sigmoid")),
    (nv.schedule("linear"), nv.schedule("linear", end=0.4)),
    (nv.schedule("linear"), nv.schedule("cosine")),
    (nv.NoisyUnit("tanh"), "tanh"),
]


@pytest.mark.parametrize(("one", "other"), UNLIKE, ids=str)
def test_what_differs_is_not_equal(one: Any, other: Any) -> None:
    assert one != other


def test_numbers_are_equal_by_value_and_an_array_is_a_copy() -> None:
    assert nv.NoisyUnit("tanh", alpha=1) == nv.NoisyUnit("tanh", alpha=np.float64(1.0))
    assert hash(nv.NoisyUnit("tanh", alpha=0.0)) == hash(nv.NoisyUnit("tanh", alpha=-0.0))
    given = np.array([0.5, 1.0])
    unit = nv.NoisyUnit("tanh", alpha=given)
    given[0] = 9.0
    assert np.asarray(unit.alpha).tolist() == [0.5, 1.0]


@pytest.mark.parametrize("name", ["alpha", "c", "p"])
@pytest.mark.parametrize("bad", ["0.9", b"1", None, True, 1j, ["0.9"], {}])
def test_what_is_no_number_is_refused_in_one_sentence(name: str, bad: Any) -> None:
    with pytest.raises(nv.InputError, match=rf"^{name} must be a number, finite.*, got ") as caught:
        nv.NoisyUnit("tanh", **{name: bad})
    assert "\n" not in str(caught.value)
    assert caught.value.parameter == name


# Randomness


def test_a_seed_is_a_generator_with_that_seed(annealing: Annealing) -> None:
    generators: list[Any] = [0, np.int64(0), np.random.default_rng(0), np.random.PCG64(0), np.random.SeedSequence(0)]
    found = [nv.monte_carlo(UNIT, [2.0], samples=64, rng=rng).mean[0] for rng in generators]
    assert len(set(found)) == 1
    assert nv.monte_carlo(UNIT, [2.0], samples=64, rng=1).mean[0] != found[0]
    assert nv.monte_carlo(UNIT, [2.0], samples=64, rng=[1, 2]).mean[0] != found[0]
    unit, course = nv.NoisyUnit("hard-tanh", alpha=0.9), annealing.schedule
    for rng in (0, np.random.default_rng(0)):
        again = nv.anneal(unit, schedule=course, steps=80, trajectories=32, rng=rng)
        np.testing.assert_array_equal(again.noisy.x_final, annealing.noisy.x_final)


def test_a_generator_goes_on_where_a_seed_begins_again() -> None:
    rng = np.random.default_rng(0)
    clouds = [nv.compare("tanh", points=3, samples=5, rng=rng).found.cells[0].series.cloud_xi for _ in range(2)]
    assert (clouds[0] != clouds[1]).all()


@pytest.mark.parametrize("bad", ["0", -1, 0.5, True, np.random, object()])
def test_what_is_no_seed_is_refused_in_one_sentence(bad: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: nv.monte_carlo(UNIT, [0.0], rng=bad),
        lambda: nv.anneal(UNIT, schedule=nv.schedule("linear"), steps=2, rng=bad),
        lambda: nv.compare("tanh", rng=bad),
        lambda: nv.plot(UNIT, rng=bad),
    ]
    for call in calls:
        with pytest.raises(nv.InputError, match=r"^rng must be a numpy.random.Generator or a seed"):
            call()


# Printing

RESULTS = (
    *("exact", "monte_carlo", "curves", "annealing", "noisy run", "lone run", "profile", "array", "units", "noise"),
    *("calibration", "setting", "comparison"),
)


class Tables(HTMLParser):
    """Counts the cells of every row, and sees that tags close."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[int] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002  # the base class names it
        self.open.append(tag)
        if tag == "tr":
            self.rows.append(0)
        elif tag in ("td", "th"):
            self.rows[-1] += 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_prints_as_a_short_table(name: str, results: dict[str, Any]) -> None:
    text = repr(results[name])
    assert len(text) < 2000
    lines = text.splitlines()
    assert 3 <= len(lines) <= 22
    assert max(map(len, lines)) <= 140
    assert " at 0x" not in text
    table = results[name].summary()
    for line, row in zip(lines[1:], [table.header, *table.rows], strict=True):
        assert line.split() == " ".join(row).split() or "…" in line
    parser = Tables()
    parser.feed(results[name]._repr_html_())
    assert parser.open == []
    assert set(parser.rows) == {len(table.header)}
    assert len(parser.rows) == len(table.rows) + 1


@pytest.mark.parametrize("value", [UNIT, nv.activation("gelu"), nv.noise("laplace"), nv.schedule("paper")], ids=repr)
def test_the_text_of_a_value_makes_it_again(value: Any) -> None:
    names = {name: getattr(nv, name) for name in ("NoisyUnit", "activation", "noise", "schedule")}
    if repr(value).startswith("schedule"):  # its own factories name what they use; `schedule` takes these words too
        assert repr(value) == "schedule('paper', start=30.0, end=0.5, steps=2000, every=200)"
    assert eval(repr(value), names) == value
    assert len(repr(value)) < 120


def test_names_of_others_cannot_write_markup() -> None:
    found = nv.profile({"<script>alert(1)</script>": [[0.0], [3.0]]}, fn="hard-tanh")
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    assert "<b>" not in Summary(title="<b>", header=("<b>",), rows=[("<b>",)]).html()


def test_a_unit_shows_its_formula_in_a_notebook() -> None:
    parser = Tables()
    parser.feed(UNIT._repr_html_())
    assert "alpha*h + (1 - alpha)*u + d*sigma*|xi|" in parser.texts
    assert "1.15" in parser.texts
    parser.feed(nv.activation("tanh")._repr_html_())
    assert "-1, 1" in parser.texts


# Plain values: those of the commands' own documents


def document(run: Run, *words: str) -> dict[str, Any]:
    done = run(*words, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def without(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name not in ("config", "masked", *names)}


def test_estimate(run: Run) -> None:
    words = ("--fn", "hard-tanh", "--unit", "nah", "--alpha", "1.15", "--at", "-2,0,inf", "--samples", "64")
    found = document(run, "estimate", *words, "--jobs", "1")
    x = [-2.0, 0.0, np.inf]
    assert nv.exact(UNIT, x).to_dict() == found["exact"]
    assert nv.monte_carlo(UNIT, x, samples=64, rng=0).to_dict() == found["monte_carlo"]
    assert nv.curves(UNIT, x).to_dict() == without(found, "exact", "monte_carlo", "training", "z")


def test_anneal(run: Run, annealing: Annealing) -> None:
    found = document(run, "anneal", "--steps", "80", "--trajectories", "32", "--alpha", "0.9")
    assert annealing.to_dict() == without(found)


def test_profile(run: Run, samples: dict[str, Any]) -> None:
    unit = nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15)
    files = [f"{GATES}:{name}" for name in samples]
    words = ("--fn", "hard-tanh", "--unit", "nah", "--alpha", "1.15")
    found = document(run, "profile", *files, *words)
    told = nv.profile(samples, fn="hard-tanh", unit=unit).to_dict()
    for one, other in zip(told["arrays"], found["arrays"], strict=True):
        assert one.keys() == other.keys()
        assert one["noise"] == other["noise"]
        assert tuple(one.pop("shape")) == tuple(other.pop("shape"))
        assert {**one, "name": ""} == {**other, "name": ""}  # the command puts the file before it
    assert told["total"] == found["total"]


def test_calibrate(run: Run) -> None:
    np.savetxt("x.csv", [[-3.0], [0.0], [3.0]], delimiter=",")
    found = document(
        *(run, "calibrate", "x.csv", "--fn", "hard-tanh", "--unit", "nan,nah", "--alpha", "0.9"),
        *("--by", "rms", "--target-grad", "0.3"),
    )
    assert found.pop("notes") == []  # on the file, of which a result knows nothing
    units = [nv.NoisyUnit("hard-tanh", kind=kind) for kind in ("nan", "nah")]
    assert nv.calibrate([[-3.0], [0.0], [3.0]], units=units, by="rms", target_grad=0.3).to_dict() == without(found)


def test_compare(run: Run) -> None:
    words = ("--fn", "hard-tanh", "--unit", "nan,nani", "--alpha", "0.9,1.15", "--points", "41")
    found = document(run, "compare", *words)
    told = nv.compare("hard-tanh", kind=["nan", "nani"], alpha=[0.9, 1.15], points=41).to_dict()
    assert json.loads(json.dumps(told)) == without(found)


@pytest.mark.parametrize("name", RESULTS)
def test_plain_values_are_json(name: str, results: dict[str, Any]) -> None:
    assert isinstance(results[name], Result)
    json.dumps(results[name].to_dict(), allow_nan=False)


def test_no_result_can_be_changed(results: dict[str, Any]) -> None:
    for name, result in results.items():
        field = dataclasses.fields(result)[0].name
        assert type(result).__dataclass_params__.frozen, name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, field, getattr(result, field))


def test_a_unit_tells_its_settings_as_the_options_do() -> None:
    assert nv.NoisyUnit("tanh").to_dict() == {
        "fn": "tanh",
        "unit": "nan",
        "alpha": 0.9,
        "c": 0.5,
        "p": 1.0,
        "scale": "eq9",
        "noise": "normal",
    }


def table(run: Run, *words: str) -> pd.DataFrame:
    done = run(*words, "-o", f"{words[0]}.csv", "--quiet")
    assert done.exit_code == 0, done.stderr
    missing = words[0] in ("anneal", "profile")  # elsewhere "nan" is a kind of unit
    return pd.read_csv(f"{words[0]}.csv", comment="#", keep_default_na=missing)


def test_data_frames_hold_what_csv_files_hold(run: Run, annealing: Annealing) -> None:
    frame = table(run, "anneal", "--steps", "80", "--trajectories", "32", "--alpha", "0.9")
    pd.testing.assert_frame_equal(annealing.to_dataframe(), frame, check_dtype=False)
    found = nv.calibrate([-3.0, 0.0, 3.0], units=[nv.NoisyUnit("hard-tanh")], by="rms", target_grad=0.3)
    np.savetxt("x.csv", [-3.0, 0.0, 3.0])
    words: tuple[str, ...] = ("--unit", "nan", "--alpha", "0.9", "--by", "rms", "--target-grad", "0.3")
    frame = table(run, "calibrate", "x.csv", "--fn", "hard-tanh", *words)
    pd.testing.assert_frame_equal(found.to_dataframe(), frame, check_dtype=False)
    words = ("--fn", "hard-tanh", "--unit", "nan,nah", "--points", "41")
    compared = nv.compare("hard-tanh", kind=["nan", "nah"], points=41).to_dataframe()
    pd.testing.assert_frame_equal(compared, table(run, "compare", *words), check_dtype=False)
    profile = nv.profile({"x": [[-3.0, 0.1], [0.2, 3.0]]}, fn="hard-tanh", unit=nv.NoisyUnit("hard-tanh"))
    np.save("x.npy", [[-3.0, 0.1], [0.2, 3.0]])
    shown = table(run, "profile", "x.npy", "--fn", "hard-tanh")
    assert shown.pop("unit_name").isna().all()  # an empty cell
    told = profile.to_dataframe()
    assert (told.pop("unit_name") == "").all()
    pd.testing.assert_frame_equal(told.drop(columns="array"), shown.drop(columns="array"))


@pytest.mark.parametrize("name", RESULTS)
def test_every_result_becomes_a_data_frame(name: str, results: dict[str, Any]) -> None:
    frame = results[name].to_dataframe()
    rows = {"array": 96, "units": 96, "profile": 192, "noise": 1, "setting": 1, "comparison": 4}
    assert len(frame) == rows.get(name, len(frame)) > 0
    assert frame.shape[1] > 1


def test_a_data_frame_has_one_row_per_point() -> None:
    x = np.linspace(-2.0, 2.0, 6).reshape(2, 3)
    frame = nv.curves(UNIT, x).to_dataframe().join(nv.monte_carlo(UNIT, x, samples=64, rng=0).to_dataframe())
    assert frame["x"].tolist() == x.ravel().tolist()
    assert frame["mean"].tolist() == nv.monte_carlo(UNIT, x, samples=64, rng=0).mean.ravel().tolist()


def test_without_pandas_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(nv.MissingExtraError, match=r"^to_dataframe needs pandas, .*pip install pandas$"):
        nv.exact(UNIT, [0.0]).to_dataframe()


# Drawing

PICTURES = ("annealing", "profile", "calibration", "comparison")


def drawings(results: dict[str, Any]) -> dict[str, Callable[..., Figure]]:
    return {name: results[name].plot for name in PICTURES} | {"unit": UNIT.plot}


@pytest.mark.parametrize("name", [*PICTURES, "unit"])
def test_drawing_leaves_pyplot_and_its_settings_alone(name: str, results: dict[str, Any]) -> None:
    with mpl.rc_context({"font.size": 27.0, "axes.facecolor": "#ff0000", "lines.linewidth": 9.0}):
        before = dict(mpl.rcParams)
        figure = drawings(results)[name]()
        assert type(figure).__mro__[1] is Figure
        payload, size = figure._repr_png_()  # type: ignore[attr-defined]  # our own figure
        assert payload.startswith(b"\x89PNG")
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == []
    assert size["width"] == round(96 * 13.6 / 2.54)
    assert drawings(results)[name]()._repr_png_()[0] == payload  # type: ignore[attr-defined]  # whatever the user's settings


def test_drawing_restores_the_settings_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from noisyviz.pictures.overview.picture import Overview

    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    before = dict(mpl.rcParams)
    monkeypatch.setattr(Overview, "draw", fail)
    with pytest.raises(RuntimeError):
        nv.plot(UNIT)
    assert dict(mpl.rcParams) == before


def test_threads_draw_side_by_side(results: dict[str, Any]) -> None:
    before = dict(mpl.rcParams)
    alone = [png(nv.plot(UNIT, style=style)) for style in ("screen", "dark", "paper")]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda style: png(nv.plot(UNIT, style=style)), ("screen", "dark", "paper") * 2))
    assert found == alone * 2
    assert dict(mpl.rcParams) == before
    assert results


def png(figure: Figure) -> bytes:
    stream = BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def test_pyplot_is_not_even_loaded() -> None:
    code = "import noisyviz as nv, sys\nnv.plot(nv.NoisyUnit('tanh'))._repr_png_()\n"
    code += "print('matplotlib.pyplot' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_figure_holds_what_the_command_draws(run: Run) -> None:
    """The same pixels, but for the record inside the file."""
    from PIL import Image

    assert run("plot", "--fn", "tanh", "--samples", "600", "--style", "screen", "--width", "13.6cm").exit_code == 0
    theirs = np.asarray(Image.open("plot-tanh.png").convert("RGB"), dtype=np.int16)
    ours = np.asarray(Image.open(BytesIO(png(nv.plot(nv.NoisyUnit("tanh"))))).convert("RGB"), dtype=np.int16)
    assert ours.shape == theirs.shape
    assert (np.abs(ours - theirs).max(axis=-1) > 16).mean() < 1e-3


def test_a_panel_goes_into_axes_of_the_users() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert nv.plot(UNIT, ax=left) is figure
    assert UNIT.plot(right, panels="gradient") is figure
    assert len(figure.axes) == 2
    means = {line.get_label(): line for axes in (left, right) for line in axes.get_lines()}
    x, y = means["mean"].get_data()
    np.testing.assert_array_equal(y, nv.exact(UNIT, x).mean)
    x, y = means["gradient"].get_data()
    np.testing.assert_array_equal(y, nv.exact(UNIT, x).grad_mean)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"panels": ("sigma", "delta")}, "panels must name one panel for ax, got 2"),
        ({"panels": "slope"}, "panels must be of activation, delta"),
        ({"data": [1.0]}, "data are drawn below all panels"),
    ],
)
def test_what_axes_cannot_show_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(nv.InputError, match=sentence):
        nv.plot(UNIT, ax=Figure().subplots(), **options)


@pytest.mark.parametrize("name", ["fn", "kind", "scale"])
@pytest.mark.parametrize("value", [[UNIT], nv.activation("tanh"), nv.noise("laplace"), 3, None], ids=str)
def test_a_comparison_takes_names(name: str, value: Any) -> None:
    with pytest.raises(nv.InputError, match=f"{name} must be a name, got "):
        nv.compare(**{name: value})


def test_data_lie_under_the_curves() -> None:
    figure = nv.plot(nv.NoisyUnit("sigmoid"), data=[[0.0, 3.0], [np.nan, -3.0]])
    assert len(figure.axes) == 5
    assert any("67" in text.get_text() for text in figure.texts)  # two of three lie at or beyond ∓2


def test_what_has_no_picture_says_so(samples: dict[str, Any]) -> None:
    with pytest.raises(nv.InputError, match="profile with unit="):
        nv.profile(samples, fn="hard-tanh").plot()
    with pytest.raises(nv.InputError, match="alpha must be one number"):
        nv.plot(nv.NoisyUnit("tanh", alpha=np.array([0.5, 1.0])))
    with pytest.raises(nv.InputError, match="unit must be a NoisyUnit, got str"):
        nv.plot("tanh")  # type: ignore[arg-type]  # on purpose
    disguised = nv.Activation(name="tanh", formula="2x", function=lambda x: 2 * x, slope_function=np.ones_like)
    with pytest.raises(nv.InputError, match="not the name of this one"):
        nv.profile([[1.0]], fn=disguised, unit=nv.NoisyUnit(disguised)).plot()
