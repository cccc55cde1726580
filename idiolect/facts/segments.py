"""A history in segments, each about one thing: cut by a model, whose cuts are repaired, or without one by gaps and by words.

After Pan, Wu, Jiang and others, On Memory Construction and Retrieval for Personalized Conversational Agents (SeCom), ICLR
2025, arXiv:2502.05589. Whatever cuts, segments put one after another are the history.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from idiolect.errors import RequestError
from idiolect.facts.extract import parsed
from idiolect.models.lm import LM
from idiolect.retrieval.bm25 import words
from idiolect.types import Record, ask
from idiolect.wording import about, clip

WINDOW = 3  # records to a segment where a model's cuts cannot be read
SHOWN = 40  # records a model is shown at once
SHOWN_WORDS = 40  # of each record
LONGEST = 12  # records to a segment that is cut without a model
SHARED = 0.1  # of the words of a record that the segment before it must have for it to belong there
TYPICAL = 6.0  # times the middle gap between records: a longer pause starts a new segment
SEGMENT_TOKENS = 400
SEGMENT = """\
Below are numbered notes in the order they were written. Put notes that follow one another and are about one thing together.
Answer with a JSON list and nothing else. Each entry: {{"first": its first number, "last": its last number}}. Every number \
belongs to exactly one entry.

{notes}"""
CONTINUES = """\
Earlier notes:
{earlier}

New note:
{new}

Is the new note about the same thing as the earlier notes? Answer yes or no."""

Segment = tuple[Record, ...]


def fixed(records: Sequence[Record], size: int = WINDOW) -> list[Segment]:
    """Segments of `size` records, the last with what is left. Raises RequestError for a size under 1."""
    if size < 1:
        raise RequestError(f"a segment has 1 record or more, not {size}")
    return [tuple(records[start : start + size]) for start in range(0, len(records), size)]


def segments(records: Sequence[Record], lm: LM | None = None, longest: int = LONGEST) -> list[Segment]:
    """The records in segments, in order, none lost and none twice; with `lm` as it cuts them, or else by gaps and words.

    A model's cuts are repaired: numbers that are not there are left out, of entries that overlap the earlier start counts, and
    what lies between two entries joins the first. Where no cut can be read, there are segments of WINDOW records.
    """
    if lm is None:
        return _by_words(records, longest)
    shown = [records[start : start + SHOWN] for start in range(0, len(records), SHOWN)]
    replies = lm.generate([ask(SEGMENT.format(notes=_notes(part)), max_tokens=SEGMENT_TOKENS) for part in shown]) if shown else []
    made: list[Segment] = []
    for part, reply in zip(shown, replies, strict=True):
        starts = _starts(reply.text, len(part))
        made += [tuple(part[one:other]) for one, other in pairwise([*starts, len(part)])] if starts else fixed(part)
    return made


def continues(segment: Sequence[Record], record: Record, lm: LM | None = None) -> bool:
    """Whether a new record belongs to the segment before it: as the model says, or else by words."""
    if lm is None:
        return _belongs(set().union(*map(_meant, segment)), _meant(record))
    asked = CONTINUES.format(earlier="\n".join(map(_note, segment)), new=_note(record))
    return bool(re.match(r"\W*yes\b", lm.generate([ask(asked, max_tokens=4)])[0].text, re.IGNORECASE))


def _starts(text: str, count: int) -> list[int]:
    """Where a model lets segments begin, the first at 0; none where its reply says nothing that can be read."""
    firsts = [entry.get("first") for entry in parsed(text) or [] if isinstance(entry, dict)]
    inside = {number - 1 for number in firsts if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= count}
    return sorted(inside | {0}) if inside else []


def _by_words(records: Sequence[Record], longest: int) -> list[Segment]:
    gaps = sorted(later.time - earlier.time for earlier, later in pairwise(records))
    pause = TYPICAL * gaps[len(gaps) // 2] if gaps else 0.0
    made: list[list[Record]] = []
    said: set[str] = set()
    for record in records:
        own = _meant(record)
        goes_on = bool(made) and len(made[-1]) < longest and _belongs(said, own)
        if goes_on and not (pause > 0 and record.time - made[-1][-1].time > pause):
            made[-1].append(record)
            said |= own
        else:
            made.append([record])
            said = set(own)
    return [tuple(segment) for segment in made]


def _belongs(said: Collection[str], own: Collection[str]) -> bool:
    return not own or len(set(said) & set(own)) >= SHARED * len(own)


def _meant(record: Record) -> set[str]:
    return {word for word in words(f"{about(record.prompt)}\n{record.answer}") if len(word) > 3 or not word.isascii()}


def _notes(records: Sequence[Record]) -> str:
    return "\n".join(f"{number}. {_note(record)}" for number, record in enumerate(records, start=1))


def _note(record: Record) -> str:
    return clip(f"{about(record.prompt)} {record.answer}", SHOWN_WORDS)
