"""The page in a real browser: its numbers, its controls, its address, and what it asks of the network."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import MISSING, browser, look
from conftest import Run
from conftest import settings as stored
from reference import WITH_PARAMETERS

import noisyviz as nv

if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.support.ui import WebDriverWait

SETTINGS = 12  # 50 were tried once for every function and kind
COLUMNS = {
    "mean": "mean",
    "bias": "bias",
    "std": "std",
    "gradMean": "grad_mean",
    "gradStd": "grad_std",
    "pWrong": "p_wrong",
    "pZero": "p_zero",
}
QUADRATURE = 1e-6
CLOSED = 1e-9


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    data = np.random.default_rng(0).normal(0.5, 2.0, 5000)
    path = tmp_path_factory.mktemp("page") / "unit.html"
    nv.explore(nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15), data=data).save(path)
    return path.as_uri()


@pytest.fixture
def opened(driver: Any, page: str) -> Any:
    """The browser with the page at its start, after what is left from before is gone."""
    look(driver, width=1000)
    show(driver, page)
    driver.get_log("browser")
    driver.get_log("performance")
    return driver


def show(driver: Any, address: str) -> None:
    driver.get("about:blank")
    driver.get(address)


def text(driver: Any, name: str) -> str:
    return str(driver.execute_script("return document.getElementById(arguments[0]).textContent", name))


def settings(driver: Any) -> dict[str, Any]:
    found: dict[str, Any] = driver.execute_script("return noisyviz.settings()")
    return found


def value(driver: Any, name: str) -> str:
    """A value of the table as it stands there, with the minus sign of programs."""
    script = "return [...document.querySelectorAll('#values tr')].map(r => [...r.cells].map(c => c.textContent))"
    return str(dict(driver.execute_script(script))[name]).replace("−", "-")


def wait(driver: Any, happened: Any) -> None:
    WebDriverWait(driver, 60, poll_frequency=0.02).until(happened)


def group(fn: str, kind: str, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Fifty random settings, in groups that share noise scale, noise, and the x: a threshold or a random one."""
    h = nv.activation(fn)
    noises = ("normal", "normal", "laplace", "uniform", "student-t:2.5", "student-t:7")
    groups = 2 if kind == "nanil-softplus" else 5  # its reference takes long
    for k in range(groups):
        size = SETTINGS // groups
        x = [*(z for z in h.thresholds if np.isfinite(z)), *rng.uniform(-8, 8, 2).tolist()]
        yield {
            "fn": fn,
            "unit": kind,
            "scale": ("eq9", "figure")[k % 2],
            "noise": noises[int(rng.integers(len(noises)))],
            "alpha": np.where(rng.random(size) < 0.3, 1.0, rng.uniform(-0.5, 2.0, size)),
            "c": np.where(rng.random(size) < 0.1, 0.0, rng.uniform(0, 4, size) * rng.choice([1, 1, 8], size)),
            "p": rng.uniform(-4, 4, size),
            "x": np.roll(x, k)[: 1 if kind == "nanil-softplus" else 2],
        }


def expected(one: dict[str, Any]) -> dict[str, Any]:
    alpha, c, p = (one[name][:, None] for name in ("alpha", "c", "p"))
    unit = nv.NoisyUnit(one["fn"], kind=one["unit"], alpha=alpha, c=c, p=p, scale=one["scale"], noise=one["noise"])
    moments = nv.exact(unit, one["x"][None, :])
    return {name: getattr(moments, name) for name in COLUMNS.values()}


def shown(driver: Any, groups: list[dict[str, Any]]) -> list[Any]:
    """What the page works out: for each group its settings by its x."""
    jobs = [{key: v.tolist() if isinstance(v, np.ndarray) else v for key, v in one.items()} for one in groups]
    script = """
        return arguments[0].map(job => job.alpha.map((alpha, k) => job.x.map(x =>
            noisyviz.at({...job, alpha, c: job.c[k], p: job.p[k]}, x))));
    """
    found: list[Any] = driver.execute_script(script, jobs)
    return found


@pytest.mark.parametrize("kind", nv.KINDS)
def test_numbers_are_those_of_exact(driver: Any, page: str, kind: str) -> None:
    show(driver, page)
    rng = np.random.default_rng(sorted(nv.KINDS).index(kind))
    for fn in nv.ACTIVATIONS:
        groups = list(group(fn, kind, rng))
        closed = nv.KINDS[kind].output_noise or (nv.activation(fn).pieces is not None and kind != "nanil-softplus")
        for one, rows in zip(groups, shown(driver, groups), strict=True):
            exact = expected(one)
            for name, column in COLUMNS.items():
                found = np.array([[row[name] for row in line] for line in rows], dtype=np.float64)
                np.testing.assert_allclose(
                    found,
                    exact[column],
                    rtol=1e-12,
                    atol=CLOSED if closed else QUADRATURE,
                    err_msg=f"{fn}, {kind}, {name}: {one}",
                )


@pytest.mark.parametrize("fn", WITH_PARAMETERS)
def test_a_page_may_start_with_a_function_with_parameters(driver: Any, fn: str, tmp_path: Path) -> None:
    unit = nv.NoisyUnit(fn, kind="nanil", c=1.5, p=-0.8)
    nv.explore(unit).save(tmp_path / "unit.html")
    show(driver, (tmp_path / "unit.html").as_uri())
    assert settings(driver)["fn"] == fn
    x = np.array([-2.5, -0.25, 0.75, 3.0])
    found = driver.execute_script("return arguments[0].map(x => noisyviz.at(noisyviz.settings(), x))", x.tolist())
    wanted = nv.exact(unit, x)
    for name, column in COLUMNS.items():
        got = np.array([row[name] for row in found], dtype=np.float64)
        np.testing.assert_allclose(got, getattr(wanted, column), rtol=1e-12, atol=QUADRATURE, err_msg=name)


@pytest.mark.parametrize("kind", ["nan", "nah", "nani", "nanil", "nanil-softplus", "add", "mult"])
@pytest.mark.parametrize("fn", ["tanh", "hard-tanh", "elu"])
def test_response_pull_and_noise(driver: Any, page: str, fn: str, kind: str) -> None:
    """The covariance is half the slope of the variance, here a difference of the engine's variances."""
    show(driver, page)
    x, step = np.array([-2.5, -1.7, 1.9]), 1e-4
    one = {"fn": fn, "unit": kind, "alpha": [0.8], "c": [1.5], "p": [0.9], "scale": "eq9", "noise": "normal", "x": x}
    unit = nv.NoisyUnit(fn, kind=kind, alpha=0.8, c=1.5, p=0.9)
    below, above = (nv.exact(unit, x + side).std ** 2 for side in (-step, step))
    moments, h = nv.exact(unit, x), nv.activation(fn)
    for k, row in enumerate(shown(driver, [one])[0][0]):
        assert row["response"] == pytest.approx(moments.grad_mean[k] / h.slope, abs=1e-6)
        assert row["noise"] == pytest.approx(moments.grad_std[k] / h.slope, abs=1e-6)
        side = {"left": -1, "linear": None, "right": 1}[str(h.region(x)[k])]
        if side is None:
            assert row["pull"] is None
        else:
            assert row["pull"] == pytest.approx(side * (above - below)[k] / (4 * step), abs=1e-6)


def test_keys_move_the_sliders(opened: Any) -> None:
    slider = opened.find_element("id", "c-slider")
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    wait(opened, lambda d: settings(d)["c"] == 0.52)
    slider.send_keys(Keys.HOME)
    wait(opened, lambda d: settings(d)["c"] == 0 and value(d, "std φ") == "0")
    slider.send_keys(Keys.END)
    wait(opened, lambda d: settings(d)["c"] == 4)
    want = nv.exact(nv.NoisyUnit("hard-tanh", kind="nah", alpha=1.15, c=4.0), 2.0)
    wait(opened, lambda d: float(value(d, "E φ")) == pytest.approx(float(want.mean), rel=1e-5))
    assert float(value(opened, "std ∂φ/∂x")) == pytest.approx(float(want.grad_std), rel=1e-5)
    assert float(value(opened, "P(wrong sign)")) == pytest.approx(float(want.p_wrong), rel=1e-5)
    assert "--c 4" in text(opened, "command")
    assert "4·(g(1·Δ)" in text(opened, "formula")


def test_everything_is_reached_by_tab(opened: Any) -> None:
    wanted = {
        "fn",
        "unit",
        "scale",
        "noise",
        "alpha-slider",
        "alpha",
        "c-slider",
        "c",
        "p-slider",
        "p",
        "margin-slider",
    }
    wanted |= {"margin", "x-slider", "x", "copy", "save", "reset"}
    seen = set()
    for _ in range(len(wanted) + 2):
        opened.switch_to.active_element.send_keys(Keys.TAB)
        seen.add(opened.execute_script("return document.activeElement.id"))
    assert wanted <= seen
    opened.find_element("id", "unit").send_keys("nani")
    wait(opened, lambda d: settings(d)["unit"] == "nani" and text(d, "title") == "hard-tanh, nani")
    assert not opened.find_element("id", "alpha-slider").is_enabled()  # nani has no α
    assert opened.find_element("id", "c-slider").is_enabled()


def test_a_pointer_moves_slider_and_cursor(opened: Any) -> None:
    slider = opened.find_element("id", "alpha-slider")
    ActionChains(opened).click_and_hold(slider).move_by_offset(-30, 0).release().perform()
    wait(opened, lambda d: settings(d)["alpha"] < 1)
    panel = opened.find_element("id", "panel-gradient")
    ActionChains(opened).move_to_element_with_offset(panel, -panel.size["width"] // 4, 0).perform()
    wait(opened, lambda d: settings(d)["x"] < 0)
    x = settings(opened)["x"]
    wait(opened, lambda d: value(d, "u(x)") == f"{x:.6g}")
    assert value(opened, "x").endswith("(left saturated)" if x <= -1 else "(linear)")


def test_nothing_leaves_the_page(opened: Any) -> None:
    opened.find_element("id", "c-slider").send_keys(Keys.END)
    wait(opened, lambda d: settings(d)["c"] == 4)
    opened.find_element("id", "save").click()
    wait(opened, lambda d: text(d, "done").startswith("Saved as explore-hard-tanh-nah.svg"))
    assert opened.execute_script("return performance.getEntriesByType('resource').length") == 0
    messages = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:", "chrome:", "about:"))] == []
    assert opened.get_log("browser") == []
    blocked = "return fetch('https://example.org').then(() => 'sent', () => 'refused')"
    assert opened.execute_script(blocked) == "refused"
    assert "Content Security Policy" in opened.get_log("browser")[0]["message"]


def test_every_control_and_picture_has_a_name(opened: Any) -> None:
    tree = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named: dict[str, list[str]] = {}
    for node in tree:
        if not node.get("ignored"):
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role, least in (("slider", 5), ("spinbutton", 5), ("combobox", 4), ("image", 6), ("button", 3)):
        names = named.get(role, []) + (named.get("img", []) if role == "image" else [])
        assert len(names) >= least, role
        assert len(set(names)) == len(names), role
        assert all(names), role
    assert any("at x = 2" in name and "P(wrong sign)" in name for name in named.get("image", []) + named.get("img", []))


def test_the_address_holds_the_state(opened: Any, page: str) -> None:
    address = f"{page}#fn=sigmoid&unit=nanil&c=30&p=-2.5&scale=figure&noise=student-t:4.5&margin=7&x=-3.25"
    show(opened, address)
    assert text(opened, "message") == ""
    before = settings(opened)
    assert before["c"] == 30
    assert before["p"] == -2.5
    assert opened.execute_script("return document.getElementById('c-slider').value") == "30"
    opened.find_element("id", "p-slider").send_keys(Keys.END)
    wait(opened, lambda d: settings(d)["p"] == 4 and "p=4" in d.current_url)
    opened.refresh()
    assert settings(opened) == before | {"p": 4}
    want = nv.exact(nv.NoisyUnit("sigmoid", kind="nanil", c=30, p=4, scale="figure", noise="student-t:4.5"), -3.25)
    assert float(value(opened, "std φ")) == pytest.approx(float(want.std), abs=1e-5)


HOSTILE = {
    "fn=<img src=x onerror=alert(1)>": "fn must be one of",
    "unit=constructor": "unit must be one of",
    "fn=__proto__": "fn must be one of",
    "__proto__=1": "There is no setting",
    "c=-1": "c must be a number from 0 to 1000",
    "c=1e9": "c must be a number",
    "c=": "c must be a number",
    "alpha=NaN": "alpha must be a number",
    "alpha=Infinity": "alpha must be a number",
    "p=0x": "p must be a number",
    "x=99": "x must be a number from −4 to 4",
    "margin=-3": "margin must be a number",
    "noise=student-t": "noise student-t needs its degrees of freedom",
    "noise=student-t:2": "noise student-t needs its degrees of freedom",
    "noise=cauchy": "noise must be one of",
    "%E0%A4%A": "There is no setting",
    "&".join(f"bad{k}={'y' * 500}" for k in range(200)): "And 195 more",
}


@pytest.mark.parametrize("fragment", HOSTILE)
def test_a_hostile_address_gives_a_message_and_no_error(opened: Any, page: str, fragment: str) -> None:
    show(opened, f"{page}#{fragment}")
    assert HOSTILE[fragment] in text(opened, "message")
    assert len(text(opened, "message")) < 1500
    assert opened.execute_script("return !document.getElementById('message').hidden")
    assert settings(opened)["fn"] == "hard-tanh"
    assert settings(opened)["c"] == 0.5
    assert text(opened, "values")
    assert opened.get_log("browser") == []


def test_a_bad_number_is_told_and_the_last_good_one_stays(opened: Any) -> None:
    field = opened.find_element("id", "c")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("-2")
    assert "c must be a number from 0" in text(opened, "message")
    assert settings(opened)["c"] == 0.5
    field.send_keys(Keys.TAB)
    assert field.get_attribute("value") == "0.5"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("1.25")
    wait(opened, lambda d: settings(d)["c"] == 1.25)
    assert text(opened, "message") == ""


@pytest.mark.parametrize("width", [320, 360, 700, 768, 1400])
def test_no_width_scrolls_sideways(opened: Any, width: int) -> None:
    for dark in (False, True):
        look(opened, width=width, dark=dark)
        size, paper, ink = opened.execute_script(
            "const s = getComputedStyle(document.body);"
            "return [document.documentElement.scrollWidth, s.backgroundColor, s.color]"
        )
        assert size <= width
        light, strong = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (paper, ink))
        assert (light < strong) == dark
        over = (
            "return [...document.querySelectorAll('#panels text')].filter(t => t.getBBox().x + t.getBBox().width > 360)"
        )
        assert opened.execute_script(f"{over}.map(t => t.textContent)") == []


def test_the_command_draws_the_same_unit(opened: Any, page: str, run: Run) -> None:
    show(opened, f"{page}#fn=relu&unit=nanil&c=1.5&p=2&scale=figure&noise=laplace&margin=5")
    name, *words = shlex.split(text(opened, "command"))
    assert name == "noisyviz"
    assert "--alpha" not in words  # nanil has none
    assert run(*words, "--points", "9", "--samples", "9", "-o", "a.svg", "-q").exit_code == 0
    picture = stored("a.svg")
    assert (picture["fn"], picture["unit"], picture["scale"], picture["noise"]) == (
        ["relu"],
        "nanil",
        "figure",
        "laplace",
    )
    assert (picture["c"], picture["p"], picture["xlim"]) == (1.5, 2.0, [-5.0, 5.0])


def test_the_button_copies_the_command(opened: Any) -> None:
    opened.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    opened.find_element("id", "copy").click()
    wait(opened, lambda d: text(d, "done") == "Copied.")
    assert opened.execute_script("return navigator.clipboard.readText()") == text(opened, "command")


def test_the_picture_is_an_svg_that_stands_alone(opened: Any, tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    path.write_text(opened.execute_script("return noisyviz.picture()"), encoding="utf-8")
    opened.get(path.as_uri())
    assert opened.execute_script("return document.documentElement.tagName") == "svg"
    assert opened.execute_script("return document.querySelectorAll('svg svg').length") == 6
    stroke = "return getComputedStyle(document.querySelector('.curve.blue')).stroke"
    assert opened.execute_script(stroke) == "rgb(0, 114, 178)"


def test_data_lie_under_output_and_gradient(opened: Any) -> None:
    assert opened.execute_script("return document.querySelectorAll('path.data').length") == 2
    data = np.random.default_rng(0).normal(0.5, 2.0, 5000)
    share = 100 * np.mean(np.abs(data) >= 1)
    assert f"Of 5,000 values of data, {share:.3g} % are saturated" in text(opened, "told")


@pytest.mark.parametrize("sandbox", ["", 'sandbox="allow-scripts"'])
def test_a_notebook_cell_shows_it_without_an_error(opened: Any, tmp_path: Path, sandbox: str) -> None:
    cell = nv.explore(nv.NoisyUnit("tanh"))._repr_html_().replace("<iframe ", f"<iframe {sandbox} ")
    path = tmp_path / "cell.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{cell}", encoding="utf-8")
    opened.get(path.as_uri())
    opened.switch_to.frame(0)
    opened.find_element("id", "c-slider").send_keys(Keys.END)
    wait(opened, lambda d: "c 4" in text(d, "command"))
    assert text(opened, "message") == ""
    opened.switch_to.default_content()
    assert opened.get_log("browser") == []
