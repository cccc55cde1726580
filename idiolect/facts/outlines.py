"""Outlines of a person: texts that a model writes of their records, once, and what can be counted in its place without a model."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from idiolect.data.splits import is_number
from idiolect.errors import MethodError
from idiolect.models.lm import LM
from idiolect.prompt import Section, build, quoted
from idiolect.retrieval import rank
from idiolect.retrieval.bm25 import words
from idiolect.types import History, Record, Request, ask
from idiolect.wording import COMMON, about, describe

WRITERS = ("model", "counted")
LONG = 4  # letters: what recurs in fewer is seldom a topic
TOOCOMMON = 0.6  # of the texts: what stands in more of them says nothing of any
_FENCE = re.compile(r"^```\w*\n|```$")
_LEAD = re.compile(r"^(?:[-*\u2022\u2013]+|\(?\d{1,3}[.)])\s+")


def by_model(writer: str) -> bool:
    """Whether a model writes what is told, or counts do. Raises MethodError for a writer that is neither."""
    if writer not in WRITERS:
        raise MethodError(f"what is told of a person is written by {' or '.join(map(repr, WRITERS))}, not by {writer!r}")
    return writer == "model"


def asking(instruction: str, records: Sequence[Record], lm: LM, max_tokens: int, *sections: Section) -> Request | None:
    """A request to write something of `records`, the newest first to find room, and of `sections`; None for nobody's records."""
    if not len(records):
        return None
    return build(ask(instruction, max_tokens=max_tokens), [quoted(reversed(records)), *sections], lm)


def written(lm: LM, asked: Iterable[Request | None]) -> list[str]:
    """What the model writes for each request, all put in one call; "" for None."""
    each = list(asked)
    replies = iter(lm.generate([request for request in each if request is not None]))
    return ["" if request is None else next(replies).text.strip() for request in each]


def items(text: str) -> list[str]:
    """The items of a list as a model writes one: a line each, bulleted or numbered, or a JSON list of texts; none twice.

    What is read, written out with a line for each, reads the same again.
    """
    bare = _FENCE.sub("", text.strip()).strip()
    made: dict[str, str] = {}
    for part in _from_json(bare) or bare.splitlines():
        item = _clean(part)
        made.setdefault(item.casefold(), item)
    return [item for item in made.values() if item]


def recurring(texts: Sequence[str], most: int = 8, least: int = 2) -> list[str]:
    """The words that recur, the most frequent first: in at least `least` of the texts, and not in nearly all where there are many."""
    counted = Counter(word for text in texts for word in dict.fromkeys(words(text)) if _telling(word))
    ceiling = TOOCOMMON * len(texts) if len(texts) >= 10 else len(texts)
    ranked = sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
    return [word for word, count in ranked if least <= count <= ceiling][:most]


def said(records: Iterable[Record]) -> list[str]:
    """What the person wrote, a text for each record."""
    return [record.answer for record in records]


def asked_of(records: Iterable[Record]) -> list[str]:
    """What the person was asked about, without the instructions."""
    return [about(record.prompt) for record in records]


def is_scored(records: Sequence[Record]) -> bool:
    """Whether the person's answers are numbers: ratings, and no text."""
    return bool(len(records)) and all(is_number(record.answer) for record in records)


def portrait(records: Sequence[Record]) -> str:
    """A person in a few plain sentences, counted without a model: how they write, or for ratings how they rate; "" for no records."""
    if not is_scored(records):
        return describe(records)
    scores = [float(record.answer) for record in records]
    usual = Counter(record.answer.strip() for record in records).most_common(1)[0][0]
    sentences = [f"This person gives mostly {usual}, on average {np.mean(scores):.1f}, from {min(scores):g} to {max(scores):g}."]
    high = recurring(asked_of(record for record in records if float(record.answer) > np.mean(scores)), 5)
    low = recurring(asked_of(record for record in records if float(record.answer) < np.mean(scores)), 5)
    sentences += [f"Rates high: {', '.join(word for word in high if word not in low)}."] if set(high) - set(low) else []
    sentences += [f"Rates low: {', '.join(word for word in low if word not in high)}."] if set(low) - set(high) else []
    return " ".join(sentences)


def near(records: History, question: str, k: int, by: str = "bm25") -> list[Record]:
    """The `k` records nearest to a question, best first; for none, no ranker is made."""
    return rank(records, by).search(question, k) if k else []


def _telling(word: str) -> bool:
    if not word.isascii():
        return len(word) > 1
    return len(word) >= LONG and word not in COMMON and not word.isdigit()


def _clean(part: str) -> str:
    text = " ".join(part.split())
    while (bare := _LEAD.sub("", text).strip("`\"' ,;[]")) != text:
        text = bare
    return text


def _from_json(text: str) -> list[str]:
    """The texts of a JSON list; none where it is something else."""
    try:
        made = json.loads(text) if text.startswith("[") else []
    except (ValueError, RecursionError):
        return []
    return [part for part in made if isinstance(part, str)]
