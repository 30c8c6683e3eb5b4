"""What an author decides about a picture: caption, legends, letters, sizes, pixels, background, and films."""

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from PIL import Image

from noisyviz.errors import InputError
from noisyviz.export import figures
from noisyviz.export.film import FilmLook
from noisyviz.export.provenance import read_record
from noisyviz.pictures.shared.finish import Finish

QUICK = ("plot", "--fn", "hard-tanh", "--points", "41", "--samples", "20", "-q")
TWO_PANELS = (*QUICK, "--panels", "activation,sigma")


def record(path: str) -> dict[str, Any]:
    found = read_record(path)
    assert found is not None
    return found


def test_every_option_is_kept_in_the_file_and_replayed(run: Run) -> None:
    look = ("--no-caption", "--legend", "none", "--letters", "--font-size", "7", "--dpi", "80", "--transparent")
    assert run(*TWO_PANELS, *look, "--svg-text", "-o", "a.png", "-o", "a.svg").exit_code == 0
    stored = {"caption": False, "legend": "none", "letters": True, "font_size": 7.0, "dpi": 80}
    for name in ("a.png", "a.svg"):
        assert record(name)["finish"] == stored | {"transparent": True, "svg_text": True}
        assert "identical" in run("replay", name).stderr
    assert run(*TWO_PANELS, "-o", "b.png").exit_code == 0
    assert "finish" not in record("b.png")


def test_pixels_and_background_are_as_asked_for(run: Run) -> None:
    assert run(*TWO_PANELS, "--width", "4in", "--dpi", "60", "--transparent", "-o", "a.png").exit_code == 0
    with Image.open("a.png") as image:
        assert (image.width, image.mode) == (240, "RGBA")
        pixels = np.asarray(image)
    assert pixels[0, 0, 3] == 0
    assert pixels[..., 3].max() == 255
    assert run(*TWO_PANELS, "--width", "4in", "--dpi", "60", "-o", "b.png").exit_code == 0
    with Image.open("b.png") as image:
        assert image.mode == "RGB"


def test_an_svg_has_text_on_request_and_tells_what_it_shows(run: Run) -> None:
    printed = run(*TWO_PANELS, "--svg-text", "--no-caption", "--letters", "-o", "a.svg").stdout
    text = Path("a.svg").read_text(encoding="utf-8")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert {"a", "b", "saturated"} <= {word.strip() for word in words}
    told = "hard-tanh, unit nan (normal noise on the output)"
    assert told in printed
    assert re.search(rf"<title>plot of hard-tanh, nan</title>\s*<desc>{re.escape(told)}", text)
    assert run(*TWO_PANELS, "-o", "b.svg").exit_code == 0
    plain = Path("b.svg").read_text(encoding="utf-8")
    assert "<text" not in plain
    assert f"<desc>{told}" in plain


def test_captions_of_figures_are_printed_by_their_names(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "processors", lambda: 1)
    result = run("figures", "--only", "1,3", "--format", "png", "--dpi", "40", "--no-caption", "-q")
    first, second = result.stdout.splitlines()
    assert first.startswith("figure-1: The derivative is 0 from |x|=1 on for hard-tanh,")
    assert second.startswith("figure-3: hard-tanh, x_t=1;")
    assert record("figures/figure-3.png")["finish"] == {"caption": False, "dpi": 40}


def test_without_a_caption_or_legends_a_picture_is_lower(run: Run) -> None:
    heights = []
    for number, look in enumerate(([], ["--no-caption"], ["--no-caption", "--legend", "none"])):
        assert run(*TWO_PANELS, *look, "--dpi", "50", "-o", f"{number}.png").exit_code == 0
        with Image.open(f"{number}.png") as image:
            heights.append(image.height)
    assert heights[0] > heights[1] > heights[2]


def test_a_narrow_picture_is_drawn_where_it_fits_and_refused_where_it_does_not(run: Run) -> None:
    assert run(*QUICK, "--width", "icml/2", "--panels", "sigma", "--no-caption", "-o", "a.png").exit_code == 0
    result = run(*TWO_PANELS, "--width", "3cm", "--font-size", "14", "-o", "b.png")
    assert result.exit_code == 2
    found = re.search(r"--width must be at least ([0-9.]+)cm .* 14 points", result.stderr)
    assert found is not None
    words = (*TWO_PANELS, "--font-size", "14", "-o", "c.png", "--width")
    assert run(*words, f"{float(found[1]) - 0.25}cm").exit_code == 2
    assert run(*words, f"{found[1]}cm").exit_code == 0
    assert not Path("b.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--dpi", "20"), "--dpi"),
        (("--font-size", "3"), "--font-size"),
        (("--legend", "left"), "--legend"),
        (("--dpi", "2400", "--width", "90cm"), "--dpi"),
    ],
)
def test_what_is_not_allowed_is_named(run: Run, words: tuple[str, ...], said: str) -> None:
    result = run(*TWO_PANELS, *words, "-o", "a.png")
    assert result.exit_code == 2
    assert said in result.stderr
    assert not Path("a.png").exists()


def test_panels_stand_in_the_order_in_which_they_are_named(run: Run) -> None:
    assert run(*QUICK, "--panels", "gradient,activation", "--svg-text", "--width", "6cm", "-o", "a.svg").exit_code == 0
    text = Path("a.svg").read_text(encoding="utf-8")
    assert record("a.svg")["settings"]["panels"] == ["gradient", "activation"]
    assert text.index('id="axes_1"') < text.index('id="axes_2"')


def test_points_are_marked_on_whole_curves(run: Run) -> None:
    assert (
        run(
            *QUICK[:3], "--at=-3,0,6", "--samples", "20", "--panels", "activation", "--with-data", "-o", "a.png"
        ).exit_code
        == 0
    )
    assert Path("a-points.csv").read_text().count("\n") == 4
    assert Path("a.csv").read_text().count("\n") > 400
    result = run(*QUICK[:3], "--at=inf", "-o", "b.png")
    assert result.exit_code == 2
    assert "--at" in result.stderr


def test_a_film_follows_width_speed_and_loops(run: Run) -> None:
    anneal = ("anneal", "--steps", "4", "--trajectories", "4", "-q")
    assert run(*anneal, "--animate", "a.gif", "--width", "10cm", "--fps", "5", "--loop", "3").exit_code == 0
    with Image.open("a.gif") as film:
        assert film.width == int(10 / 2.54 * 110)
        assert film.info["duration"] == 200
        assert film.info["loop"] == 2  # repetitions after the first time
    assert "identical" in run("replay", "a.gif").stderr
    for words, said in ((("--fps", "0"), "--fps"), (("--width", "5cm"), "--width")):
        result = run(*anneal, "--animate", "b.gif", *words)
        assert (result.exit_code, said in result.stderr) == (2, True)
    assert "--animate" in run(*anneal, "--fps", "5").stderr


@pytest.mark.parametrize(
    "stored", [3, {"dpi": True}, {"dpi": 1e9}, {"dpi": 9}, {"caption": "no"}, {"x": 1}, {"legend": "left"}]
)
def test_a_finish_that_no_picture_stores_is_refused(stored: object) -> None:
    assert Finish.from_stored(Finish(dpi=90, caption=False).stored()) == Finish(dpi=90, caption=False)
    with pytest.raises(InputError):
        Finish.from_stored(stored)


@pytest.mark.parametrize("stored", [[], {"fps": True}, {"fps": math.nan}, {"loop": -1}, {"width": "3cm"}, {"x": 1}])
def test_a_film_that_is_none_of_ours_is_refused(stored: object) -> None:
    assert FilmLook.from_stored(FilmLook(fps=5.0, width="10cm").stored()) == FilmLook(fps=5.0, width="10cm")
    with pytest.raises(InputError):
        FilmLook.from_stored(stored)
