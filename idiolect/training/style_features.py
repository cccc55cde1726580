"""What can be counted of how a text is written: length, capitals, punctuation, words. Nothing here reads a language's grammar."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.types import Floats

FIRST_AND_SECOND = "i me my mine myself we us our ours you your yours"
OTHERS = (
    "a about after all also an and any are as at be because been before but by can could did do does for from had has have he her him his "
    "how if in into is it its more most no not of on one or other out over she should so some such than that the their them then there "
    "these they this those through to under up was were what when where which while who why will with would"
)
PERSONAL = frozenset(FIRST_AND_SECOND.split())
FUNCTION_WORDS = PERSONAL | frozenset(OTHERS.split())


@dataclass(frozen=True)
class Parsed:
    """A text with its words (cut at white space) and its letters."""

    text: str
    words: Sequence[str]
    letters: Sequence[str]

    def chars(self, holds: Callable[[str], bool]) -> float:
        """The share of characters for which `holds`."""
        return _share(map(holds, self.text), len(self.text))

    def bare(self, among: frozenset[str]) -> float:
        """The share of words that, without punctuation and capitals, are `among` those given."""
        return _share((word.strip(".,:;!?()[]\"'`").lower() in among for word in self.words), len(self.words))


FEATURES: Mapping[str, Callable[[Parsed], float]] = {
    "length: logarithm of 1 + words": lambda p: math.log1p(len(p.words)),
    "mean length of a word": lambda p: sum(map(len, p.words)) / max(len(p.words), 1),
    "share of letters in upper case": lambda p: _share(map(str.isupper, p.letters), len(p.letters)),
    "share of later words with a capital": lambda p: _share((word[0].isupper() for word in p.words[1:]), len(p.words) - 1),
    "share of letters outside ASCII": lambda p: _share((not c.isascii() for c in p.letters), len(p.letters)),
    "share of digits": lambda p: p.chars(str.isdigit),
    "share of punctuation": lambda p: p.chars(lambda c: unicodedata.category(c)[0] == "P"),
    "share of ! and ?": lambda p: p.chars(lambda c: c in "!?"),
    "share of emoji and other pictures": lambda p: p.chars(lambda c: unicodedata.category(c) == "So"),
    "line breaks a word": lambda p: p.text.count("\n") / max(len(p.words), 1),
    "starts with a capital": lambda p: float(p.text[:1].isupper()),
    "ends with punctuation": lambda p: float(unicodedata.category(p.text[-1])[0] == "P") if p.text else 0.0,
    "share of function words (English)": lambda p: p.bare(FUNCTION_WORDS),
    "share of I, we, you (English)": lambda p: p.bare(PERSONAL),
}


def features(text: str) -> Floats:
    """The features of one text, in the order of FEATURES: (features,). An empty text has 0 everywhere."""
    text = text.strip()
    parsed = Parsed(text, text.split(), [c for c in text if c.isalpha()])
    return np.array([feature(parsed) for feature in FEATURES.values()])


def _share(held: Iterable[bool], of: int) -> float:
    return sum(held) / of if of > 0 else 0.0
