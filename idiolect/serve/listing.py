"""What is served, and why an answer was as it was: /v1/models and /v1/replies."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from idiolect import catalogue
from idiolect.serve import knowing
from idiolect.serve.callers import parts
from idiolect.serve.gateway import Gateway, Served
from idiolect.serve.here import Here, Now
from idiolect.serve.reasons import flat, told
from idiolect.store.replies import Given
from idiolect.types import Fact, Record

router = APIRouter()


@router.get("/v1/models", tags=["OpenAI"])
async def models(now: Now) -> dict[str, Any]:
    """Every model with every method that it can be asked by; the first is what is asked where nothing is named."""
    return {"object": "list", "data": [_model(served) for served in _all(now.gateway)]}


@router.get("/v1/models/{name:path}", tags=["OpenAI"])
async def model(name: str, now: Now) -> dict[str, Any]:
    """One of them: "method", "model", or "model+method"."""
    return {**_model(now.gateway.served(name)), "id": name}


@router.get("/v1/replies/{reply_id}/why", tags=["People"])
async def why(reply_id: str, now: Now) -> dict[str, Any]:
    """Which records, facts, adapters, vectors and weights bent an answer; the person's own words beside, as far as they are still kept."""
    given = await now.answers.get(now.caller, reply_id)
    records, facts = await now.gateway.run(_known, now, given)
    about = {"id": given.id, "user": parts(given.user)[1], "created": given.created, "model": given.model, "method": given.method}
    return {**about, "question": given.question, "text": given.text, "because": told(given.because, records, facts)}


def _known(now: Here, given: Given) -> tuple[dict[str, Record], dict[str, Fact]]:
    """The records and facts that the reasons of a reply name, of those that are still there."""
    named = {kind: [one["name"] for one in flat(given.because) if one["kind"] == kind] for kind in ("record", "fact")}
    desk = now.gateway.desk
    facts = knowing.facts(desk, now.gateway, given.user) if named["fact"] else {}
    return dict(desk.pages.named(given.user, named["record"])), facts


def _all(gateway: Gateway) -> list[Served]:
    names = [Served(name, method) for name in gateway.voices for method in gateway.methods(name)]
    return sorted(names, key=lambda served: served != gateway.served(None))


def _model(served: Served) -> dict[str, Any]:
    row = catalogue.row(served.method)
    about = {"method": served.method, "model": served.model, "level": row.level, "what": row.what}
    return {"id": served.name, "object": "model", "created": 0, "owned_by": "idiolect", "idiolect": about}
