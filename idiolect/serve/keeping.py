"""A person's records as the server keeps them: what comes is checked against consent and for repetitions; put right, taken away, found."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from idiolect.facts.keep import folded, says_the_same
from idiolect.retrieval.bm25 import words
from idiolect.serve.desk import Desk
from idiolect.serve.faults import Conflict, NotFound
from idiolect.store import Receipt
from idiolect.store.wishes import PLAIN, Change, Handling, handled
from idiolect.types import Kind, Record

LATEST = 200  # records of a kind, the last that came, among which one in nearly the same words is looked for
MOST = 1000  # records in one request


@dataclass(frozen=True, slots=True)
class Draft:
    """A record as it comes: without a time it is of now, without an id it gets one."""

    answer: str
    prompt: str = ""
    other: str = ""
    kind: Kind = "message"
    time: float | None = None
    id: str = ""
    handling: Handling = PLAIN


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of a draft: the id of the record that says it, and whether it is new. `given`: whether the caller chose the id."""

    id: str
    new: bool
    given: bool


def add(desk: Desk, key: str, drafts: Sequence[Draft], named: Callable[[int], str | None] = lambda index: None) -> list[Kept]:
    """Keep records of a person, all or none, on the disk when this returns; those that are there already are not kept again.

    There already is what has the same id, and of what comes with neither an id nor a time, what says the same of the same kind in
    answer to the same: in the same words, or in nearly the same among the last LATEST. `named` gives an id for the nth that has none.
    Raises Conflict for a kind the person did not consent to, and for an id under which something else is kept; StoreError.
    """
    _refuse(desk, key, drafts)
    now = time.time()
    records = [_record(draft, named(index), now + index * 1e-6) for index, draft in enumerate(drafts)]
    there = desk.pages.named(key, [record.id for record in records])
    made: list[Kept] = []
    new: dict[str, Record] = {}
    lately = _Lately(desk, key)
    for draft, record in zip(drafts, records, strict=True):
        known = there.get(record.id) or new.get(record.id)
        if known is not None and not _same(draft, known):
            raise Conflict(f"the record {record.id!r} is kept already, and says something else: PATCH it, or give this one another id")
        same = record.id if known is not None else lately.find(record) if draft.time is None and not draft.id else None
        if same is None:
            new[record.id] = record
            lately.put(record)
        made.append(Kept(same or record.id, same is None, bool(draft.id)))
    marks: list[Change] = [
        handled(one.id, draft.handling) for one, draft in zip(made, drafts, strict=True) if one.new and draft.handling != PLAIN
    ]
    if marks:
        desk.wishes.put(key, marks)  # first: nobody may be told a record before it is known how it is to be handled
    desk.store.add(key, new.values())
    return made


def refuse(desk: Desk, key: str, kind: str) -> None:
    """Raises Conflict where a person did not consent to data of a kind."""
    if not desk.consented(key, kind):
        raise Conflict(
            f"the person did not consent to data of the kind {kind!r}: nothing was kept; /v1/users/ID/consent says what they allow"
        )


def _refuse(desk: Desk, key: str, drafts: Sequence[Draft]) -> None:
    for kind in dict.fromkeys(draft.kind for draft in drafts):
        refuse(desk, key, kind)


def edit(desk: Desk, key: str, record_id: str, changes: dict[str, Any], how: Handling | None = None) -> Receipt | None:
    """Put a record right, and handle it otherwise; the receipt of what was forgotten with its old words, None where they stay.

    Raises NotFound, StoreError.
    """
    old = one(desk, key, record_id)
    receipt = None
    if how is not None and how != desk.of(key).wished.handling(record_id):
        before = desk.of(key).wished.handling(record_id)
        desk.say(key, [handled(record_id, how)], unlearn=how.sensitivity != before.sensitivity)
    new = replace(old, **changes)
    if new != old:
        desk.wishes.forget(key, [record_id], edited=True)
        with desk.again(key):
            receipt = desk.store.edit(key, new)
    return receipt


def forget(desk: Desk, key: str, ids: Collection[str]) -> Receipt:
    """Take records away, with all that was learnt of them, the replies made of them, and how they were handled. Raises StoreError."""
    desk.wishes.forget(key, ids)
    with desk.again(key):
        return desk.store.forget(key, ids)


def one(desk: Desk, key: str, record_id: str) -> Record:
    """A record of a person. Raises NotFound."""
    found = desk.pages.named(key, [record_id]).get(record_id)
    if found is None:
        raise NotFound(f"there is no record {record_id!r}; GET /v1/users/ID/records lists those there are")
    return found


def search(desk: Desk, key: str, query: str, k: int) -> list[Record]:
    """The records of a person nearest to a text: by words, those that share one with it, and by vectors where there is an embedder.

    None of somebody unknown. Raises StoreError.
    """
    if desk.store.version(key) is None:
        return []
    found = desk.index.search(key, query, k, "both" if desk.index.embedder else "words")
    asked = set(words(query))
    return found if desk.index.embedder else [record for record in found if asked & set(words(f"{record.prompt} {record.answer}"))]


def _record(draft: Draft, name: str | None, now: float) -> Record:
    stamp = now if draft.time is None else draft.time
    return Record(draft.prompt, draft.answer, stamp, draft.id or name or "", draft.kind, draft.other)


def _same(draft: Draft, known: Record) -> bool:
    """Whether a record that is kept under a draft's id is what the draft says."""
    at = draft.time is None or draft.time == known.time
    return at and (draft.kind, draft.prompt, draft.answer, draft.other) == (known.kind, known.prompt, known.answer, known.other)


class _Lately:
    """A person's last records, kind by kind: read when the first of a kind is looked for."""

    def __init__(self, desk: Desk, key: str) -> None:
        self._desk, self._key = desk, key
        self._kinds: dict[str, list[Record]] = {}

    def find(self, record: Record) -> str | None:
        """The id of a record that says the same."""
        near = (known.id for known in self._of(record.kind) if _repeats(record, known))
        return next(near, None) or self._desk.pages.same(self._key, record)

    def put(self, record: Record) -> None:
        """One more."""
        if record.kind in self._kinds:
            self._kinds[record.kind].append(record)

    def _of(self, kind: str) -> list[Record]:
        if kind not in self._kinds:
            self._kinds[kind] = [placed.record for placed in self._desk.pages.records(self._key, None, LATEST, [kind])]
        return self._kinds[kind]


def _repeats(one: Record, other: Record) -> bool:
    if folded(one.prompt) != folded(other.prompt) or folded(one.other) != folded(other.other):
        return False
    return one.answer == other.answer if one.kind == "rating" else says_the_same(one.answer, other.answer)
