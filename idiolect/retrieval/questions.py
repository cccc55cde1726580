"""Whether a question was asked before: its normal form, the Levenshtein distance, and the nearest of the questions that are known."""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence

import numpy as np

from idiolect.errors import MethodError
from idiolect.retrieval.embedders import EMBEDDERS, embed
from idiolect.wording import about

LOOKUPS = ("edits", *EMBEDDERS)
EDITS = 6  # characters: fewer apart is the same question
SHARE = 3  # and at most one edit in so many characters, so that two short questions are not taken for one
COSINE = 0.9
WORDY = 4
_ARGUMENT = re.compile(r"<[^<>]*>")
_MARKS = re.compile(r"[^\w\s]|_")


def normal(question: str) -> str:
    """What is asked without what it is asked of: lower case, without punctuation, spaces folded.

    Left out are the text in angle brackets and what follows a short instruction and a blank line; a question that is nothing else
    stays whole. An instruction ends with a colon, or is a sentence of WORDY words or more with a full stop: "Hello!" is none.
    """
    head = question.removesuffix(about(question)).strip()
    instructs = head.endswith(":") or (head.endswith(".") and len(head.split()) >= WORDY)
    asked = head if instructs else question
    kept = _folded(_ARGUMENT.sub(" ", asked))
    return kept or _folded(question)


def distance(one: Sequence[Hashable], other: Sequence[Hashable], most: int | None = None) -> int:
    """Levenshtein's distance in insertions, deletions and substitutions: of characters, or of tokens where lists are given.

    With `most`, anything above it is returned as `most + 1`, and found sooner.
    """
    limit = max(len(one), len(other)) if most is None else most
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before = list(range(len(other) + 1))
    for row, mine in enumerate(one, start=1):
        low, high = max(1, row - limit), min(len(other), row + limit)
        now = [limit + 1] * (len(other) + 1)
        now[0] = row
        for place in range(low, high + 1):
            now[place] = min(before[place] + 1, now[place - 1] + 1, before[place - 1] + (mine != other[place - 1]))
        if min(now[low - 1 : high + 1]) > limit:
            return limit + 1
        before = now
    return min(before[-1], limit + 1)


def asked_before(question: str, known: Sequence[str], by: str = "edits", edits: int = EDITS, near: float = COSINE) -> int | None:
    """The place among `known` (normal forms, oldest first) of the one that `question` repeats; of equals the latest; else None.

    "edits": fewer than `edits` characters apart, and at most one for every SHARE. "hash", "dense": a cosine of more than `near`.
    Both are strict. Raises MethodError for another name.
    """
    if by not in LOOKUPS:
        raise MethodError(f"no way to find a question again is called {by!r}; there are {', '.join(LOOKUPS)}")
    asked = normal(question)
    if not asked or not known:
        return None
    if by == "edits":
        reached = [(place, min(edits - 1, max(len(asked), len(key)) // SHARE)) for place, key in enumerate(known)]
        apart = [(distance(asked, known[place], most), most, -place) for place, most in reached]
        found = [(edits_, minus) for edits_, most, minus in apart if edits_ <= most]
        return -min(found)[1] if found else None
    cosines = embed(known, by) @ embed([asked], by)[0]
    best = len(known) - 1 - int(np.argmax(cosines[::-1]))
    return best if cosines[best] > near else None


def _folded(text: str) -> str:
    return " ".join(_MARKS.sub(" ", text.lower()).split())
