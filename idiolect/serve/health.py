"""Whether the server is alive (/healthz), and whether it can answer now (/readyz): which part cannot, and why; nothing of a person."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse

from idiolect.errors import IdiolectError
from idiolect.serve.gateway import Gateway

router = APIRouter(tags=["Operation"])
PATIENCE = 1.0  # seconds within which the store must answer
NOBODY = "\x1fready?"  # a key that `callers.place` never makes
log = logging.getLogger("idiolect.serve")


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive: the process answers. It asks nobody else, so that a locked store does not have the process killed."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(http: Request) -> JSONResponse:
    """Ready to answer people: 200, or 503 with the parts that are not and why."""
    state = http.app.state
    wrong = {**await _store(state), **_models(state.gateway), **_writing(state)}
    parts = {name: wrong.get(name, "ok") for name in ("store", "models", "queue", "writing")}
    return JSONResponse({"status": "not ready" if wrong else "ready", "parts": parts}, 503 if wrong else 200, {"Cache-Control": "no-store"})


async def _store(state: Any) -> dict[str, str]:
    """One question to the store at a time: as long as one waits for a locked store, the next is not put to it."""
    asked: asyncio.Task[str] | None = getattr(state, "store_asked", None)
    if asked is None or asked.done():
        asked = state.store_asked = asyncio.create_task(_asked(state.gateway))
    done, _ = await asyncio.wait({asked}, timeout=PATIENCE)
    said = asked.result() if done else f"no answer within {PATIENCE:g} s: it is locked, its disk is slow, or all threads are taken"
    return {"store": said} if said else {}


async def _asked(gateway: Gateway) -> str:
    try:
        await gateway.run(gateway.store.version, NOBODY)
    except IdiolectError as error:
        log.warning("the store does not answer: %s", error)
        return f"it cannot be read ({type(error.__cause__ or error).__name__}); see to its disk, and to the server's log"
    return ""


def _models(gateway: Gateway) -> dict[str, str]:
    """What is wrong with the models, or with how many wait for them."""
    if not gateway.voices:
        return {"models": "none is open; name one with --model"}
    full = [name for name, voice in gateway.voices.items() if voice.stats().waiting >= max(1, gateway.settings.most_waiting)]
    return {"queue": f"as many as may wait for {', '.join(full)} do: {gateway.settings.most_waiting}"} if full else {}


def _writing(state: Any) -> dict[str, str]:
    """Whether what is written in the background is: replies, and what people's lessons gave."""
    wrong = {"replies": state.answers.trouble, "lessons": state.learner.failing}
    failing = " and ".join(name for name, why in wrong.items() if why)
    return {"writing": f"{failing} could not be kept or read; see to the store's disk, and to the server's log"} if failing else {}
