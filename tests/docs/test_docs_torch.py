"""docs/torch.md runs as written, and what it says about its network is so."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run

pytest.importorskip("torch", reason="PyTorch is an extra")

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "torch.md").read_text(encoding="utf-8")


def test_the_page_runs_as_written(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```(python|sh)\n(.*?)```", PAGE, flags=re.DOTALL)
    assert [language for language, _ in blocks] == ["sh", *["python"] * 6, "sh"]
    names: dict[str, Any] = {}
    for language, code in blocks[1:]:
        if language == "python":
            exec(compile(code, "torch.md", "exec"), names)
        else:
            result = run(*code.split()[1:])
            assert result.exit_code == 0, result.stderr
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "('1: Tanh', '3: Tanh')"
    assert float(lines[1]) > 0.65  # at chance without a gradient
    assert lines[2] == "{'leak': 'NoisyActivation', 'hard': 'NoisyActivation'}"
    assert Path("activations.png").exists()


def test_the_layer_that_the_page_shows_was_stuck_and_is_less_so() -> None:
    with np.load(DOCS / "data" / "stuck.npz") as archive:
        dead = {name: int(np.sum(np.mean(np.abs(archive[name]) >= 1.0, axis=0) >= 0.99)) for name in archive.files}
    assert dead == {"before": 64, "after": 29}
