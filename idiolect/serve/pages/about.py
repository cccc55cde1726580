"""About me: what is known of a person, where it comes from, and everything they can do about it; and their leaving."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect.errors import RequestError
from idiolect.serve import people
from idiolect.serve.here import Now
from idiolect.serve.pages import facts, records, wishes
from idiolect.serve.pages.page import Page, shown
from idiolect.serve.person import Whose, person

router = APIRouter(route_class=Page)
REPLIES = 8  # of their last ones, shown


@router.get("/about")
async def somebody(http: Request, now: Now, user: str = "") -> Response:
    """The caller's own page; of somebody whose id cannot stand in a path, theirs."""
    whom = now.caller.person or user
    if not whom:
        return RedirectResponse("/people", 303)
    return await about(http, await person(whom, now, http))


@router.get("/about/{user}")
async def about(http: Request, whose: Whose, kind: str = "", q: str = "", after: str | None = None) -> Response:
    """All that is known of a person."""
    summary = await people.summary(whose)
    told = {
        "summary": summary,
        "total": sum(summary["records"].values()),
        "replies": await whose.now.answers.of(whose.key, REPLIES),
        "facts": await facts.known(whose),
        **await records.listed(whose, kind, q, after),
        **await wishes.told(whose),
    }
    return shown(http, whose.now, "about.html", person=whose.id, mine=whose.now.caller.person is not None, **told)


@router.post("/about/{user}/erase")
async def erase(http: Request, whose: Whose, sure: Annotated[str, Form()] = "") -> Response:
    """Erase the person, once their id was typed; the receipt is all that is left to show."""
    if " ".join(sure.split()) != " ".join(whose.id.split()):
        raise RequestError("nothing was erased: to be sure, type the id as it stands above the box")
    receipt = await people.erase(whose, http)
    return shown(http, whose.now, "receipt.html", receipt=receipt, person=whose.id)
