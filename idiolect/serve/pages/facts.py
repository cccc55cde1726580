"""What is known of a person, on their page: with the words that say it, put in, put right, and never to be remembered."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect.serve import facts
from idiolect.serve.desk import Desk
from idiolect.serve.facts import FactChange, NewFact
from idiolect.serve.pages import words
from idiolect.serve.pages.page import Page, parted, shown
from idiolect.serve.pages.records import REACH
from idiolect.serve.person import Person, Whose
from idiolect.store.wishes import Sensitivity
from idiolect.types import Record

router = APIRouter(prefix="/about/{user}/facts", route_class=Page)
AT_ONCE = 100


async def known(whose: Person) -> list[dict[str, Any]]:
    """What is known of a person, each fact with the records that say it."""
    found = (await facts.facts(whose, False, AT_ONCE, None))["data"]
    said = await whose.run(_said, sorted({source for one in found for source in one["sources"]}))
    return [{**one, "records": [said[source] for source in one["sources"] if source in said]} for one in found]


def _said(desk: Desk, key: str, ids: list[str]) -> dict[str, Record]:
    return desk.pages.named(key, ids)


@router.post("")
async def add(http: Request, whose: Whose, text: Annotated[str, Form()]) -> Response:
    """Put in something that is to be known, whatever is learnt."""
    await facts.add(NewFact.model_validate({"text": text}), whose, http)
    return await _told(http, whose, "It is known from now on.")


@router.post("/{fact}")
async def change(
    http: Request,
    whose: Whose,
    fact: str,
    text: Annotated[str, Form()],
    sensitivity: Annotated[Sensitivity, Form()] = "allowed",
    pinned: Annotated[bool, Form()] = False,
) -> Response:
    """Put a fact right, pin it, or say who may read it."""
    before = await facts.fact(fact, whose)
    said = {"text": text} if text != before["text"] else {}
    await facts.change(fact, FactChange(**said, sensitivity=sensitivity, pinned=pinned), whose)
    return await _told(http, whose, "Kept: the next answer knows it so.")


@router.post("/{fact}/never")
async def never(http: Request, whose: Whose, fact: str) -> Response:
    """Never remember this."""
    await facts.never(fact, whose)
    return await _told(http, whose, "It is told no more, and not learnt again, wherever it stands.")


async def _told(http: Request, whose: Person, said: str) -> Response:
    if not parted(http):
        return RedirectResponse(f"{words.about(whose.id)}#facts", 303)
    return shown(http, whose.now, "_facts.html", person=whose.id, facts=await known(whose), reach=REACH, said=said)
