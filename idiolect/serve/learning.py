"""Learning people in the background: what trains, or asks a model, is wanted by a call and done in turn, also after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from idiolect.errors import IdiolectError, StoreError
from idiolect.serve.faults import Conflict, NotFound
from idiolect.serve.gateway import Gateway, Served
from idiolect.serve.here import Now
from idiolect.store.lessons import LEASE, Lesson, Lessons
from idiolect.store.store import Changed

router = APIRouter(tags=["People"])
TRIES = 5
LOOK = 5.0  # seconds between two looks for what other processes want
log = logging.getLogger("idiolect.serve")


class Learner:
    """One worker of a server: it takes lessons, the longest waiting first."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.lessons = gateway, Lessons(gateway.store._session)
        self.failing = ""  # why the store did not give the last lesson, for /readyz
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="learner")
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin. On the event loop's thread."""
        self._task = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Take no more; a lesson that is under way is left to another process, or to the next start."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def want(self, key: str, served: Served) -> Lesson:
        """Ask for a lesson. Raises NotFound for somebody unknown, and Conflict for a method that they ruled out."""
        if not await self.gateway.run(self.gateway.desk.allowed, key, served.method):
            raise Conflict(f"this user ruled {served.method} out: they can allow it again under /v1/users/ID/consent")
        lesson = await self.gateway.run(self.lessons.want, key, served.model, served.method)
        if lesson is None:
            raise NotFound("nothing is kept of this user yet: add records first")
        self._news.set()
        return lesson

    async def _work(self) -> None:
        while True:
            lesson = await self._taken()
            if lesson is None:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), LOOK)
                self._news.clear()
                continue
            holding = asyncio.create_task(self._hold(lesson))
            try:
                why = await asyncio.get_running_loop().run_in_executor(self._pool, self._learnt, lesson)
            finally:
                holding.cancel()
            with contextlib.suppress(StoreError):  # then the lease ends, and it is learnt again
                await self.gateway.run(self.lessons.finish, lesson, why)

    async def _taken(self) -> Lesson | None:
        try:
            lesson = await self.gateway.run(self.lessons.take)
        except StoreError as error:
            self.failing = str(error)
            return None
        self.failing = ""
        return lesson

    async def _hold(self, lesson: Lesson) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            with contextlib.suppress(StoreError):
                await self.gateway.run(self.lessons.hold, lesson)

    def _learnt(self, lesson: Lesson) -> str:
        """Learn a person; "" or what went wrong."""
        try:
            assistant = self.gateway.assistant(self.gateway.served(f"{lesson.model}+{lesson.method}"))
            for _ in range(TRIES):
                with contextlib.suppress(Changed):  # something was taken back meanwhile: learn what is left
                    assistant.update(lesson.user)
                    return ""
            return "the person changed again and again while they were learnt: ask for it again"
        except IdiolectError as error:
            return str(error)
        except Exception as error:
            log.exception("a lesson of %s failed", lesson.method)
            return f"something went wrong ({type(error).__name__}); the server's log has the reason"


class Wanted(BaseModel):
    """What is to learn a person."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    method: str | None = None


@router.post("/v1/users/{user}/lessons", status_code=202)
async def learn(user: str, body: Wanted, now: Now, http: Request) -> dict[str, Any]:
    """Have a method learn a person from all that is kept of them, with training and the model: what single records had no time for."""
    key, served = now.caller.reach(user), now.gateway.served(body.model, body.method)
    return _shown(await http.app.state.learner.want(key, served))


@router.get("/v1/users/{user}/lessons")
async def lessons(user: str, now: Now, http: Request) -> dict[str, Any]:
    """A person's lessons: wanted, running, done, or failed and why."""
    found = await now.gateway.run(http.app.state.learner.lessons.of, now.caller.reach(user))
    return {"object": "list", "data": [_shown(lesson) for lesson in found], "has_more": False, "next": None}


def _shown(lesson: Lesson) -> dict[str, Any]:
    about = {"id": lesson.key, "object": "lesson", "model": lesson.model, "method": lesson.method}
    return {**about, "status": lesson.status, "why": lesson.why, "created": lesson.created}
