"""Beam search for many sentences at once."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

END: Final = 0
"""The word that ends a sentence."""
FIRST: Final = -1
"""In place of the word before the first."""

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State, State], tuple[Tensor, State]]
"""Takes the words before, shape (M,), states and what stays the same; returns log p, shape (M, V), and new states."""


@torch.no_grad()
def beam_search(
    step: Step, state: State, fixed: State, *, width: int, longest: int, normalise: bool = False
) -> list[list[int]]:
    """Return the best sentence for each row of `state` and `fixed`, without its end.

    At every step the `width` best continuations of a sentence's hypotheses are kept, less those that have ended. Search
    stops when all have ended or have `longest` words; hypotheses that have not ended then count too.

    Parameters
    ----------
    normalise
        Whether −log p is divided by the number of words, the end included.
    """
    count = state[0].shape[0]
    state, fixed = (tuple(x.repeat_interleave(width, 0) for x in one) for one in (state, fixed))
    best: list[tuple[float, list[int]]] = [(float("inf"), [])] * count
    live = torch.arange(count)
    ended = torch.zeros(count, dtype=torch.long)
    score = torch.full((count, width), float("inf"))
    score[:, 0] = 0.0
    words = torch.zeros(count, width, 0, dtype=torch.long)
    last = torch.full((count * width,), FIRST)

    def finish(which: Tensor, cost: Tensor) -> None:
        rows, columns = which.nonzero(as_tuple=True)
        ends = zip(live[rows].tolist(), cost[which].tolist(), words[rows, columns].tolist(), strict=True)
        for sentence, value, found in ends:
            value = value / max(len(found), 1) if normalise else value
            if value < best[sentence][0]:
                best[sentence] = (value, found[:-1] if found and found[-1] == END else found)

    for _ in range(longest):
        log_p, state = step(last, state, fixed)
        total = score[..., None] - log_p.view(*score.shape, -1)
        value, place = total.flatten(1).topk(width, largest=False)
        source, word = place // log_p.shape[1], place % log_p.shape[1]
        words = torch.cat([words.gather(1, source[..., None].expand(-1, -1, words.shape[2])), word[..., None]], 2)
        kept = (torch.arange(width) < (width - ended)[:, None]) & torch.isfinite(value)
        over = kept & (word == END)
        finish(over, value)
        ended = ended + over.sum(1)
        score = torch.where(kept & ~over, value, float("inf"))
        on = (ended < width) & torch.isfinite(score).any(1)
        rows = (torch.arange(len(live))[:, None] * width + source)[on].flatten()
        state = tuple(x[rows] for x in state)
        if not bool(on.all()):
            fixed = tuple(x[rows] for x in fixed)
            live, ended, score, words, word = live[on], ended[on], score[on], words[on], word[on]
        if not len(live):
            break
        last = word.flatten()
    finish(torch.isfinite(score), score)
    return [found for _, found in best]
