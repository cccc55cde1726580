"""A person's records on their page: listed, looked through, added to, put right, handled otherwise, and forgotten."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse
from starlette.responses import Response

from idiolect.serve import records
from idiolect.serve.pages import words
from idiolect.serve.pages.page import Page, parted, shown
from idiolect.serve.person import Person, Whose
from idiolect.serve.records import Change, NewRecord
from idiolect.store.wishes import Sensitivity
from idiolect.types import KINDS, Kind

router = APIRouter(prefix="/about/{user}/records", route_class=Page)
AT_ONCE = 8
KIND: dict[Kind, str] = {"message": "wrote", "rating": "rated", "edit": "put right", "choice": "chose", "correction": "corrected"}
REACH: dict[Sensitivity, str] = {"allowed": "Any model may read it", "local": "Only models on this machine may", "never": "No model may"}
CHOICES: dict[str, Any] = {"kinds": KIND, "reach": REACH}


async def listed(whose: Person, kind: str, q: str, after: str | None) -> dict[str, Any]:
    """Some of a person's records, and how to go on: those of a kind, or those nearest to some words."""
    if q.strip():
        found = await records.search(whose, q.strip(), AT_ONCE)
    else:
        found = await records.records(whose, [one for one in KINDS if one == kind], AT_ONCE, after)
    return {"records": found["data"], "next": found["next"], "kind": kind, "q": q, "after": after, **CHOICES}


@router.get("")
async def more(http: Request, whose: Whose, kind: str = "", q: str = "", after: str | None = None) -> Response:
    """A page of records: a part of the person's page, or a page of its own."""
    found = await listed(whose, kind, q, after)
    return shown(http, whose.now, "_records.html" if parted(http) else "records.html", person=whose.id, **found)


@router.post("")
async def keep(http: Request, whose: Whose, text: Annotated[str, Form()]) -> Response:
    """Keep something that the person says about themselves."""
    await records.keep(NewRecord.model_validate({"answer": text}), whose, http)
    return RedirectResponse(words.about(whose.id) + "#records", 303)


@router.post("/{record}")
async def change(
    http: Request,
    whose: Whose,
    record: str,
    answer: Annotated[str, Form()],
    sensitivity: Annotated[Sensitivity, Form()] = "allowed",
    pinned: Annotated[bool, Form()] = False,
) -> Response:
    """Put a record right, pin it, or say who may read it."""
    before = await records.record(record, whose)
    text = answer.replace("\r\n", "\n")
    said = {"answer": text} if text != before["answer"].replace("\r\n", "\n") else {}
    one = await records.change(record, Change(**said, sensitivity=sensitivity, pinned=pinned), whose)
    if not parted(http):
        return RedirectResponse(f"{words.about(whose.id)}#records", 303)
    return shown(http, whose.now, "_record.html", person=whose.id, one=one, kept=True, **CHOICES)


@router.post("/{record}/forget")
async def forget(http: Request, whose: Whose, record: str) -> Response:
    """Forget a record, and all that was learnt of it."""
    receipt = await records.delete(record, whose)
    if not parted(http):
        return RedirectResponse(f"{words.about(whose.id)}#records", 303)
    return shown(http, whose.now, "_forgotten.html", receipt=receipt)
