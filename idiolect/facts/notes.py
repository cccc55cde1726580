"""What is remembered of a record where every record counts: the facts it states, or else the record itself as a note."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from idiolect.facts.extract import by_rules
from idiolect.facts.keep import FORBIDDEN
from idiolect.facts.telling import forbidden, told
from idiolect.prompt import Section, quoted
from idiolect.types import Fact, History, Record
from idiolect.wording import ANSWER_WORDS, clip

NOTE = "note"  # the kind of a fact that is what a record's answer says, and nothing drawn from it


def notes(record: Record) -> list[Fact]:
    """The facts that rules read in a record, or its answer as a note; none where there are no words."""
    text = clip(record.answer, ANSWER_WORDS)
    return by_rules(record) or ([Fact(text, (record.id,), record.time, kind=NOTE)] if text else [])


def sections(facts: Iterable[Fact], records: History, known: Iterable[Fact] = ()) -> Sequence[Section]:
    """Facts and notes, best first, to be told: facts as they read, notes as records are quoted; none that an order in `known` forbids."""
    may_not, by_id = forbidden(known), {record.id: record for record in records}
    allowed = [fact for fact in facts if fact.kind != FORBIDDEN and not may_not(fact.text)]
    noted = [by_id[fact.sources[-1]] for fact in allowed if fact.kind == NOTE and fact.sources[-1] in by_id]
    return [told(fact for fact in allowed if fact.kind != NOTE), quoted(dict.fromkeys(noted))]
