"""What a person teaches by correcting: general statements, of which a later one takes the place of the one it corrects."""

from __future__ import annotations

import re
from collections.abc import Iterable

from idiolect.facts.keep import remember
from idiolect.retrieval.content import content
from idiolect.types import Fact, Record

TAUGHT = "taught"  # the kind of such facts
_REPROACH = re.compile(
    r"^(?:(?:oh|no|nope|well|sorry|but|actually|wrong|incorrect|not true|that(?:['\u2019]s| is) (?:wrong|not true|not right|incorrect)|"
    r"nein|doch|falsch|non|faux|eso no|falso|sbagliato|errado|nee|fout)\s*[,.:;!\u2013-]+\s*)+",
    re.IGNORECASE,
)


def statement(text: str) -> str:
    """What a correction states, without the "No, that's wrong:" before it; spaces folded."""
    whole = " ".join(text.split())
    return _REPROACH.sub("", whole) or whole


def taught(records: Iterable[Record]) -> tuple[Fact, ...]:
    """The statements of corrections, a fact for each, those that no longer hold with their end; `keep.current` has the others.

    A statement takes the place of an earlier one that has the same words but for function words and negations ("squirrels are not
    birds"), or that the corrected reply (`Record.other`) repeated, where both have half of its words in common.
    """
    holding: dict[str, tuple[str, ...]] = {}
    made: list[Fact] = []
    for record in sorted(records, key=lambda record: record.time):
        text = statement(record.answer)
        says = tuple(content(text))
        if says:
            key = _corrected(says, set(content(record.other)), holding) or " ".join(says)
            holding[key] = says
            made.append(Fact(text, (record.id,), record.time, kind=TAUGHT, key=key))
    return remember((), made)


def _corrected(says: tuple[str, ...], reply: set[str], holding: dict[str, tuple[str, ...]]) -> str:
    """The key of the statement whose place is taken, the latest first; "" for none."""
    for key, old in reversed(holding.items()):
        before, now = set(old), set(says)
        restated = before <= reply and 2 * len(before & now) >= len(before) and not before <= now
        if old == says or restated:
            return key
    return ""
