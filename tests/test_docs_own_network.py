"""docs/own-network.md runs as written; its first block needs PyTorch and is left out where that is missing."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from conftest import Run

PAGE = (Path(__file__).parents[1] / "docs" / "own-network.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(python|sh)\n(.*?)```", PAGE, flags=re.DOTALL)


def test_every_block_runs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert [language for language, _ in BLOCKS] == ["python", "sh", "sh", "python"]
    rng = np.random.default_rng(0)
    np.savez("activations.npz", layer1=3.0 * rng.standard_normal((500, 64)), layer3=rng.standard_normal((500, 32)))
    for language, code in BLOCKS:
        if language == "sh":
            for line in code.splitlines():
                result = run(*line.split()[1:])
                assert result.exit_code == 0, result.stderr
        elif "torch" not in code or importlib.util.find_spec("torch") is not None:
            exec(compile(code, "own-network.md", "exec"), {})
    share, c = (float(line) for line in capsys.readouterr().out.split())
    assert 0.1 < share < 1.0
    assert c > 0
    assert Path("units.csv").exists()
