"""One person's place among those whom a model answers at the same time: the text as it is made, the reply, the way out."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from idiolect.errors import ModelError
from idiolect.models.group import Group
from idiolect.models.turns import TimedOut, TokenLogprob
from idiolect.types import Reply, Request

Loop = asyncio.AbstractEventLoop
Ear = tuple[Loop, asyncio.Event]  # whom to wake, and where


class Ticket:
    """A request on its way. Any thread may ask it; several may wait for it at once. What is told in pieces is told once."""

    def __init__(self, request: Request, deadline: float | None, tops: int, text: Callable[[int], str], notify: Callable[[], None]) -> None:
        self.request, self.deadline, self.tops = request, deadline, tops
        self.group: Group | None = None  # what is written, once the prompt is made of tokens
        self.logprobs: list[TokenLogprob] = []  # grows as tokens are written, where they were asked for
        self.cancelled = self.streamed = False
        self._text, self._notify = text, notify
        self._changed = threading.Condition()
        self._ears: dict[asyncio.Event, tuple[Loop, bool]] = {}  # who waits in an event loop, and whether for every piece
        self._pending, self._given = "", 0  # text to be told, and characters told already
        self._reply: Reply | None = None
        self._error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._reply is not None or self._error is not None

    def cancel(self) -> None:
        """Leave at the next step: the reply is then what was written so far, with finish "cancelled". Nothing happens if it has ended."""
        self.cancelled = True
        self._notify()

    def pieces(self) -> Iterator[str]:
        """The text as it is made; blocks between two pieces. Raises the ticket's error, TimedOut for instance, after the last."""
        self.streamed = True
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self.ended)
            piece, more = self._take()
            if piece:
                yield piece
            if not more:
                return

    def reply(self, timeout: float | None = None) -> Reply:
        """The whole. Raises the ticket's error, and TimedOut where `timeout` seconds are not enough: the ticket goes on then."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.ended, timeout):
                raise TimedOut(f"there is no reply after {timeout:g} s: wait longer, or cancel the ticket, which goes on")
        return self._result()

    async def apieces(self) -> AsyncIterator[str]:
        """`pieces` for an event loop, which never blocks. Whoever leaves early, or is cancelled, cancels the ticket."""
        self.streamed = True
        event, more = self._listen(every=True), True
        try:
            while more:
                if not (self._pending or self.ended):
                    await event.wait()
                event.clear()
                piece, more = self._take()
                if piece:
                    yield piece
        finally:
            self._leave(event)

    async def areply(self) -> Reply:
        """`reply` for an event loop. Cancelling whoever waits cancels the ticket."""
        event = self._listen(every=False)
        try:
            if not self.ended:
                await event.wait()
        finally:
            self._leave(event)
        return self._result()

    def note(self) -> None:
        """Say how likely the tokens were that were written since the last time, from the thread that decodes."""
        for one in self.group.chances[len(self.logprobs) :] if self.group else ():
            top = tuple((self._text(token), logprob) for token, logprob in one.top)
            self.logprobs.append(TokenLogprob(self._text(one.token), one.logprob, top))

    def put(self, piece: str) -> Collection[Ear]:
        """More text, from the thread that decodes. Returns whom to wake: `wake`."""
        with self._changed:
            self._pending += piece
            self._changed.notify_all()
            return [(loop, event) for event, (loop, every) in self._ears.items() if every]

    def end(self, result: Reply | Exception) -> Collection[Ear]:
        """The last word, from the thread that decodes. Returns whom to wake: `wake`."""
        with self._changed:
            if not self.ended:
                self._reply, self._error = (result, None) if isinstance(result, Reply) else (None, result)
            self._changed.notify_all()
            return [(loop, event) for event, (loop, _) in self._ears.items()]

    @property
    def is_leaving(self) -> bool:
        """Whether it was cancelled, or its time is over."""
        return self.cancelled or (self.deadline is not None and time.monotonic() >= self.deadline)

    @property
    def last_word(self) -> Reply | TimedOut:
        """How it ends if it leaves now."""
        begun = self.group if self.group and self.group.writing.tokens else None
        if self.cancelled or not self.is_leaving:
            finish: Any = "cancelled"
            return replace(begun.reply if begun else Reply("", because=self.request.sources), finish=finish)
        if begun is None:
            return TimedOut("the deadline passed before the first token was written: give it longer, or ask when fewer do")
        made, limit = len(begun.writing.tokens), begun.writing.limit
        return TimedOut(f"the deadline passed when {made} of at most {limit} tokens were written: give it longer, or ask for fewer", made)

    def _take(self) -> tuple[str, bool]:
        """Text not told yet, and whether more may come."""
        with self._changed:
            piece, self._pending = self._pending, ""
            if self._reply is not None:
                piece = self._reply.text[self._given :]
            self._given += len(piece)
            if self._error is not None and not piece:
                raise self._error
            return piece, self._reply is None

    def _result(self) -> Reply:
        if self._reply is None:
            raise self._error or ModelError("the ticket has not ended")
        return self._reply

    def _listen(self, every: bool) -> asyncio.Event:
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        with self._changed:
            self._ears[event] = loop, every
        return event

    def _leave(self, event: asyncio.Event) -> None:
        with self._changed:
            del self._ears[event]
        if not self.ended:
            self.cancel()


def wake(whom: Collection[Ear]) -> None:
    """Set these events, each in its own loop, with one call for each loop."""
    loops: dict[Loop, list[asyncio.Event]] = {}
    for loop, event in whom:
        loops.setdefault(loop, []).append(event)
    for loop, events in loops.items():
        with suppress(RuntimeError):  # the loop is closed: who waited there has gone
            loop.call_soon_threadsafe(_set, events)


def _set(events: list[asyncio.Event]) -> None:
    for event in events:
        event.set()
