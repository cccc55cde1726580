"""What is noted of a request while it is answered: how long, by which route and method, how many tokens; no word of it, nor whose."""

from __future__ import annotations

import contextlib
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import NamedTuple

from fastapi import FastAPI
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from idiolect.errors import IdiolectError
from idiolect.serve import faults

NOWHERE = "-"  # the route of what no route answers: a path that somebody made up says too much, and there is no end of them
VERBS = frozenset("GET HEAD POST PUT PATCH DELETE OPTIONS".split())
GONE = 499  # the status of what nobody waited for
_ID = re.compile(rb"[A-Za-z0-9_-]{1,64}")  # a caller's own id that looks like anything else is not repeated


class Part(NamedTuple):
    """A part of the way: "bend", "generate" or "store", when it began (`time.perf_counter`), and how many seconds it took."""

    name: str
    began: float
    seconds: float


@dataclass(slots=True)
class Seen:
    """What is noted of one request. Seconds and counts alone, and names that the server itself gave."""

    id: str
    verb: str
    began: float  # time.perf_counter
    parent: str = ""  # the caller's `traceparent`
    route: str = NOWHERE  # as it is declared: "/v1/users/{user}"
    status: int = 0
    seconds: float = 0.0
    key: str = ""  # the name of the caller's key
    model: str = ""
    method: str = ""
    tool: str = ""  # that an agent used
    prompt_tokens: int = 0
    tokens: int = 0
    personal: int = 0
    first: float | None = None  # seconds until the first piece of an answer
    store: float = 0.0  # seconds at the database
    waited: float = 0.0  # seconds for a thread
    known: bool | None = None  # whether the person's state was in memory
    error: str = ""  # the class of what was raised
    fault: BaseException | None = None  # what nobody had thought of
    parts: list[Part] = field(default_factory=list)


Ear = Callable[[Seen], None]
SEEN: ContextVar[Seen | None] = ContextVar("seen", default=None)


@contextlib.contextmanager
def part(name: str) -> Iterator[None]:
    """Note how long a part of the way takes; nothing is noted where nobody watches."""
    began = time.perf_counter()
    try:
        yield
    finally:
        if (seen := SEEN.get()) is not None:
            seen.parts.append(Part(name, began, time.perf_counter() - began))


def failed(error: BaseException) -> None:
    """Note the class of an error; of several the first."""
    if (seen := SEEN.get()) is not None and not seen.error:
        seen.error = type(error).__name__


class Watch:
    """Middleware that tells each of `ears` of every request once it is answered, and gives it an id (`X-Request-Id`).

    What a route raised unexpectedly is answered here, and goes no further: other logs would repeat its message.
    """

    def __init__(self, app: ASGIApp, ears: Sequence[Ear]) -> None:
        self.app, self.ears = app, ears

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and note what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = begun(scope)
        named, token = (b"x-request-id", seen.id.encode()), SEEN.set(seen)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message["headers"] = [*message.get("headers", ()), named]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except ClientDisconnect:
            seen.status = GONE
        except Exception as error:
            seen.error, seen.fault = type(error).__name__, error
            if seen.status:  # its beginning is out: all that can be done is to break it off
                raise
            await faults.answer(error)(scope, receive, noted)
        except BaseException:
            seen.status = GONE
            raise
        finally:
            SEEN.reset(token)
            ended(seen, scope)
            for ear in self.ears:
                ear(seen)


def begun(scope: Scope) -> Seen:
    """What is noted of a request that begins; also found under `scope["state"]["seen"]`, where a task has another context."""
    given = parent = b""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value
        elif name == b"traceparent":
            parent = value
    own = given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
    verb = scope["method"]
    seen = Seen(own, verb if verb in VERBS else "OTHER", time.perf_counter(), parent.decode("latin-1"))
    scope.setdefault("state", {})["seen"] = seen
    return seen


def ended(seen: Seen, scope: Scope) -> None:
    """Note what only the end tells: the route that was found, the caller, and how long it took."""
    seen.seconds = time.perf_counter() - seen.began
    seen.personal = min(seen.personal, seen.prompt_tokens)  # which is counted before the model says how it counts
    if (route := scope.get("route")) is not None:
        seen.route = getattr(route, "path", NOWHERE)
    if (caller := scope["state"].get("caller")) is not None:
        seen.key = caller.key


def install(app: FastAPI, *ears: Ear) -> None:
    """Have every request of `app` told to `ears`, to more of them if called again. After `faults.install`; before it starts."""
    if (listening := getattr(app.state, "ears", None)) is not None:
        listening.extend(ears)
        return
    app.state.ears = list(ears)
    before = app.exception_handlers[IdiolectError]

    async def noted(http: Request, error: Exception) -> Response:
        failed(error)
        answer = before(http, error)
        return await answer if isawaitable(answer) else answer

    app.add_exception_handler(IdiolectError, noted)
    app.add_middleware(Watch, ears=app.state.ears)
