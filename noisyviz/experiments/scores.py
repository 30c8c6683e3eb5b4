"""BLEU by sacrebleu, and METEOR without stems and synonyms."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import zip_longest
from typing import Any, Final

from noisyviz.errors import MissingExtraError

Words = Sequence[str]
NONE_AFTER: Final = -2
"""A place that no word follows."""


def bleu(found: Sequence[Words], references: Sequence[Sequence[Words]], order: int = 4) -> float:
    """Return BLEU in per cent as multi-bleu counts it: tokens as they are, no smoothing, case matters.

    Parameters
    ----------
    references
        One or more for each sentence.
    order
        Longest n-gram, from 1 to 4.

    Raises
    ------
    MissingExtraError
        Without sacrebleu.

    Examples
    --------
    >>> bleu([["a", "cat", "sat"]], [[["a", "cat", "sat"], ["the", "cat"]]], order=2)
    100.0
    """
    metric = bleu_metric()(tokenize="none", smooth_method="none", force=True, max_ngram_order=order)
    streams = zip_longest(*([" ".join(one) for one in several] for several in references))
    score = metric.corpus_score([" ".join(one) for one in found], [list(one) for one in streams]).score
    return min(100.0, float(score))  # 100.00000000000004 where all is right


def bleu_metric() -> Any:
    """Return sacrebleu's class.

    Raises
    ------
    MissingExtraError
        Without sacrebleu.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingExtraError(
            "translate and captions need sacrebleu; install it with pip install 'noisyviz[train]'"
        ) from error
    return BLEU


def meteor_exact(found: Sequence[Words], references: Sequence[Sequence[Words]]) -> float:
    """Return the mean over sentences of METEOR with exact matches alone, in per cent; the best reference counts.

    F = 10PR/(R + 9P), less a share 0.5·(chunks/matches)³ of itself. Not to be compared with METEOR proper.

    Examples
    --------
    >>> meteor_exact([["a", "b"]], [[["a", "b"]]])
    93.75
    """
    best = [max(_meteor(one, other) for other in several) for one, several in zip(found, references, strict=True)]
    return 100.0 * sum(best) / len(best)


def _meteor(found: Words, reference: Words) -> float:
    matches, chunks = alignment(found, reference)
    if not matches:
        return 0.0
    p, r = matches / len(found), matches / len(reference)
    return 10.0 * p * r / (r + 9.0 * p) * (1.0 - 0.5 * (chunks / matches) ** 3)


def alignment(found: Words, reference: Words) -> tuple[int, int]:
    """Return the largest number of words that can be paired, and the fewest chunks in which they then lie.

    Examples
    --------
    >>> alignment("the cat sat on the mat".split(), "on the mat sat the cat".split())
    (6, 3)
    """
    places = {word: [j for j, other in enumerate(reference) if other == word] for word in set(found)}
    left = [Counter(found[i:]) for i in range(len(found))]

    @cache
    def search(i: int, used: int, last: int) -> tuple[int, int]:
        """Return −matches and chunks of the words from i on; `last` is the partner of the word before."""
        if i == len(found):
            return 0, 0
        free = [j for j in places[found[i]] if not used >> j & 1]
        options = []
        if len(free) < left[i][found[i]]:  # a later word can take the same partner
            options.append(search(i + 1, used, NONE_AFTER))
        for j in free:
            matches, chunks = search(i + 1, used | 1 << j, j)
            options.append((matches - 1, chunks + (j != last + 1)))
        return min(options)

    matches, chunks = search(0, 0, NONE_AFTER)
    return -matches, chunks
