"""Who may call: an operator makes and revokes keys, and an application gives its people tokens of their own."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from idiolect.serve import gates, idempotent, listed
from idiolect.serve.auditing import audit
from idiolect.serve.faults import NotFound
from idiolect.serve.here import Here, Now
from idiolect.serve.listed import PAGE, After, Limit
from idiolect.serve.paths import Ascii, Quoted
from idiolect.store.accounts import APPLICATION, Accounts, ApiKey, PersonToken

router = APIRouter(tags=["Keys"], route_class=Quoted, default_response_class=Ascii)
HOUR = 3600.0  # seconds that a token lasts where nothing is said
Id = Annotated[str, Path(max_length=40)]
Seconds = Annotated[float, Field(gt=0, le=100 * 366 * 86_400.0)]


class NewKey(BaseModel):
    """The body of POST /v1/keys."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    application: str = Field("", pattern=f"^({APPLICATION.pattern})?$", description='Whose key it is; "": of the one without a name.')
    role: Literal["application", "operator"] = "application"
    label: str = Field("", max_length=200)
    expires_in: Seconds | None = Field(None, description="Seconds; left out: it lasts until it is revoked.")


class NewToken(BaseModel):
    """The body of POST /v1/users/ID/tokens."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    expires_in: Seconds | None = Field(HOUR, description="Seconds; null: it lasts as long as the key that makes it.")


@router.post("/v1/keys", status_code=201)
async def add(body: NewKey, now: Now, http: Request) -> dict[str, Any]:
    """Make a key. Its secret is in this answer and nowhere else."""
    accounts = _accounts(now.operator())
    expires = None if body.expires_in is None else time.time() + body.expires_in
    secret, made = await now.gateway.run(accounts.add, body.application, body.role, body.label, expires)
    gates.forget(http)  # the first one closes a server that was open
    await audit(now, "keys.add", expires=int(expires or 0))
    told = _key(made)
    idempotent.of(http).keep(told)
    return {**told, "key": secret}


@router.get("/v1/keys")
async def keys(now: Now, limit: Limit = PAGE, after: After = None) -> dict[str, Any]:
    """All keys of all applications in the order they were made, without their secrets; those revoked and expired too."""
    found = await now.gateway.run(_accounts(now.operator()).keys, limit + 1, listed.read(after) if after else None)
    return listed.page(found, limit, lambda one: one.id, _key)


@router.delete("/v1/keys/{key_id}")
async def revoke(key_id: Id, now: Now, http: Request) -> dict[str, Any]:
    """Revoke a key, and with it the tokens that it made: at once in this process, within seconds in others."""
    found = await now.gateway.run(_accounts(now.operator()).revoke, key_id)
    gates.forget(http)
    if found is None:
        raise NotFound("there is no such key; GET /v1/keys lists those there are")
    await audit(now, "keys.revoke")
    told = _key(found)
    idempotent.of(http).keep(told)
    return told


@router.post("/v1/users/{user}/tokens", status_code=201)
async def issue(user: str, now: Now, http: Request, body: NewToken | None = None) -> dict[str, Any]:
    """Give a person a token that reaches what is theirs and nothing else. Its secret is in this answer and nowhere else."""
    whose = now.trusted().caller.reach(user)
    maker = None if now.caller.key == gates.OPEN.key else now.caller.key
    secret, made = await now.gateway.run(_accounts(now).issue, whose, maker, HOUR if body is None else body.expires_in)
    await audit(now, "tokens.add", user, expires=int(made.expires or 0))
    told = _token(made)
    idempotent.of(http).keep(told)
    return {**told, "user": user, "token": secret}


@router.get("/v1/users/{user}/tokens")
async def tokens(user: str, now: Now, limit: Limit = PAGE, after: After = None) -> dict[str, Any]:
    """A person's tokens in the order they were made, without their secrets."""
    whose = now.trusted().caller.reach(user)
    found = await now.gateway.run(_accounts(now).tokens, whose, limit + 1, listed.read(after) if after else None)
    return listed.page(found, limit, lambda one: one.id, _token)


@router.delete("/v1/users/{user}/tokens/{token_id}")
async def withdraw(user: str, token_id: Id, now: Now, http: Request) -> dict[str, Any]:
    """Revoke a person's token: at once in this process, within seconds in others."""
    whose = now.trusted().caller.reach(user)
    gone = await now.gateway.run(_accounts(now).withdraw, whose, token_id)
    gates.forget(http)
    if not gone:
        raise NotFound("there is no such token, or not any more; GET /v1/users/ID/tokens lists those there are")
    await audit(now, "tokens.revoke", user)
    told = {"id": token_id, "object": "token", "revoked": True}
    idempotent.of(http).keep(told)
    return told


def _accounts(now: Here) -> Accounts:
    return Accounts(now.gateway.store._session)


def _key(key: ApiKey) -> dict[str, Any]:
    used = None if key.used is None else datetime.fromtimestamp(key.used * 86_400, UTC).date().isoformat()
    return {"object": "key", **asdict(key), "used": used, "live": key.live(time.time())}


def _token(token: PersonToken) -> dict[str, Any]:
    about = {"id": token.id, "made_by": token.maker, "created": token.created, "expires": token.expires}
    return {"object": "token", **about, "live": token.expires is None or time.time() < token.expires}
