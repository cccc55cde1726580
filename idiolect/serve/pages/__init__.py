"""The pages: what a person and an operator see, served by the same process, of plain HTML that needs no script to work."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from idiolect.serve.pages import about, compare, door, facts, methods, people, records, replies, talk, wishes
from idiolect.serve.pages.page import GUARD

STATIC = Path(__file__).with_name("static")


class Files(StaticFiles):
    """The style, the scripts and the mark, with the headers that pages have."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers of a page."""

        async def guarded(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                kept = Headers(raw=message.get("headers", [])).raw  # type: ignore[arg-type]
                message["headers"] = [*kept, *((name.lower().encode(), value.encode()) for name, value in GUARD.items())]
            await send(message)

        await super().__call__(scope, receive, guarded)  # type: ignore[arg-type]


def install(app: FastAPI) -> None:
    """Add the pages to `app`, which has a gateway, answers and a gate in its state."""
    for module in (talk, replies, about, records, facts, wishes, people, methods, compare, door):
        app.include_router(module.router, include_in_schema=False)
    app.mount("/static", Files(directory=STATIC), name="static")
