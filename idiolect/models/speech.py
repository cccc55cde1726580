"""What a server says to any model: ask without waiting, read what is said as it comes, let go of it."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, Protocol

from idiolect.errors import ModelError
from idiolect.models.lm import LM, check, estimated
from idiolect.models.turns import Busy, Spoken, Stats, TimedOut, TokenLogprob, Turns
from idiolect.types import Reply, Request

__all__ = ["Busy", "Speech", "Stats", "Threaded", "TimedOut", "TokenLogprob", "Voice", "told_in_pieces"]


class Speech(Protocol):
    """An answer on its way. Whoever waits for one that is cancelled gets asyncio.CancelledError."""

    @property
    def logprobs(self) -> list[TokenLogprob]:
        """Of each token so far, where they were asked for."""
        ...

    def apieces(self) -> AsyncIterator[str]:
        """The text as it is made. Who stops reading before the end lets go of it."""
        ...

    async def areply(self) -> Reply:
        """The whole answer, with how it ended and the counts of tokens; also after its pieces."""
        ...

    def cancel(self) -> None:
        """Let go of it: nothing more is made. If it is done, nothing happens."""
        ...


class Voice(Protocol):
    """A model that can be asked without blocking the event loop on whose thread one asks."""

    @property
    def lm(self) -> LM:
        """The model."""
        ...

    def submit(self, request: Request, *, deadline: float | None = None, logprobs: int = 0) -> Speech:
        """Ask for an answer within `deadline` seconds, of which the `logprobs` likeliest tokens are told at each place (0: nothing).

        Returns at once. Raises Busy when too many wait, and ModelError for what the model cannot. What goes wrong later is
        raised where the speech is read: TimedOut, EndpointError.
        """
        ...

    def close(self, timeout: float) -> None:
        """Take nothing new, let what is under way finish within `timeout` seconds, and let go of the rest."""
        ...

    def stats(self) -> Stats:
        """What is going on."""
        ...


class Threaded:
    """A voice for any model, asked in `most_running` threads.

    Read in pieces, the model streams; tokens are then estimated, since a stream tells no counts. A thread in the middle of a
    model's call cannot be stopped: after a cancel or a deadline it ends with its next piece, or its reply, that nobody gets.
    """

    def __init__(self, lm: LM, most_running: int = 8, most_waiting: int = 64) -> None:
        self.lm, self._turns = lm, Turns(lm.name, most_running, most_waiting)
        self._pool = ThreadPoolExecutor(most_running, thread_name_prefix="asked")

    def submit(self, request: Request, *, deadline: float | None = None, logprobs: int = 0) -> Speech:
        """As of `Voice`. Raises ModelError where log-probabilities are asked for: these models have no way to tell them."""
        check(self.lm, request.needs, "this request")
        if logprobs:
            raise ModelError(f"{self.lm.name!r} does not tell how likely what it says is: ask without `logprobs`")
        return Spoken(self._turns, lambda speech, streaming: self._made(request, speech, streaming), deadline)

    def close(self, timeout: float) -> None:
        """As of `Voice`; threads in the middle of a call are not waited for."""
        self._turns.close(timeout)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def stats(self) -> Stats:
        """What is going on."""
        return self._turns.stats()

    async def _made(self, request: Request, speech: Spoken, streaming: bool) -> Reply:
        loop, context = asyncio.get_running_loop(), contextvars.copy_context()
        if not streaming:
            return (await loop.run_in_executor(self._pool, context.run, self.lm.generate, [request]))[0]
        gone = threading.Event()

        def heard() -> None:
            for piece in _until(gone, self.lm.stream(request)):
                with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                    loop.call_soon_threadsafe(speech.say, piece)

        try:
            await loop.run_in_executor(self._pool, context.run, heard)
        finally:
            gone.set()
        return told_in_pieces(request, speech.text)


def told_in_pieces(request: Request, text: str, finish: Literal["stop", "length"] = "stop") -> Reply:
    """The reply of a stream that told no counts: tokens are estimated from bytes."""
    asked = sum(estimated(message.content) for message in request.messages)
    return Reply(text, request.sources, finish, asked, estimated(text))


def _until(gone: threading.Event, pieces: Iterator[str]) -> Iterator[str]:
    """The pieces, until somebody has gone; the stream is closed in any case."""
    try:
        for piece in pieces:
            if gone.is_set():
                return
            yield piece
    finally:
        if close := getattr(pieces, "close", None):
            close()
