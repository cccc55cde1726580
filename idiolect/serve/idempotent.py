"""Writes that may be sent again: with `Idempotency-Key`, what was done is answered as before and not done twice."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idiolect.errors import IdiolectError, RequestError, StoreError
from idiolect.serve import faults
from idiolect.serve.callers import place
from idiolect.store.repeats import Another, Before, Begun, Repeats, Underway

HEADER = "Idempotency-Key"
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
NOT = ("/v1/chat/completions", "/v1/completions")  # an answer is not a write
LEASE, BEAT = 30.0, 10.0  # seconds: who is at a request and has not said so for LEASE is dead
IN_MEMORY, MOST = 1 << 20, 256 << 20  # bytes of a request
ANSWER = 4096  # bytes of an answer that is kept
log = logging.getLogger("idiolect.serve")


@dataclass
class Once:
    """A request and its key, for the route that does it: `of(http)` is this one."""

    secret: bytes | None = field(default=None, repr=False)
    user: str | None = field(default=None, repr=False)
    answer: str | None = field(default=None, repr=False)

    def record_id(self, index: int = 0) -> str | None:
        """An id for the `index`th record that comes without one: the same when the request is sent again, and after a crash in the
        middle of it, so that what was kept is not kept twice. None for a request that has no key: any new id will do.
        """
        return None if self.secret is None else hashlib.sha256(self.secret + b"%d" % index).hexdigest()[:32]

    def keep(self, answer: Mapping[str, Any], user: str | None = None) -> None:
        """What a repetition is answered with; left out, the status alone. Nothing that a person wrote, and no id that they or the
        application gave: counts, and ids that were made here. `user`: the person's key in the store, where the path does not name
        them; it goes with them. An answer of more than 4 kB is not kept.
        """
        raw = json.dumps(answer)
        self.answer = raw if len(raw) <= ANSWER else None
        self.user = user or self.user


def of(http: Request) -> Once:
    """The key of a request, or one that does nothing."""
    once = http.scope.setdefault("state", {}).setdefault("idempotency", Once())
    return once if isinstance(once, Once) else Once()


class Idempotent:
    """Looks at the header of what writes under /v1. The same key with the same request is answered as before, with another one 422,
    and while the first is under way 409. What failed was not done, and may be sent again; so may what its server died of.

    A caller's keys are their own. Only digests of keys and requests are kept, for 24 hours, with the status and what the route
    says may be: an answer may hold a person's words, and those are kept in one place, where they are erased.
    """

    def __init__(self, app: ASGIApp, lease: float = LEASE, beat: float = BEAT) -> None:
        self._app, self._lease, self._beat = app, lease, beat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, answer it as before, or refuse it."""
        if scope["type"] != "http" or scope["method"] not in METHODS or not scope["path"].startswith("/v1/") or scope["path"] in NOT:
            await self._app(scope, receive, send)
            return
        http = Request(scope, receive)
        said = http.headers.getlist(HEADER)
        if not said:
            await self._app(scope, receive, send)
            return
        try:
            caller = scope.setdefault("state", {})["caller"] = await scope["app"].state.gate.caller(http)
            key = _checked(said)
            with tempfile.SpooledTemporaryFile(IN_MEMORY) as body:
                secret = _digest(b"key", caller.key.encode(), key.encode())
                request = await _read(http, body, secret)
                await self._once(scope, (body, receive), send, (secret, request))
        except IdiolectError as error:
            await faults.answer(error)(scope, receive, send)
        except ClientDisconnect:
            return  # before its request was whole

    async def _once(self, scope: Scope, told: tuple[IO[bytes], Receive], send: Send, named: tuple[bytes, bytes]) -> None:
        secret, request = named
        gateway = scope["app"].state.gateway
        repeats, name, owner = Repeats(gateway.store._session), _digest(b"name", secret).hex(), secrets.token_hex(8)
        found = await gateway.run(repeats.begin, name, request.hex(), owner, self._lease)
        if not isinstance(found, Begun):
            await _instead(found)(scope, told[1], send)
            return
        once = Once(_digest(b"ids", secret, request))
        scope["state"]["idempotency"] = once
        settled = False

        async def sent(message: Message) -> None:
            nonlocal settled
            if message["type"] == "http.response.start":  # before the caller hears of it, and may ask again
                settled = True
                if message["status"] < 400:
                    await gateway.run(repeats.finish, name, owner, message["status"], once.answer, once.user or _user(scope))
                else:
                    await _dropped(scope, repeats, name, owner)
            await send(message)

        try:
            async with self._alive(scope, repeats, name, owner):
                await self._app(scope, _again(*told), sent)
        finally:
            if not settled:
                await _dropped(scope, repeats, name, owner)

    @contextlib.asynccontextmanager
    async def _alive(self, scope: Scope, repeats: Repeats, name: str, owner: str) -> AsyncIterator[None]:
        """Say from time to time that this request is still under way."""

        async def beating() -> None:
            while True:
                await asyncio.sleep(self._beat)
                with contextlib.suppress(StoreError):
                    await scope["app"].state.gateway.run(repeats.extend, name, owner, self._lease)

        task = asyncio.create_task(beating())
        try:
            yield
        finally:
            task.cancel()


async def _dropped(scope: Scope, repeats: Repeats, name: str, owner: str) -> None:
    try:
        await asyncio.shield(scope["app"].state.gateway.run(repeats.drop, name, owner))
    except StoreError as error:
        log.warning("a request that failed cannot be sent again before its time is over: %s", error)


def _checked(said: list[str]) -> str:
    """The key of the header. Raises RequestError."""
    if len(said) != 1 or not 1 <= len(said[0]) <= 200 or not all(" " <= letter <= "~" for letter in said[0]):
        raise RequestError(f"{HEADER} is one header of 1 to 200 printable ASCII characters, such as a UUID")
    return said[0]


async def _read(http: Request, into: IO[bytes], secret: bytes) -> bytes:
    """Read a body, and say what stands for the request: nobody who lacks its key can tell what it was. Raises RequestError."""
    heard = hashlib.sha256(_digest(b"request", secret, http.method.encode(), http.scope.get("raw_path", b""), http.scope["query_string"]))
    size = 0
    async for piece in http.stream():
        size += len(piece)
        if size > MOST:
            raise RequestError(f"a request with {HEADER} has at most {MOST >> 20} MB: send it in parts, each with its own")
        heard.update(piece)
        into.write(piece)
    into.seek(0)
    return heard.digest()


def _again(body: IO[bytes], receive: Receive) -> Receive:
    """What was read, to be read again, and then whatever comes."""
    ended = False

    async def received() -> Message:
        nonlocal ended
        if ended:
            return await receive()
        piece = body.read(IN_MEMORY)
        ended = len(piece) < IN_MEMORY
        return {"type": "http.request", "body": piece, "more_body": not ended}

    return received


def _instead(found: Before | Underway | Another) -> Response:
    """The answer to a request that is not done now."""
    kind, code = "invalid_request_error", "idempotency_key_in_use"
    if isinstance(found, Another):
        return faults.shaped(422, f"this {HEADER} came with another request before: use a new one for each", kind, code)
    if isinstance(found, Underway):
        wait = {"Retry-After": str(max(1, min(round(found.seconds), 5)))}
        return faults.shaped(409, f"the request with this {HEADER} is still under way: ask again a little later", kind, code, headers=wait)
    told = {"Idempotent-Replayed": "true"}
    if found.status == 204:
        return Response(None, 204, told)
    if found.answer is not None:
        return JSONResponse(json.loads(found.answer), found.status, told)
    return JSONResponse({"object": "idempotent.replay", "done": True}, found.status, told)


def _user(scope: Scope) -> str | None:
    """The key in the store of the person that a path names."""
    person = scope.get("path_params", {}).get("user")
    return None if person is None else place(scope["state"]["caller"].application, str(person))


def _digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()
