"""PrefEval: preferences that a person stated or let show, questions where they matter, and other talk to put between.

Zhao, Hong, Liu, Bui, Mu, Wang. Do LLMs Recognize Your Preferences? Evaluating Personalized Preference Following in LLMs. ICLR 2025,
arXiv:2502.09597.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from idiolect.data.published import read_json
from idiolect.errors import DataError
from idiolect.types import Record

SOURCE = "github.com/amazon-science/PrefEval, folder benchmark_dataset"
FORMS = ("explicit", "choice", "persona")  # stated, shown by an option taken, let fall in a talk about something else
FOLDERS = {"explicit": "explicit_preference", "choice": "implicit_preference/choice-based", "persona": "implicit_preference/persona-driven"}
BETWEEN = "filtered_inter_turns.json"
_WORD = re.compile(r"[a-z]{4,}")  # long enough to say something
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_TASTE = re.compile(r"(?i)\b(prefer\w*|avoid|dislike|hate|love|allerg\w*|tend|usually|only|never|always|can't|don't|favou?r\w*)\b")


@dataclass(frozen=True)
class Item:
    """A preference and a question that it bears on.

    `said[form]` are the person's turns in order, times from 0; `telling[form]` is the id of the turn that gives the preference away
    and the sentence that does. A form in which no sentence shares a word with the preference is left out. `options[0]` is right.
    """

    id: str
    topic: str
    question: str
    options: tuple[str, ...]
    said: Mapping[str, tuple[Record, ...]]
    telling: Mapping[str, tuple[str, str]]


def read(folder: Path | str) -> list[Item]:
    """All items, topic by topic in the order of the alphabet. Raises DataError."""
    root = Path(folder)
    topics = sorted(path.stem for path in (root / FOLDERS["explicit"]).glob("*.json"))
    if not topics:
        raise DataError(f"{root / FOLDERS['explicit']} holds no topics; give the folder that holds the data, which are at {SOURCE}")
    return [item for topic in topics for item in _topic(root, topic)]


def between(folder: Path | str) -> list[tuple[str, str]]:
    """What the person says about other things, each with the reply it answers ("" at the start of a talk), in the file's order."""
    talks = read_json(Path(folder) / BETWEEN, list, SOURCE)
    try:
        return [pair for talk in talks for pair in _own([(turn["role"], turn["content"]) for turn in talk["conversation"]])]
    except (KeyError, TypeError) as error:
        raise DataError(f"{Path(folder) / BETWEEN} is not PrefEval's: {type(error).__name__} {error}; get it from {SOURCE}") from error


def _own(turns: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [
        (before[1] if before[0] == "assistant" else "", said) for before, (role, said) in pairwise([("", ""), *turns]) if role == "user"
    ]


def _topic(root: Path, topic: str) -> Iterator[Item]:
    files = {form: root / place / f"{topic}.json" for form, place in FOLDERS.items()}
    rows = {form: read_json(file, list, SOURCE) for form, file in files.items()}
    choices = read_json(root / "mcq_options" / f"{topic}.json", list, SOURCE)
    counts = {len(part) for part in (*rows.values(), choices)}
    if len(counts) > 1:
        raise DataError(f"the files of the topic {topic!r} under {root} differ in length; get them again from {SOURCE}")
    try:
        for place, choice in enumerate(choices):
            yield _item(f"{topic}-{place}", topic, choice, {form: rows[form][place] for form in FORMS})
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"the topic {topic!r} under {root} is not PrefEval's: {type(error).__name__} {error}") from error


def _item(name: str, topic: str, choice: Mapping[str, Any], row: Mapping[str, Mapping[str, Any]]) -> Item:
    chosen, talk = row["choice"]["conversation"], row["persona"]["conversation"]
    turns = [
        part for number in sorted(talk, key=int) for part in (("user", talk[number]["user"]), ("assistant", talk[number]["assistant"]))
    ]
    pairs = {
        "explicit": [("", row["explicit"]["preference"])],
        "choice": [("", chosen["query"]), (chosen["assistant_options"], chosen["user_selection"])],
        "persona": _own(turns),
    }
    said = {form: tuple(Record(b, own, place, f"{name}:{place}") for place, (b, own) in enumerate(pairs[form])) for form in FORMS}
    telling = {
        "explicit": (said["explicit"][0].id, said["explicit"][0].answer),
        "choice": (said["choice"][1].id, said["choice"][1].answer),
    }
    if found := _given_away(row["persona"]["preference"], said["persona"]):
        telling["persona"] = found
    return Item(name, topic, choice["question"], tuple(choice["classification_task_options"]), said, telling)


def _given_away(preference: str, said: Sequence[Record]) -> tuple[str, str] | None:
    """The turn and the sentence that share most of the preference's longer words; of equals one that speaks of a taste, then the first."""
    meant = set(_WORD.findall(preference.lower()))
    sentences = [(record.id, sentence) for record in said for sentence in _SENTENCE.split(record.answer)]
    shared = [len(meant & set(_WORD.findall(sentence.lower()))) for _, sentence in sentences]
    worth = [
        (count + bool(_TASTE.search(sentence)), -place) if count else (0, 0)
        for place, (count, (_, sentence)) in enumerate(zip(shared, sentences, strict=True))
    ]
    best = max(range(len(sentences)), key=worth.__getitem__, default=0)
    return sentences[best] if any(shared) else None
