"""docs/own-network.md runs as written; what needs PyTorch is replaced by arrays like it where that is missing."""

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

PAGE = (Path(__file__).parents[2] / "docs" / "own-network.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE, flags=re.DOTALL)
ORDER = ["torch", "torch", "python", "sh", "sh", "sh", "sh", "python"]


def wheel_like_that_of_g2p_en(rng: np.random.Generator) -> None:
    """Write a wheel with a checkpoint of the same names and types, and 5 hidden units in place of 256."""
    shapes = {"emb": (29, 4), "w_ih": (15, 4), "w_hh": (15, 5), "b_ih": (15,), "b_hh": (15,)}
    checkpoint = io.BytesIO()
    arrays = {f"enc_{name}": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    np.savez(checkpoint, **arrays)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    with zipfile.ZipFile("g2p_en-2.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("g2p_en/checkpoint20.npz", checkpoint.getvalue())


def run_blocks(run: Run, *, torch: bool) -> dict[str, Any]:
    """Run the blocks in order, in one name space, with or without those that need PyTorch."""
    wheel_like_that_of_g2p_en(np.random.default_rng(1))
    names: dict[str, Any] = {}
    for language, code in BLOCKS:
        if language == "sh":
            for line in code.splitlines():
                result = run(*line.split()[1:])
                assert result.exit_code == 0, result.stderr
        elif torch or "torch" not in code:
            exec(compile(code, "own-network.md", "exec"), names)
    return names


def check(out: str) -> None:
    share, c = (float(line) for line in out.split())
    assert 0.1 < share < 1.0
    assert c > 0
    assert Path("units.csv").exists()


def test_the_page_has_the_blocks_that_are_run() -> None:
    found = ["torch" if "torch" in code else language for language, code in BLOCKS]
    assert found == ORDER


def test_the_mode_of_the_page_catches_every_kind_of_call_batch_and_precision() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; the extra 'docs' holds it")
    names: dict[str, Any] = {}
    (code,) = (code for language, code in BLOCKS if language == "python" and "TorchFunctionMode" in code)
    exec(compile(code.partition("torch.manual_seed")[0], "own-network.md", "exec"), names)
    keep = names["Inputs"]()
    batches = [torch.randn(4, 3, 5), torch.randn(2, 7, 5)]
    for x in batches:
        with keep:
            torch.tanh(x)
            (2 * x).bfloat16().requires_grad_().tanh()
            torch.nn.functional.tanh(3 * x)
            torch.nn.Tanh()(4 * x)
    assert list(keep.caught) == ["tanh1", "tanh2", "tanh3", "tanh4"]
    for factor, parts in enumerate(keep.caught.values(), 1):
        expected = np.concatenate([factor * x.numpy().reshape(-1, 5) for x in batches])
        np.testing.assert_allclose(np.concatenate(parts), expected, rtol=1e-2 if factor == 2 else 1e-6)


def test_what_needs_no_pytorch_runs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    np.savez("activations.npz", layer1=3.0 * rng.standard_normal((500, 64)), layer3=rng.standard_normal((500, 32)))
    gates = {name: 3.0 * rng.standard_normal((40, 16, 48)) for name in ("input_gate", "cell_candidate")}
    np.savez("gates.npz", **gates)  # type: ignore[arg-type]  # the stub takes the names for allow_pickle
    names = run_blocks(run, torch=False)
    check(capsys.readouterr().out)
    told = json.loads(run("profile", "gru.npz", "--fn", "sigmoid", "--array", "candidate=tanh", "--json").stdout)
    for array in told["arrays"]:
        x, far = names["gru"][array["name"]], 1.0 if array["fn"] == "tanh" else 2.0
        assert array["share_left"] == np.mean(x <= -far)
        assert array["share_right"] == np.mean(x >= far)
        assert 0.0 < array["share_saturated"] < 1.0


@pytest.mark.usefixtures("run")
def test_the_gates_of_the_gru_give_the_hidden_states_of_one_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; the extra 'docs' holds it")
    names: dict[str, Any] = {}
    wheel_like_that_of_g2p_en(np.random.default_rng(2))
    (code,) = (code for language, code in BLOCKS if language == "python" and "g2p_en" in code)
    exec(compile(code, "own-network.md", "exec"), names)
    layer = torch.nn.GRU(4, 5)
    with torch.no_grad():
        for name in ("w_ih", "w_hh", "b_ih", "b_hh"):
            own = name.replace("w_", "weight_").replace("b_", "bias_")
            getattr(layer, f"{own}_l0").copy_(torch.from_numpy(names["weights"][f"enc_{name}"]))
        last = [*(ord(one) - ord("a") + 3 for one in names["word"]), 2]
        states, _ = layer(torch.from_numpy(names["weights"]["enc_emb"][last]))
    np.testing.assert_allclose(names["h"], states[-1].numpy(), atol=1e-5)


def test_the_whole_page_runs_as_written(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """The LSTM's own gates are those that the page works out: they give its outputs back."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; the extra 'docs' holds it")
    names = run_blocks(run, torch=True)
    check(capsys.readouterr().out)
    with np.load("activations.npz") as archive:
        assert {name: archive[name].shape for name in archive.files} == {"tanh1": (500, 64), "tanh2": (500, 32)}
        with torch.no_grad():
            first = names["network"][0](names["inputs"]).numpy()
        np.testing.assert_allclose(archive["tanh1"], first, rtol=1e-6, atol=1e-6)  # of other sizes of batches
    with np.load("gates.npz") as archive:
        i, f, g, o = (archive[name].astype(np.float64) for name in names["names"])
    cell = np.zeros(i[0].shape)
    for step, expected in enumerate(names["outputs"].numpy()):
        cell = cell / (1 + np.exp(-f[step])) + np.tanh(g[step]) / (1 + np.exp(-i[step]))
        np.testing.assert_allclose(np.tanh(cell) / (1 + np.exp(-o[step])), expected, atol=1e-5)
