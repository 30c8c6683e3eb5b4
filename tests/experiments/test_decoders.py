"""Translation and captions: data in the authors' formats; models, search and scores against plain transcriptions."""

import doctest
import gettext
import gzip
import itertools
import json
import math
import os
import pickle
import signal
import struct
from collections import Counter, OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run, rows

torch = pytest.importorskip("torch", reason="PyTorch is an extra")
pytest.importorskip("sacrebleu", reason="sacrebleu is an extra")

from noisyviz.errors import InputError, MissingExtraError  # noqa: E402
from noisyviz.experiments import captions, flickr, loop, make_task, parallel, scenes, translate  # noqa: E402
from noisyviz.experiments.decoding import beam_search  # noqa: E402
from noisyviz.experiments.scores import alignment, bleu, meteor_exact  # noqa: E402
from noisyviz.experiments.settings import Settings  # noqa: E402
from noisyviz.experiments.task import EarlyStop  # noqa: E402

SIZES: dict[str, dict[str, Any]] = {
    "translate": {"hidden": 12, "embedding": 8, "batch": 16},
    "captions": {"hidden": 12, "embedding": 8, "width": 10, "batch": 16},
}

said = str.split


@pytest.fixture(autouse=True)
def little(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread and few data."""
    torch.set_num_threads(1)
    monkeypatch.setattr(parallel, "GENERATED", 200)
    monkeypatch.setattr(parallel, "TESTED", 20)
    monkeypatch.setattr(flickr, "COUNTS", {"train": 40, "valid": 8, "test": 8})


def made(task: str, activation: str = "soft", **options: Any) -> Any:
    return make_task(Settings(task=task, activation=activation, seed=2, options=SIZES[task] | options))


@pytest.mark.parametrize("name", ["decoding", "parallel", "scenes", "scores"])
def test_the_examples_of_a_module_are_so(name: str) -> None:
    found = doctest.testmod(import_module(f"noisyviz.experiments.{name}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert (found.attempted > 0 or name == "decoding", found.failed) == (True, 0)


# Number words.


def spoken(words: list[str], units: dict[str, int], hundred: tuple[str, ...], thousand: str) -> int:
    """The value of number words: hundreds multiply, all else is added."""
    total = group = 0
    before = ""
    for word in words:
        if word == thousand:
            total, group = 1000 * max(group, 1), 0
        elif word in hundred:
            group = 100 * max(group, 1)
        elif word in ("vingt", "vingts") and before == "quatre":
            group += 76
        else:
            group += units[word]
        before = word
    return total + group


def test_number_words_say_their_numbers() -> None:
    english = {word: k for k, word in enumerate(parallel.ENGLISH)} | {"and": 0}
    english |= {word: 10 * k for k, word in enumerate(parallel.ENGLISH_TENS, 2)}
    french = {word: k for k, word in enumerate(parallel.FRENCH)} | {"et": 0}
    french |= {word: 10 * k for k, word in enumerate(parallel.FRENCH_TENS, 2)}
    seen: tuple[set[str], set[str]] = (set(), set())
    for number in (*range(2000), *np.random.default_rng(0).integers(2000, 10**6, 3000).tolist()):
        one, other = parallel.english(number), parallel.french(number)
        assert spoken(one, english, ("hundred",), "thousand") == number, one
        assert spoken(other, french, ("cent", "cents"), "mille") == number, other
        seen[0].update(one)
        seen[1].update(other)
    assert [len(words) for words in seen] == [31, 27]


@pytest.mark.parametrize(
    ("number", "english", "french"),
    [
        (71, "seventy one", "soixante et onze"),
        (81, "eighty one", "quatre vingt un"),
        (99, "ninety nine", "quatre vingt dix neuf"),
        (180, "one hundred and eighty", "cent quatre vingts"),
        (1001, "one thousand and one", "mille un"),
        (2200, "two thousand two hundred", "deux mille deux cents"),
        (80_000, "eighty thousand", "quatre vingt mille"),
        (200_021, "two hundred thousand and twenty one", "deux cent mille vingt et un"),
    ],
)
def test_number_words_are_spelled_as_people_do(number: int, english: str, french: str) -> None:
    assert (" ".join(parallel.english(number)), " ".join(parallel.french(number))) == (english, french)


def test_no_number_is_in_two_splits() -> None:
    splits = [{tuple(one) for one, _ in pairs} for pairs in parallel.number_words().pairs.values()]
    assert [len(splits[1]), len(splits[2])] == [20, 20]
    assert all(not first & second for first, second in itertools.combinations(splits, 2))


# Scores.


def plain_bleu(found: list[list[str]], references: list[list[list[str]]], order: int) -> float:
    """BLEU by its definition (Papineni et al. 2002)."""
    right, total = [0] * order, [0] * order
    for one, several in zip(found, references, strict=True):
        for n in range(1, order + 1):
            counts = [Counter(tuple(x[k : k + n]) for k in range(len(x) - n + 1)) for x in (one, *several)]
            right[n - 1] += sum(min(k, max(other[gram] for other in counts[1:])) for gram, k in counts[0].items())
            total[n - 1] += sum(counts[0].values())
    length = sum(map(len, found))
    near = sum(
        min((abs(len(x) - len(one)), len(x)) for x in several)[1]
        for one, several in zip(found, references, strict=True)
    )
    if not all(right):
        return 0.0
    mean = sum(math.log(a / b) for a, b in zip(right, total, strict=True)) / order
    return 100.0 * math.exp(mean + min(0.0, 1.0 - near / length))


def test_bleu_is_that_of_its_definition() -> None:
    rng = np.random.default_rng(0)

    def text() -> list[str]:
        return rng.choice(list("abcd"), rng.integers(5, 12), p=[0.5, 0.3, 0.1, 0.1]).tolist()

    found = [text() for _ in range(30)]
    references = [[text() for _ in range(rng.integers(1, 4))] for _ in range(30)]
    for order in (1, 2, 3, 4):
        expected = plain_bleu(found, references, order)
        assert 5.0 < expected < 95.0
        assert bleu(found, references, order) == pytest.approx(expected, rel=1e-9)
    the = said("the the the the the the the")
    cats = [said("the cat is on the mat"), said("there is a cat on the mat")]
    assert bleu([the], [cats], 1) == pytest.approx(200 / 7)  # the example of Papineni et al.
    assert bleu([the], [cats], 2) == 0.0
    assert bleu([["The", "."]], [[["the", "."]]], 1) == pytest.approx(50.0)


def test_bleu_without_sacrebleu_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(MissingExtraError, match=r"noisyviz\[train\]"):
        made("translate")


def test_matched_words_lie_in_the_fewest_chunks() -> None:
    rng = np.random.default_rng(1)
    for _ in range(60):
        found, reference = (rng.choice(list("abc"), rng.integers(1, 6)).tolist() for _ in range(2))
        best = (0, 0)
        size = len(found)
        for partners in itertools.product([None, *range(len(reference))], repeat=size):
            used = [j for j in partners if j is not None]
            if len(set(used)) == len(used) and all(
                j is None or found[i] == reference[j] for i, j in enumerate(partners)
            ):
                chunks = sum(
                    j is not None and not (i and partners[i - 1] is not None and partners[i - 1] == j - 1)
                    for i, j in enumerate(partners)
                )
                best = min(best, (-len(used), chunks))
        assert alignment(found, reference) == (-best[0], best[1]), (found, reference)


def test_meteor_of_known_texts() -> None:
    cat, sat = said("the cat sat on the mat"), said("on the mat sat the cat")
    assert meteor_exact([cat], [[cat]]) == pytest.approx(100 * (1 - 0.5 / 6**3))
    assert meteor_exact([cat], [[sat]]) == pytest.approx(100 * (1 - 0.5 * (3 / 6) ** 3))
    assert meteor_exact([["a"], ["b"]], [[["a", "c"]], [["c"]]]) == pytest.approx(
        0.5 * 100 * (10 * 0.5 / (0.5 + 9)) * 0.5
    )
    assert meteor_exact([[]], [[["a"]]]) == 0.0


# Search.


def plain_search(chain: Any, first: float, width: int, longest: int, normalise: bool) -> list[int]:
    """The authors' search for one sentence, as described in words."""
    live: list[Any] = [(0.0, [], first)]
    done: list[Any] = []
    for _ in range(longest):
        found = []
        for cost, words, state in live:
            log_p, new = chain(words[-1] if words else -1, state)
            found += [(cost - log_p[k], [*words, k], new) for k in range(len(log_p))]
        found.sort(key=lambda one: one[0])
        found = found[: width - len(done)]
        done += [one for one in found if one[1][-1] == 0]
        live = [one for one in found if one[1][-1] != 0]
        if not live or len(done) >= width:
            break
    done += live
    best = min(done, key=lambda one: one[0] / len(one[1]) if normalise else one[0])[1]
    return best[:-1] if best[-1] == 0 else best


@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("width", [1, 2, 5])
def test_beam_search_of_many_is_that_of_each(width: int, normalise: bool) -> None:
    rng = np.random.default_rng(width)
    table = torch.from_numpy(rng.standard_normal((2, 7, 6, 6)))  # sentence, word before, place in the sentence, word
    table = (2.0 * table).log_softmax(-1)
    kinds = torch.tensor([0, 1, 1, 0])

    def step(last: Any, state: Any, fixed: Any) -> Any:
        return table[fixed[0], last + 1, state[0].clamp(max=5)], (state[0] + 1,)

    found = beam_search(step, (torch.tensor([0, 0, 3, 3]),), (kinds,), width=width, longest=8, normalise=normalise)
    for one, kind, start in zip(found, kinds.tolist(), [0, 0, 3, 3], strict=True):

        def chain(last: int, place: int, kind: int = kind) -> Any:
            return table[kind, last + 1, min(place, 5)].tolist(), place + 1

        assert one == plain_search(chain, start, width, 8, normalise)


def test_a_beam_as_wide_as_all_sentences_finds_the_best() -> None:
    table = torch.from_numpy(np.random.default_rng(3).standard_normal((4, 3))).log_softmax(-1)
    best = min(
        (
            -sum(float(table[a + 1, b]) for a, b in itertools.pairwise((-1, *words))),
            [k for k in words if k],
        )
        for length in range(1, 5)
        for words in itertools.product(range(3), repeat=length)
        if 0 not in words[:-1] and (words[-1] == 0 or length == 4)
    )
    found = beam_search(lambda last, state, _: (table[last + 1], state), (torch.zeros(1),), (), width=81, longest=4)
    assert found == [best[1]]


# Models, against NumPy.


def g(x: Any) -> Any:
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max())
    return e / e.sum()


def numbers(model: Any) -> dict[str, Any]:
    return {name: value.detach().double().numpy() for name, value in model.named_parameters()}


def gru(w: dict[str, Any], inputs: str, recurrent: str, x: Any, h: Any) -> Any:
    """One step of `torch.nn.GRU` by its documentation."""
    weights = [w[inputs], w[recurrent]]
    biases = [w[inputs.replace("weight", "bias")], w[recurrent.replace("weight", "bias")]]
    (ar, az, an), (hr, hz, hn) = (np.split(m @ v + b, 3) for m, v, b in zip(weights, (x, h), biases, strict=True))
    r, z = g(ar + hr), g(az + hz)
    return (1.0 - z) * np.tanh(an + r * hn) + z * h


def attend(w: dict[str, Any], places: Any, h: Any, prepared: Any = None) -> Any:
    prepared = places @ w["attention.project.0.weight"].T + w["attention.project.0.bias"]
    if "attention.project.1.weight" in w:
        prepared = np.tanh(prepared) @ w["attention.project.1.weight"].T + w["attention.project.1.bias"]
    energy = np.tanh(prepared + w["attention.state.weight"] @ h) @ w["attention.energy.weight"][0]
    return softmax(energy)


def test_the_translator_computes_what_numpy_does_and_padding_changes_nothing() -> None:
    model = made("translate").model.eval()
    w = numbers(model)
    pairs = [([3, 5, 2, 4], [2, 6]), ([7], [4, 3, 9, 5])]
    ids, mask = translate.padded([pair[0] for pair in pairs])
    target, _ = translate.padded([pair[1] for pair in pairs])
    logits = model(ids, mask, target).detach().numpy()
    for column, (source, words) in enumerate(pairs):
        read = [np.zeros((len(source) + 1, 12)) for _ in range(2)]
        for name, out, order in (("reader", read[0], 1), ("backward_reader", read[1], -1)):
            h = np.zeros(12)
            for place in range(len(source) + 1)[::order]:
                word = w["source.weight"][[*source, 0][place]]
                h = out[place] = gru(w, f"{name}.weight_ih_l0", f"{name}.weight_hh_l0", word, h)
        places = np.concatenate(read, axis=1)
        h = np.tanh(w["first.weight"] @ places.mean(0) + w["first.bias"])
        for t, last in enumerate([-1, *words]):
            word = w["target.weight"][last] if t else np.zeros(8)
            h = gru(w, "word_gru.inputs.weight", "word_gru.recurrent.weight", word, h)
            context = attend(w, places, h) @ places
            h = gru(w, "context_gru.inputs.weight", "context_gru.recurrent.weight", context, h)
            read_out = (
                w["read_state.weight"] @ h
                + w["read_state.bias"]
                + w["read_word.weight"] @ word
                + w["read_context.weight"] @ context
            )
            expected = w["out.weight"] @ np.tanh(read_out) + w["out.bias"]
            assert np.allclose(logits[t, column], expected, atol=2e-6), (t, column)


@pytest.mark.parametrize("sample", [None, True])
def test_the_captioner_computes_what_numpy_does(sample: bool | None) -> None:
    task = made("captions", attention_layers=2, first_layers=2)
    model = task.model.eval()
    w = numbers(model)
    row, words = task.train[7]
    places = task.features[row].astype(np.float64)
    target, _ = translate.padded([words])
    logits, weights, taken = (x.detach().numpy() for x in model(task.places([row]), target, sample))
    mean = np.maximum(w["before.0.weight"] @ places.mean(0) + w["before.0.bias"], 0.0)
    h, c = np.split(np.tanh(w["first.weight"] @ mean + w["first.bias"]), 2)
    for t, last in enumerate([-1, *words]):
        word = w["words.weight"][last] if t else np.zeros(8)
        own = attend(w, places, h)
        assert np.allclose(weights[t, 0], own, atol=1e-6)
        if sample:
            assert sorted(taken[t, 0]) == [0.0] * 15 + [1.0]
            own = taken[t, 0]
        context = own @ places * g(w["selector.weight"][0] @ h + w["selector.bias"])
        u = w["word_input.weight"] @ word + w["word_input.bias"] + w["context_input.weight"] @ context
        i, f, o, new = np.split(u + w["lstm.recurrent.weight"] @ h + w["lstm.recurrent.bias"], 4)
        c = g(f) * c + g(i) * np.tanh(new)
        h = g(o) * np.tanh(c)
        read = w["read_state.weight"] @ h + w["read_state.bias"] + word + w["read_context.weight"] @ context
        assert np.allclose(logits[t, 0], w["out.weight"] @ np.tanh(read) + w["out.bias"], atol=2e-6), t


def test_the_gradient_of_hard_attention_is_that_of_the_expected_cost_and_of_the_entropy() -> None:
    rng = np.random.default_rng(0)
    w = torch.from_numpy(rng.dirichlet(np.ones(4))).view(1, 1, 4)
    cost, baseline = torch.from_numpy(rng.uniform(1.0, 3.0, 4)), 1.7
    mean = torch.zeros(4, dtype=torch.float64)
    for k in range(4):
        sample = torch.eye(4, dtype=torch.float64)[k].view(1, 1, 4)
        mean += w[0, 0, k] * captions.reinforce(w, sample, cost[k].view(1, 1), baseline)[0, 0]
    expected = (cost - baseline) / 10.0 + 0.002 * (w[0, 0].log() + 1.0)
    assert torch.allclose(mean, expected, atol=1e-12)


def test_hard_attention_adds_a_gradient_and_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    task = made("captions", attention="hard", penalty=0.0)
    monkeypatch.setattr(captions, "reinforce", lambda weights, *_: torch.arange(16.0).expand_as(weights))
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.7))  # no sample this time
    loss = task.loss(0)
    rows, ids = zip(*task.batch(0), strict=True)
    target, _ = translate.padded(ids)
    logits, weights, _ = task.model(task.places(rows), target, False)
    nll = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum") / len(rows)
    assert float(loss.detach()) == pytest.approx(float(nll.detach()), rel=1e-5)
    assert task.baseline == pytest.approx(0.1 * float(nll.detach()) / len(target), rel=1e-5)
    (weights * torch.arange(16.0)).sum().backward()
    expected = task.model.attention.energy.weight.grad.clone()
    task.model.zero_grad()
    loss.backward()
    assert torch.allclose(task.model.attention.energy.weight.grad, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("activation", ["hard", "nan", "nah", "nanil"])
@pytest.mark.parametrize("task", SIZES)
def test_every_slot_holds_the_unit_of_the_run(task: str, activation: str) -> None:
    model = made(task, activation).model
    units = {name: one for name, one in model.named_modules() if hasattr(one, "c")}
    kinds = {one.kind for one in units.values()}
    assert kinds == {"none" if activation == "hard" else activation}
    slots = {
        "translate": "reader backward_reader first_tanh word_gru.gates word_gru.candidate context_gru.gates "
        "context_gru.candidate attention.tanh read_tanh",
        "captions": "first_tanh attention.tanh selector_gate lstm.gates lstm.candidate lstm.cell read_tanh",
    }
    assert set(units) == set(slots[task].split())
    sigmoids = {name for name, one in units.items() if getattr(one, "fn", "") == "hard-sigmoid"}
    assert sigmoids == {name for name in units if "gate" in name}
    assert not [one for one in model.modules() if isinstance(one, torch.nn.Tanh | torch.nn.Sigmoid | torch.nn.GRU)]


@pytest.mark.parametrize("task", SIZES)
def test_an_untrained_model_is_at_chance(task: str) -> None:
    one = made(task)
    found = one.measure()
    words = len(one.words if task == "translate" else one.spelled) + 2
    captions_or_pairs = [ids for _, ids in one.ids["test"]]
    length = np.mean([len(ids) + 1 for ids in captions_or_pairs])
    assert found["test_nll"] == pytest.approx(math.log(words) * length, rel=0.1)
    assert found[one.metric] < 1.0


@pytest.mark.parametrize("task", SIZES)
def test_weights_start_orthogonal_and_small_as_the_paper_says(task: str) -> None:
    model = made(task, "nan", ortho=0.01).model
    square = {
        "translate": {"reader.weight_hh_l0", "backward_reader.weight_hh_l0", "word_gru.recurrent.weight",
                      "context_gru.recurrent.weight", "attention.project.0.weight"},
        "captions": {"lstm.recurrent.weight"},
    }  # fmt: skip
    for name, weight in model.named_parameters():
        if name.endswith(".p") or ".p_" in name:
            assert float(weight.detach().abs().max()) > 0.3
        elif weight.dim() == 1:
            assert not bool(weight.any()), name
        elif name in square[task]:
            for block in weight.detach().split(weight.shape[1]):
                assert torch.allclose(block @ block.T, 1e-4 * torch.eye(len(block)), atol=1e-9), name
        elif weight.numel() > 50:
            assert float(weight.detach().std()) == pytest.approx(0.01, rel=0.35), name


# Training.

SHORT: dict[str, dict[str, Any]] = {
    "translate": {"updates": 16, "every": 8, "lr": 0.01, "written": 12},
    "captions": {"updates": 16, "every": 8, "lr": 0.01, "written": 12, "attention": "hard", "dropout": 0.5},
}


@pytest.mark.parametrize("task", SIZES)
def test_the_loss_falls_and_a_break_changes_nothing(task: str, tmp_path: Path) -> None:
    options = SIZES[task] | SHORT[task]
    settings = Settings(task=task, activation="nan", seed=3, anneal=(2.0, 0.1, "linear"), options=options)
    whole = loop.begin(settings, tmp_path / "whole")
    assert whole.go() == "done"
    assert whole.rows[1]["loss"] < 0.95 * whole.rows[0]["loss"]
    run = loop.begin(settings, tmp_path / "run")

    def interrupt(_: float) -> None:
        if run.step == 10:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run.go(show=interrupt)
    again = loop.resume(tmp_path / "run")
    assert again.step == 10
    again.go()
    for (name, value), other in zip(
        whole.task.model.state_dict().items(), again.task.model.state_dict().values(), strict=True
    ):
        assert torch.equal(value, other), name
    assert [{**row, "seconds": 0.0} for row in whole.rows] == [{**row, "seconds": 0.0} for row in again.rows]
    assert whole.task.state_dict() == again.task.state_dict()


@pytest.mark.parametrize("task", SIZES)
def test_runs_of_one_seed_start_from_the_same_weights_and_see_the_same_data(task: str) -> None:
    soft, *others = (made(task, name) for name in ("soft", "leak", "nani"))
    start = dict(soft.model.named_parameters())
    for one in others:
        own = dict(one.model.named_parameters())
        assert all(name.endswith((".p", ".p_l0")) for name in own.keys() - start.keys())
        assert all(torch.equal(value, own[name]) for name, value in start.items())
        assert one.facts["sha256"] == soft.facts["sha256"]
        assert one.batch(3) == soft.batch(3)


# Batches and stopping.


@pytest.mark.parametrize("task", SIZES)
def test_an_epoch_reads_everything_once_and_lengths_lie_together(task: str) -> None:
    one = made(task)
    count = len(one.batches(0)) if task == "captions" else -(-len(one.train) // 16)
    for epoch in range(2):
        batches = [one.batch(step) for step in range(epoch * count, (epoch + 1) * count)]
        assert sorted(pair for batch in batches for pair in batch) == sorted(one.train)
        for batch in batches:
            lengths = [len(ids) for _, ids in batch]
            assert lengths == sorted(lengths, reverse=True)
            assert task == "translate" or len(set(lengths)) == 1
    assert one.batch(0) != one.batch(count)


def test_training_stops_when_validation_has_not_improved_for_long() -> None:
    stop = EarlyStop(2)
    ended = []
    for value in (5.0, 4.0, 4.5, 4.5, 3.0, 3.5, 3.6, 3.5, 3.4):
        stop.observe(value)
        ended.append(stop.finished)
    # bad are 4.5 at the fourth place; then, after the new best, 3.6, 3.5 and 3.4
    assert ended == [False] * 8 + [True]


# Files.


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Parallel text of the numbers below 60, partly packed, with dictionaries as Python 2 pickled them."""
    folder = tmp_path / "text"
    folder.mkdir()
    order = np.random.default_rng(0).permutation(60).tolist()
    for split, part in (("train", order[:40]), ("valid", order[40:50]), ("test", order[50:])):
        for side, say in (("src", parallel.english), ("tgt", parallel.french)):
            payload = "".join(" ".join(say(k)) + "\n" for k in part).encode()
            if split == "train":
                (folder / f"{split}.{side}.gz").write_bytes(gzip.compress(payload))
            else:
                (folder / f"{split}.{side}").write_bytes(payload)
    for side, words in (("src", parallel.ENGLISH + parallel.ENGLISH_TENS), ("tgt", parallel.FRENCH[:-1])):
        (folder / f"dict.{side}.pkl").write_bytes(python2_pickle(["eos", "UNK", *words]))
    return folder


def python2_pickle(words: list[str]) -> bytes:
    """What Python 2 writes for OrderedDict((word, place)) by protocol 2: byte strings, and one call."""
    items = b"".join(
        b"]" + b"(" + b"U" + bytes([len(one.encode())]) + one.encode() + b"K" + bytes([place]) + b"e"
        for place, one in enumerate(words)
    )
    return b"\x80\x02ccollections\nOrderedDict\nq\x00](" + items + b"e\x85R."


def test_parallel_text_with_pickled_dictionaries_is_read_as_written(text: Path) -> None:
    corpus = parallel.read_corpus(str(text))
    assert [len(pairs) for pairs in corpus.pairs.values()] == [40, 10, 10]
    assert corpus.dictionaries[0] is not None
    assert corpus.dictionaries[0]["zero"] == 2
    assert pickle.loads((text / "dict.tgt.pkl").read_bytes(), encoding="utf-8") == {
        "eos": 0, "UNK": 1, **(corpus.dictionaries[1] or {})
    }  # fmt: skip
    task = make_task(Settings(task="translate", options={**SIZES["translate"], "data": str(text)}))
    assert isinstance(task, translate.Translate)
    assert (task.facts["words_src"], task.facts["words_tgt"]) == (30, 18)
    for (one, other), (source, target) in zip(corpus.pairs["test"], task.ids["test"], strict=True):
        assert [([*parallel.ENGLISH, *parallel.ENGLISH_TENS]).index(word) + 2 for word in one] == source
        assert [parallel.FRENCH.index(w) + 2 if w in parallel.FRENCH[:-1] else 1 for w in other] == target
    assert any(1 in target for _, target in task.ids["train"])


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_dictionaries_of_every_protocol_json_and_text_are_the_same(tmp_path: Path, protocol: int, kind: Any) -> None:
    found = kind([("eos", 0), ("UNK", 1), ("é", 2), ("b" * 300, 3), *((f"w{k}", k) for k in range(4, 400))])
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(found, protocol=protocol))
    (tmp_path / "a.json").write_text(json.dumps(found))
    (tmp_path / "a.txt").write_text("\n".join(list(found)[2:]) + "\n", encoding="utf-8")
    readers = (("pkl", parallel.from_pickle), ("json", parallel.from_json), ("txt", parallel.from_text))
    for end, read in readers:
        path = tmp_path / f"a.{end}"
        assert parallel.checked(path, read(path)) == dict(list(found.items())[2:])


class Evil:
    """Runs code where it is unpickled without care."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("evil",)


HOSTILE = {
    "calls": pickle.dumps(Evil()),
    "calls among words": pickle.dumps({"eos": 0, "a": Evil()}),
    "old calls": b"cos\nmkdir\n(S'evil'\ntR.",
    "builds": b"\x80\x02ccollections\nOrderedDict\n)R}U\x01aK\x01sb.",
    "makes objects": b"\x80\x02ccollections\nOrderedDict\n)\x81.",
    "instances": b"(S'evil'\nios\nmkdir\n.",
    "extensions": b"\x80\x02\x82\x01.",
    "persistent": b"Pevil\n.",
    "memory": b"\x80\x02}r\xff\xff\xff\x7f.",
    "memory by text": b"}p99999999999\n.",
    "many calls": b"\x80\x02ccollections\nOrderedDict\nq\x00)R0h\x00)R.",
    "attributes": b"\x80\x04\x8c\x0bcollections\x8c\x14OrderedDict.__init__\x93.",
    "cut": pickle.dumps({"eos": 0, "a": 2})[:-4],
    "nothing": b"",
    "no pickle": b"eos 0\n",
    "bytes": b"\x80\x02}U\x02\xff\xfeK\x02s.",
    "other objects": pickle.dumps({"a": {2}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles_are_refused_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "dict.src.pkl"
    path.write_bytes(HOSTILE[name])
    told = "it asks for more memory" if "memory" in name else ""
    with pytest.raises(InputError, match=f"must be a pickled dictionary of words and ids and nothing else: {told}"):
        parallel.from_pickle(path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "payload", "told"),
    [
        ("valid.src", None, "with valid.src or valid.src.gz"),
        ("valid.tgt", b"un\n", "valid.tgt must have a line for each of valid.src, got 1 for 10"),
        ("valid.tgt", b"un\n\xff\n" + b"un\n" * 8, "valid.tgt, line 2: must be text in UTF-8"),
        ("train.src.gz", gzip.compress(b"one\n" * 40, mtime=0)[:-9], "train.src.gz is no complete gzip file"),
        ("train.src.gz", b"one", "train.src.gz is no complete gzip file"),
        ("dict.src.json", b"{}", "one dictionary for src, got dict.src.pkl and dict.src.json"),
        ("dict.src.pkl", pickle.dumps([("a", 2)]), "must hold a dictionary"),
        ("dict.src.pkl", pickle.dumps({"a": "2"}), "an id from 0, got '2' for 'a'"),
        ("dict.src.pkl", pickle.dumps({"a": -2}), "an id from 0, got -2"),
        ("dict.src.pkl", pickle.dumps({"a": 1}), "the ids 0 and 1 for eos and UNK, got 1 for 'a'"),
        ("dict.src.pkl", pickle.dumps({"a": 2, "b": 2}), "each id to one word"),
    ],
)
def test_bad_parallel_text_is_one_sentence(text: Path, name: str, payload: bytes | None, told: str) -> None:
    (text / name).unlink(missing_ok=True)
    if payload is not None:
        (text / name).write_bytes(payload)
    with pytest.raises(InputError) as caught:
        parallel.read_corpus(str(text))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_unpack_to_much_more_or_are_too_large_are_refused(
    text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "UNPACKED", 1000)
    (text / "train.src.gz").write_bytes(gzip.compress(b"one one one\n" * 4000))
    with pytest.raises(InputError, match=r"train.src.gz must hold at most \d+ bytes"):
        parallel.read_corpus(str(text))
    monkeypatch.setattr(parallel, "MOST_LINES", 3)
    with pytest.raises(InputError, match=r"valid.src must hold at most 3 lines"):
        parallel.lines(text / "valid.src")
    monkeypatch.setattr(parallel, "DICTIONARY", 10)
    for read in (parallel.from_pickle, parallel.from_json):
        with pytest.raises(InputError, match=r"dict.src.pkl must hold at most 10 bytes"):
            read(text / "dict.src.pkl")


def test_bad_dictionaries_of_text_name_the_line(tmp_path: Path) -> None:
    for payload, told in (("a\nb c\n", "line 2"), ("a\n\nb\n", "line 2"), ("a\nb\na\n", "line 3: .* got 'a'")):
        (tmp_path / "a.txt").write_text(payload)
        with pytest.raises(InputError, match=told):
            parallel.from_text(tmp_path / "a.txt")
    (tmp_path / "a.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="JSON object"):
        parallel.from_json(tmp_path / "a.json")


def compiled(messages: dict[str, str], order: str, charset: str = "utf-8") -> bytes:
    """A message catalogue by GNU gettext's manual."""
    texts = {"": f"Content-Type: text/plain; charset={charset}\n", **messages}
    both = [[one.encode(charset) for one in side] for side in (sorted(texts), [texts[one] for one in sorted(texts)])]
    count, at = len(texts), 28 + 16 * len(texts)
    tables, blob = b"", b""
    for side in both:
        for one in side:
            tables += struct.pack(f"{order}2I", len(one), at + len(blob))
            blob += one + b"\0"
    return struct.pack(f"{order}7I", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, 0) + tables + blob


@pytest.mark.parametrize("charset", ["utf-8", "ISO-8859-15"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_catalogues_are_read_as_gettext_reads_them(tmp_path: Path, order: str, charset: str) -> None:
    messages = {
        "No such file": "Fichier inexistant là",
        "menu\x04Open the _file": "Ouvrir le _fichier",
        "%d files\0%d files": "%d fichier\0%d fichiers",
        "Short": "Court",
    }
    path = tmp_path / "a.mo"
    path.write_bytes(compiled(messages, order, charset))
    found = dict(parallel.catalogue(path))
    with path.open("rb") as file:
        other = gettext.GNUTranslations(file)
    assert found == {
        **{one: other.gettext(one) for one in ("No such file", "Short")},
        "Open the _file": other.pgettext("menu", "Open the _file"),
    }


def test_catalogues_give_short_messages_once_and_in_words(tmp_path: Path) -> None:
    many = {f"file {k} is here": f"le fichier {k} est ici" for k in range(30)}
    odd = {"Open the _file now": "Ouvrez le _fichier", "Hi": "Salut", "%d of them all": "%d de tous", "a b c": "a b"}
    (tmp_path / "a.mo").write_bytes(compiled(many | odd, "<"))
    (tmp_path / "b.mo").write_bytes(compiled(many, ">"))
    pairs = parallel.read_corpus(str(tmp_path)).pairs
    assert {name: len(one) for name, one in pairs.items()} == {"train": 25, "valid": 3, "test": 3}
    found = {" ".join(one): " ".join(other) for several in pairs.values() for one, other in several}
    assert found == {**many, "Open the file now": "Ouvrez le fichier"}


def test_damaged_catalogues_are_one_sentence(tmp_path: Path) -> None:
    whole, path = compiled({"a b c d": "e f g h"}, "<"), tmp_path / "a.mo"
    for payload, told in (
        (b"", "no compiled"),
        (b"abcd" * 9, "no compiled"),
        (whole[:40], "tables end beyond"),
        (whole[:-5], "a text ends beyond"),
        (whole.replace(b"utf-8", b"utf-9"), "charset"),
        (whole.replace(b"plain; charset=utf-8", b"x; charset=undefined"), "charset"),
        (whole[:28] + struct.pack("<2I", len(whole) - 9, 0) * 4 + whole[60:], "lie on top of each other"),
        (whole, "at least 10 messages"),
    ):
        path.write_bytes(payload)
        with pytest.raises(InputError, match=told):
            parallel.read_corpus(str(tmp_path))
    with pytest.raises(InputError, match=r"--data must be a folder with train.src"):
        parallel.read_corpus(str(tmp_path / "nowhere"))


# Pictures.


@pytest.fixture
def flickr8k(tmp_path: Path) -> Path:
    """Twelve pictures in Flickr8k's format, with features of 196 places."""
    folder, rng = tmp_path / "flickr", np.random.default_rng(0)
    folder.mkdir()
    names = [f"{k}_a.jpg" for k in range(12)]
    lines = [
        f"{name}#{j}\t{'dog' if k % 2 else 'cat'} {'runs ' * j}." for k, name in enumerate(names) for j in range(5)
    ]
    (folder / "Flickr8k.token.txt").write_text("\n".join([*lines, "unknown.jpg.1#0\tA bird ."]) + "\n")
    parts = {"train": names[:8], "dev": names[8:10], "test": names[10:]}
    for name, part in parts.items():
        (folder / f"Flickr_8k.{name}Images.txt").write_text("\n".join(part) + "\n")
    (folder / "images.txt").write_text("\r\n".join(names[::-1]) + "\r\n")
    np.save(folder / "features.npy", rng.standard_normal((12, 196 * 4)).astype(np.float16))
    return folder


def test_flickr8k_is_read_as_written(flickr8k: Path) -> None:
    found = flickr.read_pictures(str(flickr8k))
    assert found.features.shape == (12, 196, 4)
    assert found.rows == {"train": [11, 10, 9, 8, 7, 6, 5, 4], "valid": [3, 2], "test": [1, 0]}
    assert found.captions[11] == [["cat", *["runs"] * j, "."] for j in range(5)]
    raw = np.load(flickr8k / "features.npy").reshape(12, 196, 4)
    assert np.array_equal(found.features, raw)
    plain = [
        line.replace("#", "\t#", 1).split("\t") for line in (flickr8k / "Flickr8k.token.txt").read_text().splitlines()
    ]
    (flickr8k / "captions.tsv").write_text("".join(f"{name}\t{text}\n" for name, _, text in plain))
    (flickr8k / "Flickr8k.token.txt").unlink()
    np.savez(flickr8k / "features.npz", a=raw)
    (flickr8k / "features.npy").unlink()
    other = flickr.read_pictures(str(flickr8k))
    assert (other.rows, other.captions) == (found.rows, found.captions)
    assert np.array_equal(other.features, raw)


@pytest.mark.parametrize(
    ("name", "payload", "told"),
    [
        ("Flickr8k.token.txt", None, "with Flickr8k.token.txt or captions.tsv"),
        ("Flickr8k.token.txt", b"a.jpg#0 A dog .\n", "line 1: must be NAME#NUMBER, a tab and a caption"),
        ("Flickr8k.token.txt", b"0_a.jpg#0\tA dog\n0_a.jpg#x\tA\n", "line 2: must be NAME#NUMBER"),
        ("Flickr8k.token.txt", b"0_a.jpg#0\tA dog\n", "trainImages.txt, line 2: must name a picture with a caption"),
        ("Flickr_8k.testImages.txt", b"x.jpg\n", "testImages.txt, line 1: must name a picture of images.txt"),
        ("Flickr_8k.testImages.txt", b"0_a.jpg\n", "but '0_a.jpg' is in Flickr_8k.trainImages.txt"),
        ("Flickr_8k.devImages.txt", b"8_a.jpg\n8_a.jpg\n", "devImages.txt, line 2: must name one picture"),
        ("Flickr_8k.devImages.txt", b"", "devImages.txt must name at least one picture"),
        ("images.txt", None, "with images.txt"),
        ("images.txt", b"0_a.jpg\n", "a row for each of the 1 pictures of images.txt, got 12"),
        ("features.npy", None, "with one of features.npy and features.npz"),
        ("features.npy", b"abc", "no array of numbers"),
        ("features.npy", np.zeros((12, 7), dtype=np.float32), "a multiple of 196 numbers, got 7"),
        ("features.npy", np.zeros((12, 196, 4), dtype=np.int8), "must hold floating-point numbers"),
        ("features.npy", np.full((12, 196, 4), np.nan, dtype=np.float32), "finite numbers, which row 0 does not"),
        ("features.npy", np.array([Evil()]), "no array of numbers"),
    ],
)
def test_bad_pictures_are_one_sentence(flickr8k: Path, name: str, payload: Any, told: str) -> None:
    (flickr8k / name).unlink()
    if isinstance(payload, bytes):
        (flickr8k / name).write_bytes(payload)
    elif payload is not None:
        np.save(flickr8k / name, payload)
    with pytest.raises(InputError) as caught:
        flickr.read_pictures(str(flickr8k))
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_scene_shows_what_its_captions_say() -> None:
    rng = np.random.default_rng(5)
    for _ in range(60):
        picture, texts = scenes.scene(rng)
        assert {len(texts), *(text.endswith(" .") for text in texts)} == {5, True}
        assert max(len(text.split()) for text in texts) <= 19
        for corner, (top, left) in zip(scenes.CORNERS, itertools.product((0, 16), (0, 16)), strict=True):
            part = picture[top : top + 16, left : left + 16].reshape(-1, 3)
            bright = part[part.max(axis=1) > 0.6]
            told = next((text for text in texts[:1] if corner in text), None)
            assert (told is None) == (len(bright) < 10), (corner, texts[0])
            if told is not None:
                words = told[: told.index(corner)].split(" and ")[-1].split()
                colour = next(word for word in words if word in scenes.COLOURS)
                near = min(scenes.COLOURS, key=lambda one: float(np.abs(bright.mean(0) - scenes.COLOURS[one]).sum()))
                assert colour == near
                assert (len(bright) > 60) == ("large" in words) or "cross" in words


# The command.


def test_the_authors_files_go_through_training_and_scores(run: Run, text: Path, flickr8k: Path) -> None:
    for task, data, words in (("translate", text, ()), ("captions", flickr8k, ("--attention", "hard"))):
        result = run("train", task, "--data", str(data), "--updates", "1", *words, "--activation", "nah")
        assert result.exit_code == 0, result.stderr
        (row,) = rows(result.stdout, "\t")
        assert row["state"] == "done"
        assert f"{'test_bleu' if task == 'translate' else 'test_bleu4'}" in row
    (flickr8k / "images.txt").write_text("a\na\n")
    result = run("train", "captions", "--data", str(flickr8k))
    assert (result.exit_code, "images.txt, line 2" in result.stderr) == (2, True)
    result = run("train", "translate", "--attention", "hard")
    assert (result.exit_code, "--attention" in result.stderr) == (2, True)
