"""Captions of pictures by an LSTM with attention (paper, section 6.2; arctic-captions)."""

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from noisyviz.errors import InputError
from noisyviz.experiments.decoding import State, beam_search
from noisyviz.experiments.flickr import blocks, drawn_scenes, read_pictures
from noisyviz.experiments.layers import Attention, LSTMCell, activation, initialise, previous, shifted
from noisyviz.experiments.parallel import SPLITS, built, encode
from noisyviz.experiments.scores import bleu, bleu_metric, meteor_exact
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import TRAIN, EarlyStop, Task, digest, paired, stream
from noisyviz.experiments.translate import padded

EVALUATED: Final = 250
"""Captions or pictures that are worked on at once in evaluations."""
ENTROPY: Final = 0.002
"""Weight of the entropy of hard attention."""
REWARD: Final = 10.0
"""By which the authors divide the difference to the baseline."""

Caption = tuple[int, list[int]]
"""A picture and the ids of a caption."""


class Captioner(nn.Module):
    """An LSTM that looks at places of a picture by attention and writes a caption.

    Noisy units stand in all gates, candidate and output of the cell, the first states, the attention, the selector and
    the readout.

    Parameters
    ----------
    generator
        Source of dropout and of sampled places.
    """

    def __init__(self, depth: int, words: int, size: Mapping[str, Any], unit: dict[str, Any]) -> None:
        super().__init__()
        embedding, hidden = size["embedding"], size["hidden"]
        self.rate, self.generator = size["dropout"], unit["generator"]
        self.words = nn.Embedding(words, embedding)
        self.before = nn.ModuleList(nn.Linear(depth, depth) for _ in range(size["first_layers"] - 1))
        self.first, self.first_tanh = nn.Linear(depth, 2 * hidden), activation(unit, "tanh", 2 * hidden)
        self.attention = Attention(depth, hidden, size["width"], unit, size["attention_layers"])
        self.selector, self.selector_gate = nn.Linear(hidden, 1), activation(unit, "sigmoid", 1)
        self.word_input, self.context_input = nn.Linear(embedding, 4 * hidden), nn.Linear(depth, 4 * hidden, bias=False)
        self.lstm = LSTMCell(hidden, unit)
        self.read_state = nn.Linear(hidden, embedding)
        self.read_context = nn.Linear(depth, embedding, bias=False)
        self.read_tanh, self.out = activation(unit, "tanh", embedding), nn.Linear(embedding, words)
        initialise(self, size["ortho"], ("read_", "out", "words", "attention.project.0"))

    def dropped(self, x: Tensor) -> Tensor:
        """Return x with elements left out while training, the rest scaled up."""
        if not self.training or not self.rate:
            return x
        kept = torch.empty_like(x).bernoulli_(1.0 - self.rate, generator=self.generator)
        return x * kept / (1.0 - self.rate)

    def begin(self, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return h, c and what attention prepares, of places of shape (B, L, D)."""
        x = places.mean(1)
        for layer in self.before:
            x = self.dropped(layer(x).relu())
        h, c = self.first_tanh(self.first(x)).chunk(2, -1)
        return h, c, self.attention.prepare(places)

    def step(
        self, pre: Tensor, h: Tensor, c: Tensor, places: Tensor, prepared: Tensor, sample: bool | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return the next h and c, the context, the weights, and what took their place in the context.

        Parameters
        ----------
        pre
            `word_input` of the word before, shape (B, 4n).
        sample
            None for soft attention. For hard attention, whether one place is drawn; the weights get no gradient then.
        """
        weights = self.attention(prepared, h)
        taken = weights
        if sample is not None:
            taken = weights.detach()
            if sample:
                drawn = torch.multinomial(taken, 1, generator=self.generator)
                taken = torch.zeros_like(taken).scatter_(1, drawn, 1.0)
        context = torch.bmm(taken[:, None], places)[:, 0] * self.selector_gate(self.selector(h))
        h, c = self.lstm(pre + self.context_input(context), (h, c))
        return h, c, context, weights, taken

    def readout(self, word: Tensor, h: Tensor, context: Tensor) -> Tensor:
        """Return logits of the words."""
        hidden = self.read_tanh(self.read_state(self.dropped(h)) + word + self.read_context(context))
        logits: Tensor = self.out(self.dropped(hidden))
        return logits

    def forward(self, places: Tensor, target: Tensor, sample: bool | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, shape (T, B, V), weights of attention and what took their place, shape (T, B, L)."""
        h, c, prepared = self.begin(places)
        word = shifted(self.words, target)
        rows = []
        for pre in self.word_input(word).unbind(0):
            h, c, *rest = self.step(pre, h, c, places, prepared, sample)
            rows.append((h, *rest))
        states, contexts, weights, taken = (torch.stack(column) for column in zip(*rows, strict=True))
        return self.readout(word, states, contexts), weights, taken

    def next_word(self, last: Tensor, state: State, fixed: State) -> tuple[Tensor, State]:
        """Return log p of the next word and the next state, for `beam_search`."""
        word = previous(self.words, last)
        h, c, context, _, _ = self.step(self.word_input(word), state[0], state[1], fixed[0], fixed[1])
        return self.readout(word, h, context).log_softmax(-1), (h, c)


class Captions(Task):
    """Batches of captions of one length, in an order of their own each epoch."""

    metric, lower, clip, label = "test_bleu4", False, inf, "test BLEU-4"
    paper = (
        "Flickr8k, BLEU-4, METEOR and test NLL with soft attention: 19.5, 18.9 and 40.33 (reference), 20.9, 20.5 and "
        "40.17 (nah), 20.7, 20.5 and 40.0 (nani), 20.0, 20.5 and 39.9 (nanil); BLEU-4 with hard attention 21.3"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.options
        found = drawn_scenes() if size["data"] is None else read_pictures(size["data"])
        self.features = found.features
        own = built(text for row in found.rows["train"] for text in found.captions[row])
        words = min(size["words"], 1 + max(own.values()))
        self.spelled = {number: word for word, number in own.items()}
        self.ids: dict[str, list[Caption]] = {
            split: [(row, encode(text, own, words)) for row in found.rows[split] for text in found.captions[row]]
            for split in SPLITS
        }
        self.tested = found.rows["test"]
        self.references = [found.captions[row] for row in self.tested]
        self.train = [one for one in self.ids["train"] if len(one[1]) < size["longest"]]
        if not self.train:
            raise InputError(f"the captions for training must be shorter than {size['longest']} words, none is")
        depth = self.features.shape[2]
        self.model = paired(settings, lambda unit: Captioner(depth, words, size, unit), self.noise)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=size["lr"])
        self.stop = EarlyStop(size["patience"])
        self.baseline = 0.0
        self._order: tuple[int, list[list[int]]] = (-1, [])
        self.facts = {
            "source": found.source,
            **{f"{split}_pictures": len(rows) for split, rows in found.rows.items()},
            **{f"{split}_captions": len(captions) for split, captions in self.ids.items()},
            "left_out": len(self.ids["train"]) - len(self.train),
            "words": words,
            "places": self.features.shape[1],
            "depth": depth,
            "sha256": digest(*(_flat(one) for one in self.ids.values()), *(x for _, x in blocks(self.features))),
        }
        bleu_metric()  # that sacrebleu is missing shall be known before the training

    def batches(self, epoch: int) -> list[list[int]]:
        """Return the captions of every batch of an epoch; all in one batch have the same length."""
        rng, size = stream(self.settings.seed, TRAIN, epoch), self.settings.options["batch"]
        by_length: dict[int, list[int]] = {}
        for k in rng.permutation(len(self.train)).tolist():
            by_length.setdefault(len(self.train[k][1]), []).append(k)
        made = [rows[k : k + size] for _, rows in sorted(by_length.items()) for k in range(0, len(rows), size)]
        return [made[k] for k in rng.permutation(len(made))]

    def batch(self, step: int) -> list[Caption]:
        """Return the captions of an update."""
        if self._order[0] < 0:
            self._order = (0, self.batches(0))
        epoch, number = divmod(step, len(self._order[1]))
        if epoch != self._order[0]:
            self._order = (epoch, self.batches(epoch))
        return [self.train[k] for k in self._order[1][number]]

    def places(self, rows: Sequence[int]) -> Tensor:
        """Return features of pictures, shape (B, L, D)."""
        return torch.as_tensor(np.asarray(self.features[list(rows)], dtype=np.float32))

    def _nll(self, captions: Sequence[Caption], sample: bool | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the NLL of every word, shape (T, B), which of them are no padding, and weights and their stand-ins."""
        target, wanted = padded([ids for _, ids in captions])
        logits, weights, taken = self.model(self.places([row for row, _ in captions]), target, sample)
        nll = cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)
        return nll * wanted, wanted, weights, taken

    def loss(self, step: int) -> Tensor:
        """Return the NLL summed over words and averaged over captions, and the penalty on places looked at too little.

        With hard attention a term of value 0 is added, whose gradient by the weights is that of REINFORCE.
        """
        size, hard = self.settings.options, self.settings.options["attention"] == "hard"
        sample = bool(torch.rand((), generator=self.noise) < 0.5) if hard else None
        nll, _, weights, taken = self._nll(self.batch(step), sample)
        cost = nll.sum(0).mean()
        if size["penalty"]:
            cost = cost + size["penalty"] * ((1.0 - weights.sum(0)) ** 2).sum(0).mean()
        if hard:
            gradient = reinforce(weights.detach(), taken, nll.detach(), self.baseline)
            self.baseline = 0.9 * self.baseline + 0.1 * float(nll.detach().mean())
            pull = (weights * gradient).sum()
            cost = cost + pull - pull.detach()
        return cost

    def written(self, rows: Sequence[int]) -> list[list[str]]:
        """Return the captions that beam search finds."""
        size = self.settings.options
        model: Any = self.model.eval()
        places = self.places(rows)
        with torch.no_grad():
            h, c, prepared = model.begin(places)
        found = beam_search(model.next_word, (h, c), (places, prepared), width=size["beam"], longest=size["written"])
        return [[self.spelled.get(k, "UNK") for k in one] for one in found]

    def measure(self) -> dict[str, float]:
        """Return NLL per caption of both sets, and BLEU-1 to 4 and METEOR's exact form of the test set.

        Hard attention takes its weights in place of a sample here.
        """
        self.model.eval()
        found = {}
        for name in ("valid", "test"):
            captions = self.ids[name]
            with torch.no_grad():
                parts = [
                    float(self._nll(captions[k : k + EVALUATED])[0].sum()) for k in range(0, len(captions), EVALUATED)
                ]
            found[f"{name}_nll"] = sum(parts) / len(captions)
        rows = self.tested
        texts = [text for k in range(0, len(rows), EVALUATED) for text in self.written(rows[k : k + EVALUATED])]
        found |= {f"test_bleu{order}": bleu(texts, self.references, order) for order in (1, 2, 3, 4)}
        return {**found, "test_meteor_exact": meteor_exact(texts, self.references)}

    def state_dict(self) -> dict[str, Any]:
        """Return the history of validation and the baseline of hard attention."""
        return {"stop": super().state_dict(), "baseline": self.baseline}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the history and the baseline."""
        super().load_state_dict(state["stop"])
        self.baseline = float(state["baseline"])


def reinforce(weights: Tensor, taken: Tensor, nll: Tensor, baseline: float) -> Tensor:
    """Return the gradient of the cost by the weights of hard attention, as the authors take it.

    Parameters
    ----------
    weights, taken
        Of shape (T, B, L): the weights, and the sample that took their place, or they themselves.
    nll
        Of shape (T, B); a caption's cost is its mean over time.
    """
    gain = (baseline - nll.mean(0))[None, :, None] / REWARD
    floor = torch.finfo(weights.dtype).tiny
    weights = weights.clamp(min=floor)
    return gain * (-taken / weights) + ENTROPY * (weights.log() + 1.0)


def _flat(captions: Sequence[Caption]) -> Any:
    return np.array([k for row, ids in captions for k in (row, *ids, -1)], dtype=np.int64)
