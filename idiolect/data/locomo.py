"""LoCoMo: very long conversations of two people, and questions with the turns that answer them.

Maharana, Lee, Tulyakov, Bansal, Barbieri, Fang. Evaluating Very Long-Term Conversational Memory of LLM Agents. ACL 2024,
arXiv:2402.17753. What the two said to each other both know, so a conversation is one history, and each record names its speaker;
nothing of one conversation is in another's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from idiolect.data.published import read_json
from idiolect.errors import DataError
from idiolect.types import History, Record, User

FILE = "locomo10.json"
SOURCE = "github.com/snap-research/locomo, folder data"
CATEGORIES: Mapping[int, str] = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
ADVERSARIAL = 5  # asks one of the two what is true of the other; its evidence is where the other says so
_WHEN = "%I:%M %p on %d %B, %Y"
_TURN = re.compile(r"D:?(\d+):(\d+)")


@dataclass(frozen=True)
class Question:
    """What is asked of a conversation, the right answer ("" where there is none), and the ids of the turns that hold it."""

    text: str
    answer: str
    evidence: tuple[str, ...]
    category: int


@dataclass(frozen=True)
class Conversation:
    """All that two people said to each other, as one history whose record ids are the turns', and what is asked about it."""

    user: User
    questions: tuple[Question, ...]


def read(path: Path | str, context: bool = True) -> list[Conversation]:
    """The conversations in `locomo10.json` or the folder that holds it. Raises DataError.

    A record is a turn: "NAME, 8 May 2023: what was said [photo: its caption]". With `context` its prompt is the
    turn before it in the session, and it is found by both.
    """
    file = Path(path) / FILE if Path(path).is_dir() else Path(path)
    return [_conversation(one, context, file) for one in read_json(file, list, SOURCE)]


def _conversation(one: Mapping[str, Any], context: bool, file: Path) -> Conversation:
    try:
        name, talk, asked = one["sample_id"], one["conversation"], one["qa"]
        user = User(name, History(_records(name, talk, context)))
        known = {record.id for record in user.records}
        return Conversation(user, tuple(_question(name, question, known) for question in asked))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{file} is not LoCoMo's: {type(error).__name__} {error}; get it from {SOURCE}") from error


def _records(name: str, talk: Mapping[str, Any], context: bool) -> Iterator[Record]:
    numbers = sorted(int(key.removeprefix("session_")) for key, value in talk.items() if isinstance(value, list))
    for number in numbers:
        start = datetime.strptime(talk[f"session_{number}_date_time"], _WHEN).replace(tzinfo=UTC)
        day, before = f"{start.day} {start:%B %Y}", ""
        for place, turn in enumerate(talk[f"session_{number}"]):
            said = f"{turn['text']} [photo: {turn['blip_caption']}]" if turn.get("blip_caption") else turn["text"]
            said = f"{turn['speaker']}, {day}: {said}"
            yield Record(before if context else "", said, start.timestamp() + place, f"{name}:{turn['dia_id']}")
            before = said


def _question(name: str, question: Mapping[str, Any], known: set[str]) -> Question:
    """Evidence is as the file writes it, several turns in one text, a stray colon or zero; turns that are not there go."""
    named = [f"{name}:D{int(day)}:{int(turn)}" for text in question["evidence"] for day, turn in _TURN.findall(text)]
    evidence = tuple(one for one in dict.fromkeys(named) if one in known)
    return Question(question["question"], str(question.get("answer") or ""), evidence, question["category"])
