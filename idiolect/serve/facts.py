"""What is known of a person, over HTTP: listed with its sources, put in, put right, and never to be remembered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from idiolect.errors import RequestError
from idiolect.serve import idempotent, knowing, listed
from idiolect.serve.desk import Desk
from idiolect.serve.gateway import Gateway
from idiolect.serve.knowing import Known
from idiolect.serve.listed import PAGE, After, Limit
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Whose
from idiolect.serve.records import Handled
from idiolect.store.wishes import Handling, Sensitivity

router = APIRouter(prefix="/v1/users/{user}/facts", tags=["People"], route_class=Quoted, default_response_class=Ascii)
Says = Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S", description="In the person's words, or of them.")]


class NewFact(BaseModel):
    """Something that is to be known of a person, whatever is learnt."""

    model_config = ConfigDict(extra="forbid")

    text: Says
    pinned: bool = Field(True, description="Told before all else, whatever is asked; otherwise where the question is about it.")
    sensitivity: Sensitivity = "allowed"


class FactChange(Handled):
    """What is to be otherwise; what is left out stays."""

    text: Says | None = None


@router.get("")
async def facts(
    whose: Whose,
    ended: Annotated[bool, Query(description="Also what does not hold any more.")] = False,
    limit: Limit = PAGE,
    after: After = None,
) -> dict[str, Any]:
    """What is known of a person, the latest first: what it says, which records it comes from, since when and until when it holds."""
    await whose.known()
    found = await whose.run(_known, whose.now.gateway, ended)
    start = _behind(found, listed.read(after)) if after else 0
    await whose.note("facts.read", facts=len(found))
    return listed.page(found[start : start + limit + 1], limit, _cursor, _shown)


def _known(desk: Desk, key: str, gateway: Gateway, ended: bool) -> list[Known]:
    return knowing.known(desk, gateway, key, ended)


def _cursor(one: Known) -> str:
    return f"{one.fact.since!r} {one.id}"


def _behind(found: list[Known], cursor: str) -> int:
    """The place of the first fact behind the one that a cursor names, be it there or not any more. Raises RequestError."""
    since, _, name = cursor.partition(" ")
    try:
        edge = (-float(since), name)
    except ValueError:
        raise RequestError(f"{cursor[:60]!r} is no cursor of this list: give the `next` of the page before, or leave it out") from None
    return next((place for place, one in enumerate(found) if (-one.fact.since, one.id) > edge), len(found))


def _shown(one: Known) -> dict[str, Any]:
    return {"object": "fact", **one.as_json()}


@router.post("")
async def add(body: NewFact, whose: Whose, http: Request) -> dict[str, Any]:
    """Put in a fact by hand, pinned where nothing else is said: it is told before all else, whatever is learnt.

    What says the same as one that was put in before is that one. 409 where the person did not consent to corrections.
    """
    once = idempotent.of(http)
    how = Handling(body.sensitivity, body.pinned)
    fact_id, new = await whose.run(knowing.add, body.text, how, once.record_id() or "")
    await whose.note("facts.add", facts=int(new))
    once.keep({"object": "fact", "id": fact_id, "new": new}, whose.key)
    return {"object": "fact", "id": fact_id, "new": new}


@router.get("/{fact}")
async def fact(fact: str, whose: Whose) -> dict[str, Any]:
    """One fact."""
    found = await _found(whose, fact)
    await whose.note("facts.read", facts=1)
    return _shown(found)


@router.patch("/{fact}")
async def change(fact: str, body: FactChange, whose: Whose) -> dict[str, Any]:
    """Put a fact right: the old reading is told no more, the new one is. Or pin it, or say which models it may be sent to.

    From then on it stands by itself under the id that is given, with the records that it was read in as its sources.
    """
    before = (await _found(whose, fact)).handling
    now = await whose.run(_changed, whose.now.gateway, fact, body.text, body.handling(before))
    await whose.note("facts.edit", facts=1)
    return _shown(await _found(whose, now))


def _changed(desk: Desk, key: str, gateway: Gateway, fact_id: str, text: str | None, how: Handling) -> str:
    return knowing.edit(desk, gateway, key, fact_id, text, how)


@router.delete("/{fact}")
async def never(fact: str, whose: Whose) -> dict[str, Any]:
    """Never remember this: it is not read again in the same records or in others, and what says it is not told.

    The records stay as they are; to take those away too, DELETE them.
    """
    await whose.run(_forgotten, whose.now.gateway, fact)
    await whose.note("facts.forget", facts=1)
    return {"object": "fact", "id": fact, "deleted": True}


def _forgotten(desk: Desk, key: str, gateway: Gateway, fact_id: str) -> None:
    knowing.forget(desk, gateway, key, fact_id)


async def _found(whose: Whose, fact_id: str) -> Known:
    return await whose.run(_one, whose.now.gateway, fact_id)


def _one(desk: Desk, key: str, gateway: Gateway, fact_id: str) -> Known:
    return knowing.one(desk, gateway, key, fact_id)
