"""A text with fewer words: those that say least are left out, all others stand as they stood."""

from __future__ import annotations

from collections import Counter

from idiolect.errors import RequestError
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.content import FUNCTION_WORDS

_ENDS = (".", "!", "?", ":", "。")  # a word with one of these stays: it ends a sentence, or names who speaks


def compressed(text: str, rate: float = 0.9) -> str:
    """`text` with at least the share `rate` of its words, in their order and lines; nothing is put in or changed.

    Left out first are function words, the most frequent first, then words that were there before; never a number, nor a word with a
    full stop or a colon. Raises RequestError for a rate that is no share.
    """
    if not 0 <= rate <= 1:
        raise RequestError(f"the share of words to keep is from 0 to 1, not {rate}")
    lines = [line.split() for line in text.splitlines()]
    flat = [(row, place, word) for row, line in enumerate(lines) for place, word in enumerate(line)]
    gone = set(_least(flat)[: int(round((1 - rate) * len(flat), 9))])
    kept = (" ".join(word for place, word in enumerate(line) if (row, place) not in gone) for row, line in enumerate(lines))
    return "\n".join(kept)


def _least(flat: list[tuple[int, int, str]]) -> list[tuple[int, int]]:
    """The places of the words that may go, those that say least first."""
    folded = [" ".join(words(word)) for _, _, word in flat]
    count, seen = Counter(folded), Counter[str]()
    ranked: list[tuple[bool, int, int]] = []
    for at, word in enumerate(folded):
        said_before, seen[word] = seen[word], seen[word] + 1
        plain = word in FUNCTION_WORDS
        if (plain or said_before) and not flat[at][2].endswith(_ENDS) and not any(char.isdigit() for char in word) and word:
            ranked.append((not plain, -count[word], at))
    return [flat[at][:2] for _, _, at in sorted(ranked)]
