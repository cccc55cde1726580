"""Replies given: in the store a moment later, all that came meanwhile together, so that they can be explained and rated."""

from __future__ import annotations

import asyncio
import logging
import secrets

from idiolect.errors import StoreError
from idiolect.serve.callers import Caller
from idiolect.serve.faults import NotFound
from idiolect.serve.gateway import Gateway
from idiolect.store.replies import Given, Replies

PAUSE = 0.05  # seconds between two writes
log = logging.getLogger("idiolect.serve")


class Answers:
    """The replies of a server. One that was given a moment before a kill may be gone with its reasons; nothing learnt hangs on it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway, self._replies = gateway, Replies(gateway.store._session)
        self.trouble: StoreError | None = None  # why the last could not be kept, for /readyz
        self._waiting: dict[str, Given] = {}
        self._newcomers: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    @staticmethod
    def new_id(kind: str = "chatcmpl") -> str:
        """An id that nobody guesses: it is the reply's own."""
        return f"{kind}-{secrets.token_hex(12)}"

    def add(self, given: Given, newcomer: bool) -> None:
        """Keep a reply; `newcomer`: the store did not know the person when they asked. On the event loop's thread."""
        if not self._gateway.settings.replies:
            return
        self._waiting[given.id] = given
        if newcomer:
            self._newcomers.add(given.user)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write())

    async def get(self, caller: Caller, reply_id: str) -> Given:
        """A reply that the caller may know of. Raises NotFound."""
        await self.written()
        found = await self._gateway.run(self._replies.get, reply_id)
        if found is None or caller.own(found.user) is None:
            raise NotFound(f"there is no reply {reply_id!r}, or not any more: each person's last {self._gateway.settings.replies} are kept")
        return found

    async def of(self, key: str, limit: int, before: float | None = None) -> list[Given]:
        """A person's replies, the last first; those given before a time."""
        await self.written()
        return await self._gateway.run(self._replies.of, key, limit, before)

    async def written(self) -> None:
        """Return once everything given so far is in the store: what is forgotten afterwards is forgotten for good."""
        while self._task is not None and not self._task.done():
            await asyncio.shield(self._task)

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(PAUSE)
            some, self._waiting = list(self._waiting.values()), {}
            newcomers, self._newcomers = self._newcomers, set()
            try:
                await self._gateway.run(self._replies.add, some, self._gateway.settings.replies, newcomers)
                self.trouble = None
            except StoreError as error:
                self.trouble = error
                log.warning("%d replies could not be kept, and cannot be explained: %s", len(some), error)
