"""A person's records over HTTP: kept, listed, found, put right, taken away."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from idiolect.serve import idempotent, keeping, leaving, listed
from idiolect.serve.desk import Desk
from idiolect.serve.keeping import Draft, Kept
from idiolect.serve.listed import PAGE, After, Limit
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Whose
from idiolect.store import Receipt
from idiolect.store.paging import Placed
from idiolect.store.wishes import Handling, Sensitivity, Wished
from idiolect.types import Kind, Record

router = APIRouter(prefix="/v1/users/{user}/records", tags=["People"], route_class=Quoted, default_response_class=Ascii)
LONGEST = 1_000_000  # characters of a text
Words = Annotated[str, Field(max_length=LONGEST)]


class NewRecord(BaseModel):
    """Something that happened: `answer` is the person's, `prompt` is what it answered, `other` the reply or the draft it is about."""

    model_config = ConfigDict(extra="forbid")

    answer: Words = Field(min_length=1)
    prompt: Words = ""
    other: Words = ""
    kind: Kind = "message"
    time: float | None = Field(None, allow_inf_nan=False, description="POSIX seconds; left out: now.")
    id: str = Field("", max_length=512, description="Left out: made here. One that is known is not kept twice.")
    sensitivity: Sensitivity = "allowed"
    pinned: bool = False

    def draft(self) -> Draft:
        """As it is kept."""
        return Draft(self.answer, self.prompt, self.other, self.kind, self.time, self.id, Handling(self.sensitivity, self.pinned))


class NewRecords(BaseModel):
    """Up to 1,000 records, kept all or none."""

    model_config = ConfigDict(extra="forbid")

    records: list[NewRecord] = Field(min_length=1, max_length=keeping.MOST)


def _which(body: Any) -> str:
    return "several" if isinstance(body, NewRecords) or (isinstance(body, dict) and "records" in body) else "one"


OneOrMore = Annotated[Annotated[NewRecord, Tag("one")] | Annotated[NewRecords, Tag("several")], Discriminator(_which)]


class Handled(BaseModel):
    """How a record or a fact is to be handled from now on; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    sensitivity: Sensitivity | None = None
    pinned: bool | None = None

    def handling(self, before: Handling) -> Handling:
        """How it is to be handled."""
        sensitivity = before.sensitivity if self.sensitivity is None else self.sensitivity
        return Handling(sensitivity, before.pinned if self.pinned is None else self.pinned)


class Change(Handled):
    """What is to be otherwise; what is left out stays."""

    answer: Annotated[str, Field(min_length=1, max_length=LONGEST)] | None = None
    prompt: Words | None = None
    other: Words | None = None

    def texts(self) -> dict[str, str]:
        """The texts that are to be otherwise."""
        said = {"answer": self.answer, "prompt": self.prompt, "other": self.other}
        return {name: text for name, text in said.items() if text is not None}


@router.post("")
async def keep(body: OneOrMore, whose: Whose, http: Request) -> dict[str, Any]:
    """Keep what happened: one record, or several under `records`. On the disk, and in the next answer, when this returns.

    What is there already is not kept again, and its id is given: by its id, or, where it comes with neither an id nor a time, by its
    words, the same or nearly the same. 409 for a kind of data that the person did not consent to.
    """
    drafts = [one.draft() for one in (body.records if isinstance(body, NewRecords) else [body])]
    once = idempotent.of(http)
    made: list[Kept] = await whose.run(keeping.add, drafts, once.record_id)
    await whose.note("records.add", records=sum(one.new for one in made))
    if all(one.new and not one.given for one in made):
        once.keep(_kept(made), whose.key)
    return _kept(made)


def _kept(made: list[Kept]) -> dict[str, Any]:
    told = [{"object": "record", "id": one.id, "new": one.new} for one in made]
    return {"object": "list", "data": told, "new": sum(one.new for one in made)}


@router.get("")
async def records(whose: Whose, kind: Annotated[list[Kind], Query()] = [], limit: Limit = PAGE, after: After = None) -> dict[str, Any]:  # noqa: B006
    """A person's records, those that came last first; only of some kinds where `kind` is given, once or more."""
    await whose.known()
    found, wished = await whose.run(_page, listed.place(after) if after else None, limit + 1, kind)
    await whose.note("records.read", records=min(limit, len(found)))
    return listed.page(found, limit, lambda one: str(one.place), lambda one: shown(one.record, wished))


def _page(desk: Desk, key: str, before: int | None, count: int, kinds: list[Kind]) -> tuple[list[Placed], Wished]:
    return desk.pages.records(key, before, count, kinds), desk.of(key).wished


@router.get("/search")
async def search(whose: Whose, q: Annotated[str, Query(min_length=1, max_length=10_000)], limit: Limit = 10) -> dict[str, Any]:
    """The records nearest to `q`, best first: by their words, and by vectors too where the server has an embedder."""
    await whose.known()
    found, wished = await whose.run(_found, q, limit)
    await whose.note("records.search", records=len(found))
    return {"object": "list", "data": [shown(record, wished) for record in found], "has_more": False, "next": None}


def _found(desk: Desk, key: str, query: str, k: int) -> tuple[list[Record], Wished]:
    return keeping.search(desk, key, query, k), desk.of(key).wished


@router.get("/{record}")
async def record(record: str, whose: Whose) -> dict[str, Any]:
    """One record."""
    found, wished = await whose.run(_one, record)
    await whose.note("records.read", records=1)
    return shown(found, wished)


def _one(desk: Desk, key: str, record_id: str) -> tuple[Record, Wished]:
    return keeping.one(desk, key, record_id), desk.of(key).wished


@router.patch("/{record}")
async def change(record: str, body: Change, whose: Whose) -> dict[str, Any]:
    """Put a record right, pin it, or say which models it may be sent to. What was learnt of its old words goes with them."""
    await whose.now.answers.written()
    found, wished, receipt = await whose.run(_changed, record, body)
    await whose.note("records.edit", records=1)
    proof = leaving.forgotten(receipt, whose.id, [record]) if receipt else None
    return {**shown(found, wished), "forgotten": proof}


def _changed(desk: Desk, key: str, record_id: str, body: Change) -> tuple[Record, Wished, Receipt | None]:
    before = desk.of(key).wished.handling(record_id)
    receipt = keeping.edit(desk, key, record_id, body.texts(), body.handling(before))
    return keeping.one(desk, key, record_id), desk.of(key).wished, receipt


@router.delete("/{record}")
async def delete(record: str, whose: Whose) -> dict[str, Any]:
    """Take a record away, with everything that was learnt of it: a receipt says what, and that a search of all bytes found nothing."""
    await whose.now.answers.written()
    receipt: Receipt = await whose.run(_deleted, record)
    await whose.note("records.forget", records=1)
    return leaving.forgotten(receipt, whose.id, [record])


def _deleted(desk: Desk, key: str, record_id: str) -> Receipt:
    return keeping.forget(desk, key, [keeping.one(desk, key, record_id).id])


def shown(record: Record, wished: Wished) -> dict[str, Any]:
    """A record as it is told over HTTP."""
    how = wished.handling(record.id)
    said = {"object": "record", "id": record.id, "time": record.time, "kind": record.kind, "prompt": record.prompt, "answer": record.answer}
    return {**said, "other": record.other, "sensitivity": how.sensitivity, "pinned": how.pinned}
