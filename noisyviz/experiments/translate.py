"""Translation by a conditional GRU with attention (paper, section 6.3; session 2 of dl4mt-material)."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from noisyviz.errors import InputError
from noisyviz.experiments.decoding import State, beam_search
from noisyviz.experiments.layers import Attention, GRUCell, activation, initialise, previous, shifted
from noisyviz.experiments.parallel import (
    END,
    FIRST_WORD,
    SIDES,
    SPLITS,
    Pairs,
    built,
    encode,
    number_words,
    read_corpus,
)
from noisyviz.experiments.scores import bleu, bleu_metric
from noisyviz.experiments.settings import Settings
from noisyviz.experiments.task import TRAIN, EarlyStop, Task, digest, paired, stream
from noisyviz.torch.recurrent import NoisyGRU

SORTED: Final = 20
"""Batches that are read together and sorted by length."""
EVALUATED: Final = 250
"""Sentences that are worked on at once in evaluations."""

Ids = tuple[list[int], list[int]]


def padded(sentences: Sequence[list[int]]) -> tuple[Tensor, Tensor]:
    """Return ids with the end behind each sentence and as padding, shape (T, B), and which are no padding."""
    longest = 1 + max(map(len, sentences))
    ids = np.full((longest, len(sentences)), END)
    for column, one in enumerate(sentences):
        ids[: len(one), column] = one
    lengths = np.array([len(one) for one in sentences])
    return torch.as_tensor(ids), torch.as_tensor(np.arange(longest)[:, None] <= lengths)


class Translator(nn.Module):
    """Two GRUs read the source, each in its direction; a GRU, attention and a second GRU write each word.

    Noisy units stand in all gates and candidates, in the first state, the attention and the readout.
    """

    def __init__(
        self, sizes: tuple[int, int], embedding: int, hidden: int, scale: float | None, unit: dict[str, Any]
    ) -> None:
        super().__init__()
        self.source, self.target = (nn.Embedding(size, embedding) for size in sizes)
        self.reader, self.backward_reader = (NoisyGRU(embedding, hidden, **unit) for _ in range(2))
        self.first, self.first_tanh = nn.Linear(2 * hidden, hidden), activation(unit, "tanh", hidden)
        self.word_gru, self.context_gru = GRUCell(embedding, hidden, unit), GRUCell(2 * hidden, hidden, unit)
        self.attention = Attention(2 * hidden, hidden, 2 * hidden, unit)
        self.read_state = nn.Linear(hidden, embedding)
        self.read_word = nn.Linear(embedding, embedding, bias=False)
        self.read_context = nn.Linear(2 * hidden, embedding, bias=False)
        self.read_tanh, self.out = activation(unit, "tanh", embedding), nn.Linear(embedding, sizes[1])
        initialise(self, scale, ("read_", "out", "source", "target"))

    def encode(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return annotations, shape (B, T, 2n), and the first state, shape (B, n)."""
        x = self.source(ids)
        places, last = torch.arange(len(ids))[:, None], mask.sum(0) - 1
        flipped = (last - places).where(mask, places)[..., None]  # each sentence turned round within its own length

        def turn(values: Tensor) -> Tensor:
            return values.gather(0, flipped.expand(-1, -1, values.shape[2]))

        both = torch.cat([self.reader(x)[0], turn(self.backward_reader(turn(x))[0])], -1).transpose(0, 1)
        own = mask.t()[..., None]
        mean = (both * own).sum(1) / own.sum(1)
        return both, self.first_tanh(self.first(mean))

    def step(self, pre: Tensor, h: Tensor, both: Tensor, prepared: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Return the next state and the context from `word_gru.inputs` of the word before."""
        between = self.word_gru(pre, h)
        weights = self.attention(prepared, between, own)
        context = torch.bmm(weights[:, None], both)[:, 0]
        return self.context_gru(self.context_gru.inputs(context), between), context

    def readout(self, word: Tensor, h: Tensor, context: Tensor) -> Tensor:
        """Return logits of the words."""
        logits: Tensor = self.out(
            self.read_tanh(self.read_state(h) + self.read_word(word) + self.read_context(context))
        )
        return logits

    def forward(self, ids: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        """Return logits, shape (T, B, V), of target words whose predecessors are given."""
        both, h = self.encode(ids, mask)
        prepared, own = self.attention.prepare(both), mask.t()
        word = shifted(self.target, target)
        states, contexts = [], []
        for pre in self.word_gru.inputs(word).unbind(0):
            h, context = self.step(pre, h, both, prepared, own)
            states.append(h)
            contexts.append(context)
        return self.readout(word, torch.stack(states), torch.stack(contexts))

    def next_word(self, last: Tensor, state: State, fixed: State) -> tuple[Tensor, State]:
        """Return log p of the next word and the next state, for `beam_search`."""
        word = previous(self.target, last)
        h, context = self.step(self.word_gru.inputs(word), state[0], fixed[0], fixed[1], fixed[2])
        return self.readout(word, h, context).log_softmax(-1), (h,)


class Translate(Task):
    """Pairs in an order of their own each epoch, sorted by target length within 20 batches."""

    metric, lower, clip, label = "test_bleu", False, 1.0, "test BLEU"
    paper = (
        "valid NLL and BLEU on Europarl, English to French: 65.26 and 20.18 (soft), 64.27 and 21.59 (hard), 63.46 and "
        "22.57 (nah)"
    )

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        size = settings.options
        corpus = number_words() if size["data"] is None else read_corpus(size["data"])
        own = [
            given or built(pair[side] for pair in corpus.pairs["train"])
            for side, given in enumerate(corpus.dictionaries)
        ]
        sizes = tuple(min(size["words"], 1 + max(one.values(), default=FIRST_WORD)) for one in own)
        self.words = {number: word for word, number in own[1].items()}
        self.references = [[pair[1]] for pair in corpus.pairs["test"]]
        self.ids = {
            split: [
                tuple(encode(pair[side], own[side], sizes[side]) for side in (0, 1)) for pair in corpus.pairs[split]
            ]
            for split in SPLITS
        }
        self.train = [pair for pair in self.ids["train"] if all(0 < len(side) <= size["longest"] for side in pair)]
        if not self.train:
            raise InputError(f"train.src and train.tgt must hold a pair of 1 to {size['longest']} words, got none")
        self.model = paired(
            settings,
            lambda unit: Translator((sizes[0], sizes[1]), size["embedding"], size["hidden"], size["ortho"], unit),
            self.noise,
        )
        self.optimizer = optimizer(size["optimizer"], self.model, size["lr"])
        self.stop = EarlyStop(size["patience"])
        self.facts = {
            "source": corpus.source,
            **{f"{split}_pairs": len(pairs) for split, pairs in self.ids.items()},
            "left_out": len(self.ids["train"]) - len(self.train),
            **{f"words_{side}": sizes[k] for k, side in enumerate(SIDES)},
            "sha256": digest(*(_flat(pairs) for pairs in self.ids.values())),
        }
        bleu_metric()  # that sacrebleu is missing shall be known before the training

    ids: dict[str, list[Any]]

    def batch(self, step: int) -> list[Ids]:
        """Return the pairs of an update."""
        size, count = self.settings.options["batch"], len(self.train)
        epoch, number = divmod(step, -(-count // size))
        order = stream(self.settings.seed, TRAIN, epoch).permutation(count)
        group, place = divmod(number, SORTED)
        rows = order[group * SORTED * size : (group + 1) * SORTED * size].tolist()
        rows.sort(key=lambda k: -len(self.train[k][1]))
        return [self.train[k] for k in rows[place * size : (place + 1) * size]]

    def _nll(self, pairs: Sequence[Ids]) -> Tensor:
        """Return the summed NLL of target sentences, their ends included."""
        ids, mask = padded([pair[0] for pair in pairs])
        target, wanted = padded([pair[1] for pair in pairs])
        logits = self.model(ids, mask, target)
        return cross_entropy(logits[wanted], target[wanted], reduction="sum")

    def loss(self, step: int) -> Tensor:
        """Return the NLL of one batch, summed over words and averaged over sentences."""
        pairs = self.batch(step)
        return self._nll(pairs) / len(pairs)

    def translations(self, sources: Sequence[list[int]]) -> list[list[str]]:
        """Return the words that beam search finds for each source."""
        size = self.settings.options
        model: Any = self.model.eval()
        ids, mask = padded(sources)
        with torch.no_grad():
            both, h = model.encode(ids, mask)
            fixed = both, model.attention.prepare(both), mask.t()
        found = beam_search(model.next_word, (h,), fixed, width=size["beam"], longest=size["written"], normalise=True)
        return [[self.words.get(k, "UNK") for k in one] for one in found]

    def measure(self) -> dict[str, float]:
        """Return NLL per sentence of both sets, and BLEU and the share of exact translations of the test set."""
        self.model.eval()
        found = {}
        for name in ("valid", "test"):
            pairs = self.ids[name]
            with torch.no_grad():
                parts = [float(self._nll(pairs[k : k + EVALUATED])) for k in range(0, len(pairs), EVALUATED)]
            found[f"{name}_nll"] = sum(parts) / len(pairs)
        sources = [pair[0] for pair in self.ids["test"]]
        texts = [
            text for k in range(0, len(sources), EVALUATED) for text in self.translations(sources[k : k + EVALUATED])
        ]
        found["test_bleu"] = bleu(texts, self.references)
        exact = sum(text == several[0] for text, several in zip(texts, self.references, strict=True))
        return {**found, "test_exact": exact / len(texts)}


def optimizer(name: str, model: nn.Module, lr: float) -> Any:
    """Return Adam, or Adadelta with the authors' decay, which takes no learning rate."""
    if name == "adam":
        return torch.optim.Adam(model.parameters(), lr=lr)
    return torch.optim.Adadelta(model.parameters(), lr=1.0, rho=0.95, eps=1e-6)


def _flat(pairs: Pairs | list[Any]) -> Any:
    return np.array([k for pair in pairs for side in pair for k in (*side, -1)], dtype=np.int64)
