"""Words and characters: the files that they read, and perplexity by hand."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is an extra")

from noisyviz.errors import InputError  # noqa: E402
from noisyviz.experiments import language, make_task, text  # noqa: E402
from noisyviz.experiments.settings import Settings  # noqa: E402

SENTENCES = {
    "train": " the <unk> sleeps \n N dogs see the cat \n" * 20,
    "valid": " the cat sleeps \n",
    "test": " dogs see N <unk> \n the cat \n",
}
ORDER = ["the", "<unk>", "sleeps", "<eos>", "N", "dogs", "see", "cat"]

Make = Callable[..., Any]


@pytest.fixture
def ptb(tmp_path: Path) -> Path:
    for name, lines in SENTENCES.items():
        (tmp_path / f"ptb.{name}.txt").write_text(lines)
    return tmp_path


@pytest.fixture
def make(ptb: Path) -> Make:
    torch.set_num_threads(1)

    def task(name: str, activation: str = "soft", **sizes: Any) -> Any:
        sizes = {"hidden": 6, "batch": 3, "window": 5, "data": str(ptb)} | sizes
        return make_task(Settings(task=name, activation=activation, options=sizes))

    return task


def plain_nll(task: Any, stream: Any) -> float:
    """Mean NLL of a stream that is read at once."""
    with torch.no_grad():
        logits = task.model.eval()(torch.from_numpy(stream)[:-1], None)[0].numpy().astype(np.float64)
    chosen = np.take_along_axis(logits, stream[1:, :, None], axis=2)[..., 0]
    return float(np.mean(np.log(np.exp(logits).sum(axis=2)) - chosen))


# Data.


def test_penn_treebank_is_read_in_its_order(ptb: Path) -> None:
    source, parts, by_blanks = text.read_text(str(ptb))
    assert (source, by_blanks) == (str(ptb), True)
    vocabulary, streams = text.numbered(parts, str.split)
    assert vocabulary == ORDER
    assert [ORDER[k] for k in streams[2]] == ["dogs", "see", "N", "<unk>", "<eos>", "the", "cat", "<eos>"]
    assert len(streams[0]) == 20 * 10


def test_rare_words_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "LARGEST", 4)
    vocabulary, streams = text.numbered((["a b c", "a b", "d a"], ["d e"], ["a"]), str.split)
    assert sorted(vocabulary) == ["<eos>", "<unk>", "a", "b"]
    assert [vocabulary[k] for k in streams[1]] == ["<unk>", "<unk>", "<eos>"]


def test_fortunes_are_read_without_their_marks_and_indices(tmp_path: Path) -> None:
    (tmp_path / "art").write_text("First one.\n\t\t-- Somebody\n%\nSecond\n%\n")
    (tmp_path / "art.dat").write_bytes(bytes(range(256)))
    (tmp_path / "art.u8").symlink_to("art")
    (tmp_path / "zoo").write_text("Third\n----- * -----\n")
    parts = text.read_text(str(tmp_path))[1]
    assert parts == (["First one.", "\t\t-- Somebody", "Second", "Third"], [], [])


def test_help_of_python_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    topics = pytest.importorskip("pydoc_data.topics", reason="this Python was installed without its help").topics
    _, parts, _ = text.read_text(None)
    lines = {line for text in topics.values() for line in text.splitlines()}
    assert all(line in lines for part in parts for line in part)
    assert [len(part) / sum(map(len, parts)) for part in parts] == pytest.approx([0.8, 0.1, 0.1], abs=0.02)
    monkeypatch.setitem(__import__("sys").modules, "pydoc_data.topics", None)
    with pytest.raises(InputError, match="name a text file with --data"):
        text.read_text(None)


@pytest.mark.parametrize(
    ("name", "payload", "told"),
    [
        ("ptb.valid.txt", None, "holds no ptb.valid.txt"),
        ("ptb.train.txt", b"fine\nalso fine\nbad \xff\n", "ptb.train.txt, line 3: must be UTF-8 text, got byte 0xff"),
        ("ptb.test.txt", b"one\ntwo \x00\n", "ptb.test.txt, line 2: must be plain text, got a character of code 0"),
        ("ptb.train.txt", b" a b c \n", "must hold at least 18 symbols for training, got 4"),
        ("ptb.valid.txt", b"", "must hold at least 2 symbols for validation, got 0"),
    ],
)
def test_bad_texts_are_one_sentence(ptb: Path, make: Make, name: str, payload: bytes | None, told: str) -> None:
    (ptb / name).unlink()
    if payload is not None:
        (ptb / name).write_bytes(payload)
    with pytest.raises(InputError, match=told):
        make("words")


def test_no_text_at_all_is_one_sentence(tmp_path: Path, make: Make) -> None:
    (tmp_path / "empty").mkdir()
    for data, told in (("nowhere", "must be a text file or a folder"), ("empty", "or with text files, got")):
        with pytest.raises(InputError, match=told):
            make("words", data=str(tmp_path / data))


# Models.


@pytest.mark.parametrize("name", ["words", "characters"])
def test_the_loss_is_that_of_the_stream_read_at_once(make: Make, name: str) -> None:
    task = make(name)
    first, second = (float(task.loss(step).detach()) for step in (0, 1))
    text = task.train.numpy()
    factor = 5 if name == "words" else 1
    assert first == pytest.approx(factor * plain_nll(task, text[:6]), rel=1e-5)
    assert (first + second) / 2 == pytest.approx(factor * plain_nll(task, text[:11]), rel=1e-5)
    again = task.loss(task.windows)  # the next epoch, whose state is zero again
    assert float(again.detach()) == pytest.approx(first, rel=1e-6)


@pytest.mark.parametrize(("name", "columns"), [("words", 1), ("characters", 20)])
def test_what_is_measured_depends_on_neither_batch_nor_window(
    make: Make, monkeypatch: pytest.MonkeyPatch, name: str, columns: int
) -> None:
    task, other = make(name, "nan"), make(name, "nan", batch=7, window=2)
    metric = task.metric
    found = task.measure()
    assert other.measure() == found
    monkeypatch.setattr(language, "CHUNK", 2)
    assert task.measure()[metric] == pytest.approx(found[metric], rel=1e-6)
    parts = text.read_text(task.settings.options["data"])[1]
    valid = text.numbered(parts, task.split(by_blanks=True))[1][1]
    nll = plain_nll(task, text.columns(valid, min(columns, len(valid) // 2)))
    assert found[metric] == pytest.approx(math.exp(nll) if name == "words" else nll / math.log(2), rel=1e-5)


def test_an_untrained_model_is_at_chance(make: Make) -> None:
    assert make("words").measure()["test_perplexity"] == pytest.approx(len(ORDER), rel=0.1)
    task = make("characters", hidden=32)
    assert task.measure()["test_bpc"] == pytest.approx(math.log2(len(task.vocabulary)), rel=0.1)


def test_the_rate_is_halved_after_each_epoch_beyond_the_first_ones(make: Make) -> None:
    task = make("words", full_epochs=2, lr=0.8)
    rates = []
    for epoch in range(5):
        for step in (epoch * task.windows, (epoch + 1) * task.windows - 1):
            task.loss(step)
            rates.append(task.optimizer.param_groups[0]["lr"])
    assert rates == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1]


def test_weights_of_words_start_within_a_tenth(make: Make) -> None:
    for name, weight in make("words").model.named_parameters():
        assert 0.06 < float(weight.detach().abs().max()) <= 0.1, name
