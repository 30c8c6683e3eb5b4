"""Recall: its episodes, and one step of the machine by NumPy."""

import math
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from noisyviz.errors import InputError  # noqa: E402
from noisyviz.experiments import make_task, recall  # noqa: E402
from noisyviz.experiments.settings import Settings  # noqa: E402


def test_an_episode_shows_items_asks_for_one_and_wants_the_next() -> None:
    x, answers = recall.episodes(np.random.default_rng(0), 300, items=4, vectors=2, bits=2)
    assert (x.shape, answers.shape) == ((4 * 3 + 6, 300, 4), (2, 300, 2))
    asked = set()
    for episode, answer in zip(x.swapaxes(0, 1), answers.swapaxes(0, 1), strict=True):
        marks = [list(row[2:]) for row in episode]
        assert marks == [[1, 0], [0, 0], [0, 0]] * 4 + [[0, 1], [0, 0], [0, 0], [0, 1], [0, 0], [0, 0]]
        items = [episode[3 * k + 1 : 3 * k + 3, :2].tolist() for k in range(4)]
        assert all(items[j] != items[k] for k in range(4) for j in range(k))
        place = items.index(episode[13:15, :2].tolist())
        assert answer.tolist() == items[place + 1]
        assert not episode[16:].any()
        asked.add(place)
    assert asked == {0, 1, 2}


def softmax(x: Any) -> Any:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def plain_step(model: Any, x: Any, memory: Any, before: Any, read: Any, h: Any, c: Any) -> tuple[Any, ...]:
    """One step of one episode."""
    w = {name: value.detach().numpy() for name, value in model.named_parameters()}
    pre = w["controller.weight_ih_l0"] @ np.concatenate([x, read]) + w["controller.weight_hh_l0"] @ h
    i, f, g, o = np.split(pre + w["controller.bias_ih_l0"] + w["controller.bias_hh_l0"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    n, width = memory.shape
    told = w["heads.weight"] @ h + w["heads.bias"]
    weights = []
    for head in range(2):
        part = told[head * (width + 6) :]
        key, strength, sharp = (
            np.tanh(part[:width]),
            np.log1p(np.exp(part[width])),
            1 + np.log1p(np.exp(part[width + 1])),
        )
        near = np.array([row @ key / np.sqrt(row @ row + 1e-6) / np.sqrt(key @ key + 1e-6) for row in memory])
        gate, shift = sigmoid(part[width + 2]), softmax(part[width + 3 : width + 6])
        mixed = gate * softmax(strength * near) + (1 - gate) * before[head]
        moved = [sum(shift[d + 1] * mixed[(row - d) % n] for d in (-1, 0, 1)) for row in range(n)]
        sharpened = (np.array(moved) + 1e-6) ** sharp
        weights.append(sharpened / sharpened.sum())
    erase, add = sigmoid(told[-2 * width : -width]), np.tanh(told[-width:])
    memory = memory * (1 - np.outer(weights[1], erase)) + np.outer(weights[1], add)
    return memory, np.array(weights), weights[0] @ memory, h, c


def test_steps_of_the_machine_are_those_of_numpy() -> None:
    torch.manual_seed(0)
    unit = {"kind": "none", "tanh": "tanh", "sigmoid": "sigmoid"}
    model = recall.Machine(4, 2, 5, 7, 3, unit).double()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    x = torch.randn(6, 2, 4, dtype=torch.float64)
    with torch.no_grad():
        state = model.start(2)
        memory, weights, read, (h, c) = state
        plain = [
            (memory[b].numpy(), weights[b].numpy(), read[b].numpy(), h[0, b].numpy(), c[0, b].numpy()) for b in (0, 1)
        ]
        for row in x:
            out, state = model.step(row, state)
            plain = [plain_step(model, row[b].numpy(), *plain[b]) for b in (0, 1)]
            for b in (0, 1):
                for mine, theirs in zip(state[:3], plain[b], strict=False):
                    np.testing.assert_allclose(mine[b].numpy(), theirs, rtol=1e-9, atol=1e-12)
                np.testing.assert_allclose(out[b].numpy(), np.concatenate([plain[b][3], plain[b][2]]), rtol=1e-9)
        last = model.out(torch.cat([state[3][0][0], state[2]], -1))
        assert torch.equal(model(x, 1)[0], last)
    assert float(state[1].sum()) == pytest.approx(4.0)
    assert float(state[1].min()) >= 0.0


def test_an_untrained_machine_is_at_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "TESTED", 200)
    sizes = {"bits": 4, "vectors": 3, "most": 3, "hidden": 8, "rows": 6, "width": 5}
    task: Any = make_task(Settings(task="recall", options=sizes))
    found = task.measure()
    x, answer = (one.numpy() for one in task.tests[3])
    with torch.no_grad():
        told = sigmoid(task.model(torch.from_numpy(x), 3).numpy())
    assert found["bit_errors"] == np.mean([np.sum(np.abs(told - answer)[:, k] > 0.5) for k in range(200)])
    assert found["test_nll"] == pytest.approx(3 * math.log(2), rel=0.02)  # where the paper's curves begin
    for name in ("bit_errors", "bit_errors_of_2", "bit_errors_of_twice"):
        assert found[name] == pytest.approx(6.0, abs=0.5)


def test_rows_of_the_memory_become_different() -> None:
    """A machine that starts alike in every row has but one row, whatever it learns."""
    task: Any = make_task(Settings(task="recall", options={"most": 2}))
    state = task.model.start(3)
    for row in torch.rand(3, 3, 8):
        _, state = task.model.step(row, state)
    assert float(state[0].detach().std(1).max()) > 1e-3


def test_items_that_cannot_differ_are_refused() -> None:
    with pytest.raises(InputError, match="items that differ"):
        make_task(Settings(task="recall", options={"bits": 2, "most": 4}))
