"""A model as one reader's reviewer: their earlier scores or choices in words, the question how they would judge, and the answer read.

After Wang, Yang, Zhu, Yang, Cohen, Li, Tian. Learning Personalized Alignment for Evaluating Open-ended Text Generation. EMNLP 2024,
arXiv:2310.03304. An answer that cannot be read is None: who drops it counts only what was easy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from idiolect.data.splits import is_number
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.types import Record, Request, ask, digest
from idiolect.wording import clip

SCORED = "How the same reader scored replies before, oldest first:"
CHOSE = "Which of two replies the same reader chose before, oldest first:"
SCORE = (
    "{matter}\n\nHow would this reader score this reply, from {low:g} to {high:g}? "
    'Answer in JSON, a short review and the score: {{"review": "...", "score": ...}}'
)
CHOICE = "{matter}\n\nWhich of the two would this reader choose? Just answer with A or B."
QUESTION_WORDS, REPLY_WORDS = 40, 80
_NUMBER = re.compile(r"(?<![\w.,-])-?\d+(?:[.,]\d+)?(?![\w%])(?!\s*(?:/|of\b|to\b))")
_SCORE = re.compile(r'"?\bscore"?\s*[:=]?\s*"?(-?\d+(?:[.,]\d+)?)', re.IGNORECASE)
_LETTER = re.compile(r"\b([AB])\b")


def scoring(question: str, reply: str, history: Sequence[Record], scale: tuple[float, float], lm: LM, tokens: int = 48) -> Request:
    """What asks for a reader's score of a reply; no history: for anybody's. What is asked for is never told in the history."""
    asked = ask(SCORE.format(matter=_matter(question, reply), low=scale[0], high=scale[1]), max_tokens=tokens)
    known = [record for record in history if (record.prompt, record.other) != (question, reply)]
    return build(asked, [quoted(known, SCORED, _scored)], lm)


def choosing(question: str, first: str, second: str, history: Sequence[Record], lm: LM, tokens: int = 4) -> Request:
    """What asks which of two replies a reader would choose, A the `first`; what is asked for is never told in the history."""
    asked = ask(CHOICE.format(matter=_both(question, first, second)), max_tokens=tokens)
    pair = {first, second}
    known = [record for record in history if record.prompt != question or {record.answer, record.other} != pair]
    return build(asked, [quoted(known, CHOSE, _chosen)], lm)


def read_score(said: str, scale: tuple[float, float]) -> float | None:
    """The score in an answer: of its JSON, or after the word, or its only number; None where it is none, or not on the scale."""
    found = _in_json(said)
    if found is None:
        named, numbers = _SCORE.findall(said), _NUMBER.findall(said)
        found = named[-1] if named else numbers[0] if len(numbers) == 1 else None
    if found is None or not is_number(found.replace(",", ".")):
        return None
    value = float(found.replace(",", "."))
    return value if scale[0] <= value <= scale[1] else None  # NaN is on no scale


def read_choice(said: str) -> str | None:
    """ "A" or "B" where an answer names one of them, and not both; else None."""
    letters = set(_LETTER.findall(said))
    return letters.pop() if len(letters) == 1 else None


def _in_json(said: str) -> str | None:
    for found in re.findall(r"\{[^{}]*\}", said):
        try:
            held = json.loads(found)
        except ValueError:
            continue
        if isinstance(held, dict) and isinstance(held.get("score"), int | float | str) and not isinstance(held["score"], bool):
            return str(held["score"])
    return None


def _matter(question: str, reply: str) -> str:
    return f"Question: {clip(question, QUESTION_WORDS)}\nReply: {clip(reply, REPLY_WORDS)}"


def _both(question: str, first: str, second: str) -> str:
    return f"Question: {clip(question, QUESTION_WORDS)}\nA: {clip(first, REPLY_WORDS)}\nB: {clip(second, REPLY_WORDS)}"


def _scored(record: Record) -> str:
    return f"{_matter(record.prompt, record.other)}\nScore: {record.answer}"


def _chosen(record: Record) -> str:
    """A choice, the one taken first or second by a hash: always first, it would teach to say A."""
    first = int(digest("first", record.id), 16) % 2 == 0
    pair = (record.answer, record.other) if first else (record.other, record.answer)
    return f"{_both(record.prompt, *pair)}\nChose: {'A' if first else 'B'}"
