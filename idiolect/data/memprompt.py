"""MemPrompt's streams: a person asks for things in wordings of their own, and says what they meant when they are misunderstood.

Madaan, Tandon, Clark, Yang. Memory-assisted prompt editing to improve GPT-3 after deployment. EMNLP 2022, arXiv:2201.06009.

A task names its wording by a number, and the files hold the wordings but not their numbers: here they are numbered in the order of
the alphabet, kind by kind. What is asked for does not change by it. The fourth kind of person (`synthetic_gpt3`) is left out: its
wordings are in none of the files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from idiolect.data.published import read_lines
from idiolect.errors import DataError

SOURCE = "github.com/madaan/memprompt, folders data and tasks"
PEOPLE: Mapping[str, str] = {"linguistic": "all", "hin": "hin", "pun": "pun"}  # folder of tasks -> file of wordings, in data/sim
INTENTS: Mapping[str, str] = {"syn": "a synonym", "ant": "an antonym", "hom": "a homonym", "defn": "a definition", "sent": "a sentence"}
_WORD = re.compile(r"<.*?>")


@dataclass(frozen=True)
class Step:
    """One question of a stream: its words, its wording without the word asked about, and what is meant (of INTENTS)."""

    question: str
    wording: str
    intent: str

    @property
    def clarification(self) -> str:
        """What the person says when they are misunderstood: it names the wording and the intent, and not the word."""
        return f'When I ask "{self.wording}", I want {self.intent}.'


def read(folder: Path | str, size: int = 300) -> dict[str, list[Step]]:
    """The stream of `size` questions (100, 300 or 1000) of each person. Raises DataError."""
    return {person: _stream(Path(folder), person, size) for person in PEOPLE}


def _stream(folder: Path, person: str, size: int) -> list[Step]:
    wordings = _wordings(read_lines(folder / "data" / "sim" / f"{PEOPLE[person]}.jsonl", SOURCE))
    file = folder / "tasks" / person / f"tasks_{size}.jsonl"
    try:
        return [_step(task, wordings) for task in read_lines(file, SOURCE)]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise DataError(f"{file} is not MemPrompt's: {type(error).__name__} {error}; get it from {SOURCE}") from error


def _wordings(questions: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for one in questions:
        found[one["type"]].add(_WORD.sub("< >", one["ques"]))
    return {kind: sorted(wordings) for kind, wordings in found.items()}


def _step(task: Mapping[str, Any], wordings: Mapping[str, Sequence[str]]) -> Step:
    kind, meta = task["type"], task["meta"]
    wording = wordings[kind][int(task["template_id"].removeprefix(kind))]
    word = meta.get("word1") or meta["word"]
    return Step(wording.replace("< >", f"< {word} >"), wording.replace("< >", "...").strip(" ?"), INTENTS[kind])
