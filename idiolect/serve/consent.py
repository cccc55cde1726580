"""What a person allows: which kinds of data may be kept and learnt from, and which methods may be used for them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from idiolect import catalogue
from idiolect.errors import RequestError
from idiolect.serve import idempotent, keeping, leaving, sight
from idiolect.serve.desk import Desk
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Whose
from idiolect.store import Receipt
from idiolect.store.wishes import CONSENTED, Change, Wished

router = APIRouter(prefix="/v1/users/{user}/consent", tags=["People"], route_class=Quoted, default_response_class=Ascii)
Erase = Annotated[bool, Query(description="Forget what is kept of kinds that are withdrawn.")]


class Consent(BaseModel):
    """What is allowed from now on; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    kinds: dict[str, bool] = {}
    methods: dict[str, bool] = {}


@router.get("")
async def consent(whose: Whose) -> dict[str, Any]:
    """What a person allows: each kind of data, "conversation" being questions of chats kept as their words; and methods they ruled out."""
    wished = await whose.run(_wished)
    await whose.note("consent.read")
    return _shown(wished)


def _wished(desk: Desk, key: str) -> Wished:
    return desk.of(key).wished


@router.put("")
async def put(
    body: Consent,
    whose: Whose,
    http: Request,
    erase: Annotated[bool, Query(description="Forget what is kept of kinds that are withdrawn.")] = False,
) -> dict[str, Any]:
    """Say what is allowed. What is withdrawn is hidden from every method at once, and what was learnt of it is let go of.

    With `erase=true` the records of withdrawn kinds are forgotten, and a receipt says so. 400 for a kind or a method that does not exist.
    """
    for kind in body.kinds:
        if kind not in CONSENTED:
            raise RequestError(f"there is no kind of data {kind!r}; there are {', '.join(CONSENTED)}")
    for method in body.methods:
        catalogue.row(method)
    await whose.now.answers.written()
    wished, ids, receipt = await whose.run(_put, body, erase)
    await whose.note("consent.edit", forgotten=len(ids))
    told = _shown(wished)
    idempotent.of(http).keep(told, whose.key)
    return {**told, "forgotten": leaving.forgotten(receipt, whose.id, ids) if receipt else None}


def _put(desk: Desk, key: str, body: Consent, erase: bool) -> tuple[Wished, list[str], Receipt | None]:
    before = desk.of(key).wished
    said: list[Change] = [("consent", kind, allowed) for kind, allowed in body.kinds.items()]
    said += [("method", method, None if allowed else False) for method, allowed in body.methods.items()]
    changed = any(before.allows(kind) != allowed for kind, allowed in body.kinds.items())
    changed |= any(before.allows_method(method) and not allowed for method, allowed in body.methods.items())
    wished = desk.say(key, said, unlearn=changed)
    if not erase or desk.store.version(key) is None:
        return wished, [], None
    ids = [record.id for record in desk.store.user(key).records if not sight.consented(record, wished)]
    return wished, ids, keeping.forget(desk, key, ids) if ids else None


def _shown(wished: Wished) -> dict[str, Any]:
    kinds = {kind: wished.allows(kind) for kind in CONSENTED}
    return {"object": "consent", "kinds": kinds, "methods": dict(wished.methods)}
