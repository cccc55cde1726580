"""Countable attributes of texts, sorted into bins by how a crowd's texts are spread, and how often a text falls into a bin it aimed at.

After Alhafni, Kulkarni, Kumar, Raheja. PERSONALIZE 2024, arXiv:2402.04914. Nothing here parses: parts of speech, dependencies and
rhetorical relations, which are half of the paper's attributes, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.errors import DataError
from idiolect.training.style_features import FUNCTION_WORDS, PERSONAL, Parsed
from idiolect.types import Floats, Ints

TENTHS = range(0, 100, 10)
NEAR = 1e-9  # a mean of equal numbers may lie so far below them

SHARES: Mapping[str, Callable[[Parsed], float]] = {
    "words of 7 letters and more": lambda p: _part([len(word.strip(".,:;!?()")) > 6 for word in p.words]),
    "words not used before": lambda p: len({word.lower() for word in p.words}) / max(len(p.words), 1),
    "function words (English)": lambda p: p.bare(FUNCTION_WORDS),
    "I, we, you (English)": lambda p: p.bare(PERSONAL),
    "capital letters": lambda p: _part([c.isupper() for c in p.letters]),
    "later words with a capital": lambda p: _part([word[0].isupper() for word in p.words[1:]]),
    "digits": lambda p: p.chars(str.isdigit),
    "punctuation": lambda p: p.chars(lambda c: not c.isalnum() and not c.isspace()),
    "texts that start with a capital": lambda p: float(p.text[:1].isupper()),
    "texts that end with punctuation": lambda p: float(bool(p.text) and not p.text[-1].isalnum()),
}
COUNTS: Mapping[str, Callable[[Parsed], float]] = {
    "words": lambda p: float(len(p.words)),
    "sentences": lambda p: float(_sentences(p)),
    "words in a sentence": lambda p: len(p.words) / _sentences(p),
    "characters in a word": lambda p: sum(map(len, p.words)) / max(len(p.words), 1),
    "commas in a sentence": lambda p: p.text.count(",") / _sentences(p),
    "! and ? in a sentence": lambda p: sum(map(p.text.count, "!?")) / _sentences(p),
    "line breaks": lambda p: float(p.text.count("\n")),
}
ATTRIBUTES = (*COUNTS, *SHARES)
_MEASURES = (*COUNTS.values(), *SHARES.values())


@dataclass(frozen=True)
class Success:
    """The share of attributes that fell into the bin aimed at; into it or one beside it; and the first over chance: 0 is chance.

    `over_chance` is 100 (hard - 1/b) / (1/b), each attribute with its own number of bins b, on average.
    """

    hard: float
    soft: float
    over_chance: float


def measured(texts: Sequence[str]) -> Floats:
    """(texts, ATTRIBUTES) of each text."""
    rows = [[measure(_parsed(text)) for measure in _MEASURES] for text in texts]
    return np.array(rows, np.float64).reshape(len(rows), len(_MEASURES))


def tenths(values: Floats) -> Floats:
    """(10, ATTRIBUTES): the 0th, 10th, ... 90th percentile of texts (texts, ATTRIBUTES). Raises DataError for none.

    A bin of an attribute begins at each that differs from the one before: where many texts agree there are fewer bins.
    """
    if not len(values):
        raise DataError("bins are made of the texts of a crowd, and there is no text at all")
    made: Floats = np.percentile(values, TENTHS, axis=0)
    return made


def bins(bounds: Floats) -> list[Floats]:
    """For each attribute, where its bins begin, ascending."""
    return [np.unique(column) for column in bounds.T]


def binned(values: Floats, bounds: Floats) -> Ints:
    """The bin (ATTRIBUTES,) of each attribute's value; below the first bound it is the first bin."""
    found = [int(np.searchsorted(own, value + NEAR, side="right")) - 1 for own, value in zip(bins(bounds), values, strict=True)]
    return np.maximum(np.array(found, np.intp), 0)


def sides(values: Floats, bounds: Floats) -> Floats:
    """On which side of the crowd's middle each value's bin lies, and how far, -1 to 1 (ATTRIBUTES,): a bin of many is near."""
    starts = np.array([own[place] for own, place in zip(bins(bounds), binned(values, bounds), strict=True)])
    made: Floats = ((bounds < starts).sum(axis=0) + (bounds <= starts).sum(axis=0)) / len(bounds) - 1
    return made


def middle(values: Floats) -> Floats:
    """The mean (ATTRIBUTES,) over a person's texts, without those that lie 1.5 interquartile ranges outside the quartiles."""
    low, high = np.percentile(values, [25, 75], axis=0)
    reach = 1.5 * (high - low)
    kept = (values >= low - reach) & (values <= high + reach)
    made: Floats = np.where(kept, values, 0.0).sum(axis=0) / np.maximum(kept.sum(axis=0), 1)
    return made


def success(made: Floats, aimed: Ints, bounds: Floats) -> Success:
    """How texts with the values `made` (ATTRIBUTES,) kept to the bins `aimed` at. Attributes with one bin only are left out."""
    sizes = np.array([len(own) for own in bins(bounds)])
    off = np.abs(binned(made, bounds) - aimed)[sizes > 1]
    if not len(off):
        raise DataError("no attribute has more than one bin: all texts of the crowd agree in everything, and nothing can be aimed at")
    return Success(float((off == 0).mean()), float((off <= 1).mean()), float(100 * ((off == 0) * sizes[sizes > 1] - 1).mean()))


def _parsed(text: str) -> Parsed:
    text = text.strip()
    return Parsed(text, text.split(), [c for c in text if c.isalpha()])


def _sentences(parsed: Parsed) -> int:
    return max(1, len(re.findall(r"[.!?]+(?:\s|$)|\n{2,}", parsed.text)))


def _part(held: Sequence[bool]) -> float:
    return sum(held) / max(len(held), 1)
