"""The audit log of a server: the helper that writes an entry, what a caller was refused, and /v1/audit for the operator."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idiolect.errors import StoreError
from idiolect.serve import listed
from idiolect.serve.callers import LONGEST, Caller, place
from idiolect.serve.gateway import Gateway
from idiolect.serve.here import Here, Now
from idiolect.serve.listed import PAGE, After, Limit
from idiolect.store.audit import Actor, Audit

router = APIRouter(tags=["Audit"])
log = logging.getLogger("idiolect.serve")


async def audit(now: Here, action: str, person: str | None = None, **counts: int) -> None:
    """Add to the log that this caller did `action` ("records.add") with the data of `person`, or of nobody's; it is on the disk then.

    To be awaited once it is done and before it is answered: what cannot be logged is not acknowledged, nor shown. Raises StoreError,
    and DataError for a count that is no whole number: texts have no place in the log.
    """
    await _appended(now.gateway, now.caller, action, person, counts)


@router.get("/v1/audit")
async def entries(
    now: Now,
    limit: Limit = PAGE,
    after: After = None,
    user: Annotated[str | None, Query(max_length=LONGEST)] = None,
    application: Annotated[str | None, Query(max_length=40)] = None,
) -> dict[str, Any]:
    """Who did what to whose data, the last first; `user` (of `application`, or of the key's own) picks one person's, also once erased."""
    now.operator()
    own = now.caller.application if application is None else application
    whose = None if user is None else place(own, user)
    found = await now.gateway.run(_log(now.gateway).entries, limit + 1, listed.place(after) if after else None, whose)
    return listed.page(found, limit, lambda one: str(one.number), asdict)


@router.get("/v1/audit/verify")
async def verify(
    now: Now, entries: Annotated[int | None, Query(ge=1)] = None, head: Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")] = None
) -> dict[str, Any]:
    """Read the whole log: is each entry as it was written, with none missing? `entries` and `head`, as an earlier call told them and as
    somebody kept them elsewhere, also tell a log that was cut off or written anew."""
    now.operator()
    known = (entries, head) if entries is not None and head is not None else None
    found = await now.gateway.run(_log(now.gateway).verify, known)
    return {"object": "audit.verified", **asdict(found), "whole": found.whole}


class Refused:
    """Adds an entry for what a known caller was refused: any 403, and a 404 of a person's own token, which reaches for others' with ids.

    A key's 404 is none: whom an application asks for is its own, and what is not there was nobody's. A 401 is none: nobody knows
    whose it was, and anybody could fill the log with them. A refusal is sent though it cannot be logged, and the server's log says so.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and look at how it is answered."""
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            caller = scope.get("state", {}).get("caller")
            if message["type"] == "http.response.start" and isinstance(caller, Caller) and _tells(message["status"], caller):
                await self._note(scope, caller, message["status"])
            await send(message)

        await self._app(scope, receive, sent)

    async def _note(self, scope: Scope, caller: Caller, status: int) -> None:
        person = scope.get("path_params", {}).get("user")
        try:
            await _appended(scope["app"].state.gateway, caller, "refused", person, {"status": status})
        except StoreError as error:
            log.warning("that %s was refused something could not be logged: %s", caller.key, error)


def _tells(status: int, caller: Caller) -> bool:
    return status == 403 or (status == 404 and caller.role == "person")


async def _appended(gateway: Gateway, caller: Caller, action: str, person: str | None, counts: dict[str, int]) -> None:
    actor = Actor(caller.key, caller.application, caller.role)
    await gateway.run(_log(gateway).append, actor, action, None if person is None else place(caller.application, person), counts)


def _log(gateway: Gateway) -> Audit:
    return Audit(gateway.store._session)
