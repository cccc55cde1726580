"""The server as an ASGI application: its routes, and what lives as long as it does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from idiolect import __version__
from idiolect.serve import (
    accounts,
    agents,
    auditing,
    chat,
    consent,
    exports,
    facts,
    faults,
    feedback,
    health,
    idempotent,
    learning,
    listing,
    logs,
    metrics,
    pages,
    people,
    person,
    preferences,
    records,
    watch,
)
from idiolect.serve.answers import Answers
from idiolect.serve.gateway import Gateway
from idiolect.serve.here import Gate, Open
from idiolect.serve.learning import Learner

ABOUT = """An OpenAI-compatible server in which `user` selects the person. What is known of people can be seen, corrected, taken
away and erased under /v1/users."""

# what has a path below another's comes first
ROUTES = (chat, listing, exports, records, facts, preferences, consent, learning, accounts, people, feedback, auditing, health, metrics)


def create(gateway: Gateway, gate: Gate | None = None) -> FastAPI:
    """The application around `gateway`, which it closes when it stops: answers under way are finished first."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        app.state.learner.start()
        yield
        await app.state.learner.stop()
        for voice in gateway.voices.values():
            await asyncio.to_thread(voice.close, gateway.settings.grace)
        await app.state.answers.written()
        await asyncio.to_thread(gateway.close)

    app = FastAPI(
        title="Idiolect", version=__version__, description=ABOUT, responses=faults.REFUSED, lifespan=living, docs_url=None, redoc_url=None
    )
    app.state.learner = Learner(gateway)
    app.state.gateway, app.state.answers, app.state.gate = gateway, Answers(gateway), gate or Open()
    app.state.metrics = metrics.Metrics(gateway)
    person.attach(app)
    faults.install(app)
    for module in ROUTES:
        app.include_router(module.router)
    pages.install(app)
    agents.install(app)
    app.add_middleware(idempotent.Idempotent)
    app.add_middleware(auditing.Refused)
    watch.install(app, app.state.metrics.ended, logs.ended)  # the last is the outermost
    return app
