"""What a person wishes: consent, sliders, how single records and facts are handled; under their own key, and gone when they are."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from sqlalchemy import Column, Connection, ForeignKey, Index, String, Table, bindparam, delete, insert, select

from idiolect.store import rows, schema, sealing
from idiolect.store.schema import AnyText, Key, Sessions
from idiolect.types import KINDS, Fact, digest

Sensitivity = Literal["allowed", "local", "never"]  # sent to any model, to those of this machine alone, to none
SENSITIVITIES: tuple[Sensitivity, ...] = get_args(Sensitivity)
CONVERSATION = "conversation"  # questions of a chat, kept as the person's own words
CONSENTED: Mapping[str, bool] = {**dict.fromkeys(KINDS, True), CONVERSATION: False}  # where nothing was said

wishes = Table(
    "wishes",
    schema.metadata,
    Column("key", Key, primary_key=True),
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("about", String, nullable=False),  # consent, method, slider, record, fact, gone
    Column("name", AnyText, nullable=False),  # a kind of data, a method, a slider, the id of a record or a fact
    Column("value", AnyText, nullable=False),  # as JSON
    Index("wishes_of", "user"),
)


@dataclass(frozen=True, slots=True)
class Handling:
    """How a record or a fact is handled: which models it may be sent to, and whether it is always told first."""

    sensitivity: Sensitivity = "allowed"
    pinned: bool = False

    def reaches(self, local: bool) -> bool:
        """Whether it may be sent to a model that is on this machine, or is not."""
        return self.sensitivity == "allowed" or (self.sensitivity == "local" and local)


PLAIN = Handling()


@dataclass(frozen=True, slots=True)
class Noted:
    """A fact that stands by itself, whatever is learnt: put in or put right by the person, or brought along from elsewhere.

    `source`: "added", "edited" (its text put right), "kept" (found in records, and handled otherwise since), or where it came from.
    """

    id: str
    text: str
    since: float
    source: str
    sources: tuple[str, ...] = ()  # ids of the records that it stood in
    kind: str = "fact"
    key: str = ""
    handling: Handling = PLAIN

    @property
    def own(self) -> bool:
        """Whether the person's own records gave it: what it says of them hangs on the consent to those."""
        return self.source in ("edited", "kept")

    def fact(self) -> Fact:
        """As a fact; it names itself as its source."""
        return Fact(self.text, (self.id,), self.since, kind=self.kind, key=self.key)


@dataclass(frozen=True, slots=True)
class Gone:
    """What is not to be told, and not to be learnt: a text, in records no later than `until`; `instead` is the fact in its place."""

    text: str
    sources: tuple[str, ...] = ()
    until: float = math.inf
    instead: str = ""

    @property
    def never(self) -> bool:
        """Whether it is not to be told at all, whoever says it."""
        return self.until == math.inf and not self.instead

    @property
    def id(self) -> str:
        """Names the text."""
        return digest("gone", self.text)


@dataclass(frozen=True)
class Wished:
    """All that a person wishes; of somebody who said nothing, what holds then."""

    consent: Mapping[str, bool] = field(default_factory=dict)  # kinds of data, where they said something
    methods: Mapping[str, bool] = field(default_factory=dict)
    sliders: Mapping[str, float] = field(default_factory=dict)
    records: Mapping[str, Handling] = field(default_factory=dict)
    facts: tuple[Noted, ...] = ()
    gone: tuple[Gone, ...] = ()

    def allows(self, kind: str) -> bool:
        """Whether data of a kind may be kept and learnt from."""
        return self.consent.get(kind, CONSENTED.get(kind, True))

    @property
    def conversation(self) -> bool:
        """Whether questions of a chat may be kept as their own words."""
        return self.allows(CONVERSATION) and self.allows("message")

    def fact(self, fact_id: str) -> Noted | None:
        """The fact of this id that stands by itself."""
        return next((one for one in self.facts if one.id == fact_id), None)

    def allows_method(self, method: str) -> bool:
        """Whether a method may be used for them."""
        return self.methods.get(method, True)

    def handling(self, record_id: str) -> Handling:
        """How a record is handled."""
        return self.records.get(record_id, PLAIN)


Change = tuple[str, str, Any]  # about, name, and what is kept; None: nothing any more


def noted(one: Noted) -> Change:
    """A fact to keep."""
    return "fact", one.id, asdict(one)


def gone(one: Gone) -> Change:
    """A text that is not to be told."""
    kept = asdict(one)
    return "gone", one.id, {name: value for name, value in kept.items() if value != math.inf}


def handled(record_id: str, how: Handling) -> Change:
    """How a record is handled."""
    return "record", record_id, None if how == PLAIN else asdict(how)


def changes(wished: Wished) -> list[Change]:
    """What puts all of these wishes in their place again."""
    said: list[Change] = [("consent", *one) for one in wished.consent.items()]
    said += [("method", *one) for one in wished.methods.items()]
    said += [("slider", *one) for one in wished.sliders.items()]
    said += [handled(*one) for one in wished.records.items()]
    return [*said, *map(noted, wished.facts), *map(gone, wished.gone)]


class Wishes:
    """The wishes of a store's people. Each change grows their version: whoever holds what follows from them looks again."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def of(self, user_id: str) -> Wished:
        """A person's wishes; of somebody unknown, those of who said nothing. Raises StoreError."""
        c = wishes.c
        asked = select(c.about, c.name, c.value).join(schema.users).where(schema.users.c.id == user_id)
        with self._sessions("BEGIN") as db:
            return read((row.about, row.name, json.loads(row.value)) for row in db.execute(asked.order_by(c.key)))

    def put(self, user_id: str, said: Sequence[Change]) -> None:
        """Keep wishes of a person, who becomes known by it, each in place of what was said about the same. Raises StoreError."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            user = rows.make(db, user_id)
            _put(db, user, said)
            rows.touch(db, user)

    def forget(self, user_id: str, ids: Collection[str], edited: bool = False) -> None:
        """What was made of records of these ids goes, as `forget` below says; of somebody unknown there is nothing."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            user = rows.held(db, user_id)
            if user is not None:
                forget(db, user, ids, edited)
                rows.touch(db, user)


def read(kept: Iterator[Change]) -> Wished:
    """Wishes, from what is kept."""
    said: dict[str, dict[str, Any]] = {}
    for about, name, value in kept:
        said.setdefault(about, {})[name] = value
    return Wished(
        said.get("consent", {}),
        said.get("method", {}),
        said.get("slider", {}),
        {name: Handling(**value) for name, value in said.get("record", {}).items()},
        tuple(noted_from(value) for value in said.get("fact", {}).values()),
        tuple(Gone(**{**value, "sources": tuple(value["sources"])}) for value in said.get("gone", {}).values()),
    )


def texts(db: Connection, user: int | None) -> set[str]:
    """What a person's wishes say in words: what an erasure must look for."""
    found = db.execute(select(wishes.c.name, wishes.c.value).where(wishes.c.user == user, wishes.c.about.in_(("fact", "gone"))))
    return {text for row in found for text in (row.name, json.loads(row.value)["text"])}


def forget(db: Connection, user: int, ids: Collection[str], edited: bool = False) -> None:
    """What was made of these records of a person goes, in a writing transaction: how they were handled, and what stood in them alone.

    With `edited` the records stay, in other words: how they are handled, and facts that were put right by hand, stay too.
    """
    c = wishes.c
    found = db.execute(select(c.about, c.name, c.value).where(c.user == user).order_by(c.key)).all()
    wished, said = read((row.about, row.name, json.loads(row.value)) for row in found), list[Change]()
    if not edited:
        said += [("record", one, None) for one in wished.records if one in ids]
    said += [("gone", one.id, None) for one in wished.gone if one.sources and set(one.sources) <= set(ids)]
    for one in wished.facts:
        left = tuple(source for source in one.sources if source not in ids)
        if one.sources and not left and not (edited and one.source == "edited"):
            said.append(("fact", one.id, None))
        elif left != one.sources and not edited:
            said.append(noted(replace(one, sources=left)))
    _put(db, user, said)


def _put(db: Connection, user: int, said: Sequence[Change]) -> None:
    latest = {(about, name): value for about, name, value in said}
    c = wishes.c
    there = db.execute(select(c.key, c.about, c.name).where(c.user == user, c.about.in_({about for about, _ in latest})))
    old = [{"old": row.key} for row in there if (row.about, row.name) in latest]
    kept = sealing.texts(db, user)
    new = [_row(user, about, kept(name), kept(_json(value))) for (about, name), value in latest.items() if value is not None]
    if old:
        db.execute(delete(wishes).where(c.key == bindparam("old")), old)
    if new:
        db.execute(insert(wishes), new)


def _row(user: int, about: str, name: Any, value: Any) -> dict[str, Any]:
    return {"user": user, "about": about, "name": name, "value": value}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def noted_from(value: Mapping[str, Any]) -> Noted:
    """The fact that `noted` took apart. Raises KeyError or TypeError where something is missing or unknown."""
    return Noted(**{**value, "sources": tuple(value["sources"]), "handling": Handling(**value["handling"])})
