"""Answers take turns: so many are made at once, so many wait, and each can be read as it comes, timed out and let go of."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from idiolect.errors import ModelError
from idiolect.types import Reply

SOON = 1.0  # seconds: the least that is told as the time after which to ask again


class TokenLogprob(NamedTuple):
    """A token that was said: its text, its log-probability in nats, and the likeliest ones at its place."""

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Stats(NamedTuple):
    """How many answers are being made, how many wait for their turn, and the tokens of all replies so far."""

    running: int
    waiting: int
    tokens: int
    finished: int = 0  # answered to their end, where it is counted
    refused: int = 0


class Busy(ModelError):
    """Too many wait already; ask again after `retry_after` seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TimedOut(ModelError):
    """The answer was not there when its deadline passed; `tokens` of it were written."""

    def __init__(self, message: str, tokens: int = 0) -> None:
        super().__init__(message)
        self.tokens = tokens


class Turns:
    """At most `most_running` answers of the model `name` are being made, and at most `most_waiting` wait, first come first served.

    Used on the thread of one event loop; `close` from any.
    """

    def __init__(self, name: str, most_running: int, most_waiting: int) -> None:
        if most_running < 1 or most_waiting < 0:
            raise ModelError(f"out of range (most_running >= 1, most_waiting >= 0): {most_running}, {most_waiting}")
        self.name, self.most_running, self.most_waiting = name, most_running, most_waiting
        self.inside = self.running = self.tokens = 0
        self.begun: set[Spoken] = set()
        self.free = asyncio.Semaphore(most_running)
        self._seconds = 0.0  # that an answer takes, of late
        self._closed = False

    def claim(self) -> None:
        """Count one more, which must `leave`. Raises Busy."""
        self.open()
        if self.inside >= self.most_running + self.most_waiting:
            wait = max(SOON, self._seconds * (self.inside - self.running) / self.most_running)
            raise Busy(f"{self.inside} answers of {self.name} are asked for already: ask again in {wait:.0f} s", wait)
        self.inside += 1

    def leave(self) -> None:
        """Count one less."""
        self.inside -= 1

    def took(self, seconds: float, tokens: int) -> None:
        """An answer was made."""
        self.tokens += tokens
        self._seconds = 0.8 * self._seconds + 0.2 * seconds if self._seconds else seconds

    def open(self) -> None:
        """Raises Busy once it is closed."""
        if self._closed:
            raise Busy(f"{self.name} is being closed: ask again", SOON)

    def stats(self) -> Stats:
        """How many are running and waiting, and the tokens made."""
        return Stats(self.running, self.inside - self.running, self.tokens)

    def close(self, timeout: float) -> None:
        """Take nothing new, let those that are here finish within `timeout` seconds, and end the rest.

        On the loop's own thread one cannot wait: there everything ends at once (await `emptied` first).
        """
        self._closed = True
        tasks = [speech.task for speech in list(self.begun) if speech.task]
        if not tasks:
            return
        loop = tasks[0].get_loop()
        if loop is _running():
            self._end()
        elif loop.is_running():
            asyncio.run_coroutine_threadsafe(self.emptied(timeout), loop).result()

    async def emptied(self, timeout: float) -> None:
        """As `close`, on the loop's thread."""
        self._closed = True
        tasks = [speech.task for speech in self.begun if speech.task]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout)
            self._end()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _end(self) -> None:
        for speech in list(self.begun):
            speech.end()


class Spoken:
    """A `speech.Speech` that `make(speech, streaming)` makes: it calls `say` with each piece if it streams, and returns the reply.

    It begins when it is first read, since only then one knows whether pieces are wanted; it is counted from the start on.
    It runs in a copy of the context that it was asked for in, so that whoever pays for it then, pays. `deadline`: in seconds.
    """

    def __init__(self, turns: Turns, make: Callable[[Spoken, bool], Awaitable[Reply]], deadline: float | None = None) -> None:
        self.task: asyncio.Task[Reply] | None = None
        self.logprobs: list[TokenLogprob] = []
        self._turns, self._make, self._deadline = turns, make, deadline
        self._unread = False
        turns.claim()
        self._unread = True
        self._until = None if deadline is None else asyncio.get_running_loop().time() + deadline
        self._context = contextvars.copy_context()
        self._pieces: list[str] = []
        self._news = asyncio.Event()
        self._ended = False

    def __del__(self) -> None:
        if self._unread:
            self._turns.leave()

    async def apieces(self) -> AsyncIterator[str]:
        """The text as it is made. Who stops reading before the end lets go of it."""
        task, told = self._begun(True), 0
        try:
            while not (task.done() and told == len(self._pieces)):
                while told < len(self._pieces):
                    told += 1
                    yield self._pieces[told - 1]
                if not task.done():
                    self._news.clear()
                    await self._news.wait()
            reply = task.result()
            if not told and reply.text:  # it was asked for as a whole before
                yield reply.text
        finally:
            self.cancel()

    async def areply(self) -> Reply:
        """The whole."""
        return await self._begun(False)

    def cancel(self) -> None:
        """Let go of it; if it is done, nothing happens."""
        self._begun(False).cancel()

    def end(self) -> None:
        """Let go of it, since its turns are being closed: whoever waits for it gets Busy."""
        self._ended = True
        self.cancel()

    def say(self, piece: str) -> None:
        """Add a piece to the text."""
        if piece:
            self._pieces.append(piece)
            self._news.set()

    @property
    def text(self) -> str:
        """What was said in pieces so far."""
        return "".join(self._pieces)

    def _begun(self, streaming: bool) -> asyncio.Task[Reply]:
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._made(streaming), context=self._context)
            self._unread = False
            self._turns.begun.add(self)
            self.task.add_done_callback(self._over)
        return self.task

    async def _made(self, streaming: bool) -> Reply:
        try:
            async with asyncio.timeout_at(self._until), self._turns.free:
                self._turns.open()
                return await self._in_turn(streaming)
        except TimeoutError:
            late = f"{self._turns.name} had not answered when its {self._deadline:g} s were over"
            raise TimedOut(f"{late}: allow more time, or ask for fewer tokens") from None
        except asyncio.CancelledError:
            if self._ended:
                self._turns.open()
            raise

    async def _in_turn(self, streaming: bool) -> Reply:
        self._turns.running += 1
        began = time.monotonic()
        try:
            reply = await self._make(self, streaming)
            self._turns.took(time.monotonic() - began, reply.tokens)
            return reply
        finally:
            self._turns.running -= 1

    def _over(self, task: asyncio.Task[Reply]) -> None:
        self._turns.leave()
        self._turns.begun.discard(self)
        self._news.set()
        if not task.cancelled():
            task.exception()  # looked at, so that it is not logged when nobody waits for it


def _running() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs on this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
