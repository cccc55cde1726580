"""People: who is known, what is kept of one of them in numbers, and erasing one of them for good."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from idiolect.serve import gates, idempotent, leaving, listed
from idiolect.serve.auditing import audit
from idiolect.serve.callers import Caller, prefix
from idiolect.serve.desk import Desk
from idiolect.serve.here import Here, Now
from idiolect.serve.listed import PAGE, After, Limit
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Person, Whose
from idiolect.store.wishes import CONSENTED

router = APIRouter(prefix="/v1/users", tags=["People"], route_class=Quoted, default_response_class=Ascii)


@router.get("")
async def people(
    now: Now,
    http: Request,
    q: Annotated[str, Query(description="What their ids begin with.")] = "",
    limit: Limit = PAGE,
    after: After = None,
) -> dict[str, Any]:
    """The people of the caller's application, in the order of their ids. No character of `q` stands for another."""
    now.trusted()
    start = prefix(now.caller.application) + q
    found = await now.gateway.run(_own, http.app.state.desk, now.caller, start, listed.read(after) if after else None, limit + 1)
    await audit(now, "users.list", users=min(limit, len(found)))
    return listed.page(found, limit, lambda key: key, lambda key: {"object": "user", "id": now.caller.own(key)})


def _own(desk: Desk, caller: Caller, start: str, after: str | None, count: int) -> list[str]:
    """Keys of this caller's application: those of others stand between where an application has no name."""
    own: list[str] = []
    while len(own) < count:
        found = desk.store.users(after, count, start)
        own += [key for key in found if caller.own(key) is not None]
        if len(found) < count:
            break
        after = found[-1]
    return own[:count]


@router.get("/{user}")
async def summary(whose: Whose) -> dict[str, Any]:
    """What is kept of a person, in numbers: records by kind, what methods learnt, when the last thing happened, and what they allow."""
    await whose.known()
    last = await whose.now.answers.of(whose.key, 1)
    told = await whose.run(_summary)
    times = [*(one.created for one in last), *([told["last_record"]] if told["last_record"] is not None else [])]
    await whose.note("users.read")
    return {"object": "user", "id": whose.id, **told, "last_activity": max(times, default=None)}


def _summary(desk: Desk, key: str) -> dict[str, Any]:
    about, wished = desk.pages.about(key) or {"created": None, "kinds": {}, "last": None, "kept": {}}, desk.of(key).wished
    learnt = desk.store.provenance(key) if about["created"] is not None else []
    states = [{"method": one.method, "model": one.config.get("model"), "created": one.created, "bytes": one.bytes} for one in learnt]
    kept = {name: count for name, count in about["kept"].items() if name != "wishes"}
    consent = {kind: wished.allows(kind) for kind in CONSENTED}
    return {
        "created": about["created"], "records": about["kinds"], "last_record": about["last"], "states": states, "kept": kept,
        "facts_by_hand": len(wished.facts), "consent": {"kinds": consent, "methods": dict(wished.methods)}, "weights": dict(wished.sliders),
    }  # fmt: skip


@router.delete("/{user}")
async def delete(whose: Whose, http: Request) -> dict[str, Any]:
    """Erase a person: everything that is kept of them, searched for afterwards in every byte of the store. Can be repeated."""
    return await _erased(whose, whose.now, http)


@router.post("/{user}/erase")
async def erase(whose: Whose, http: Request) -> dict[str, Any]:
    """The same as DELETE, for clients that send none."""
    return await _erased(whose, whose.now, http)


async def _erased(whose: Person, now: Here, http: Request) -> dict[str, Any]:
    await now.answers.written()
    receipt: dict[str, Any] = await now.gateway.run(leaving.erase, whose.desk, now.gateway, whose.key, whose.id)
    gates.forget(http)  # their tokens went with them
    await whose.note("users.erase", records=receipt["removed"]["records"], states=receipt["removed"]["states"], clean=int(receipt["clean"]))
    idempotent.of(http).keep({name: value for name, value in receipt.items() if name not in ("user", "digest")})
    return receipt
