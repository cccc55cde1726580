"""A model behind an endpoint, asked without blocking an event loop: many answers under way, each stopped when nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from idiolect.models import wire
from idiolect.models.calls import Broken, Calls
from idiolect.models.endpoint import Refused
from idiolect.models.lm import check
from idiolect.models.remote import RemoteLM
from idiolect.models.speech import Speech, Stats, told_in_pieces
from idiolect.models.sse import Events
from idiolect.models.turns import Spoken, Turns
from idiolect.types import Reply, Request

LOADERS = 8  # threads in which what a request needs at the endpoint is got ready there
COUNTS = {"stream_options": {"include_usage": True}}


class Asking:
    """A voice for a `RemoteLM`: the same bodies, patience and errors, on the event loop on which it is first asked.

    `most_running`, and not the model's `concurrency`, limits these calls. Read in pieces, an answer is streamed; else it
    comes in one. Log-probabilities are the endpoint's. A stream's counts of tokens are too, or estimated where it tells none.
    """

    def __init__(self, lm: RemoteLM, most_running: int = 64, most_waiting: int = 256) -> None:
        self.lm, self._turns, self._calls = lm, Turns(lm.name, most_running, most_waiting), Calls(lm.endpoint)
        self._counts = True  # until the endpoint refuses to be asked for them
        self._loaders = ThreadPoolExecutor(LOADERS, thread_name_prefix="loading")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: Any = None  # a task that nobody holds may be lost

    def submit(self, request: Request, *, deadline: float | None = None, logprobs: int = 0) -> Speech:
        """As of `Voice`."""
        check(self.lm, request.needs, "this request")
        self._loop = self._loop or asyncio.get_running_loop()
        return Spoken(self._turns, lambda speech, streaming: self._made(request, logprobs, speech, streaming), deadline)

    def close(self, timeout: float) -> None:
        """As of `Voice`. On the loop's own thread it cannot wait, and everything ends at once."""
        self._turns.close(timeout)
        self._loaders.shutdown(wait=False, cancel_futures=True)
        if self._loop is not None and self._loop.is_running():
            self._closing = asyncio.run_coroutine_threadsafe(self._calls.close(), self._loop)

    def stats(self) -> Stats:
        """What is going on."""
        return self._turns.stats()

    async def _made(self, request: Request, logprobs: int, speech: Spoken, streaming: bool) -> Reply:
        model = self.lm.hold(request) or await self._loaded(request)
        ask, body = self._streamed if streaming else self._whole, wire.chat(request, model, logprobs)
        try:
            try:
                return await ask(request, body, speech)
            except Refused as refused:
                restored = refused.status == 404 and await self._restored(request, model)
                if not restored:
                    raise
            return await ask(request, body, speech)
        finally:
            self.lm.release(model)

    async def _loaded(self, request: Request) -> str:
        """The name of a model that must be got ready first. If nobody waits any more when it is, it is released."""
        loading = self._loaders.submit(self.lm.load, request)
        try:
            return await asyncio.wrap_future(loading)
        except asyncio.CancelledError:
            loading.add_done_callback(self._unwanted)
            raise

    def _unwanted(self, loading: Future[str]) -> None:
        if not loading.cancelled() and loading.exception() is None:
            self.lm.release(loading.result())

    async def _restored(self, request: Request, model: str) -> bool:
        return await asyncio.get_running_loop().run_in_executor(self._loaders, self.lm.restore, request, model)

    async def _whole(self, request: Request, body: dict[str, Any], speech: Spoken) -> Reply:
        said = self.lm.endpoint.json(await self._calls.text(wire.CHAT, body))
        with self.lm.endpoint.understood(said):
            speech.logprobs += wire.logprobs(said["choices"][0])
            return wire.reply(said, request)

    async def _streamed(self, request: Request, body: dict[str, Any], speech: Spoken) -> Reply:
        body = {**body, "stream": True}
        if self._counts:
            try:
                return await self._heard(request, {**body, **COUNTS}, speech)
            except Refused as refused:
                if refused.status not in (400, 422) or not any(word in refused.said for word in ("stream_options", "include_usage")):
                    raise
                self._counts = False
        return await self._heard(request, body, speech)

    async def _heard(self, request: Request, body: dict[str, Any], speech: Spoken) -> Reply:
        ended, counts, chars = "", None, 0
        async with self._calls.stream(wire.CHAT, body) as chunks:
            try:
                async for data in _events(chunks):
                    if data.strip() == "[DONE]":
                        return _reply(request, speech.text, ended, counts)
                    piece = self.lm.piece(data)
                    ended, counts, chars = piece.ended or ended, piece.counts or counts, chars + len(piece.text)
                    speech.logprobs += piece.logprobs
                    speech.say(piece.text)
            except Broken as error:
                raise self.lm.broken(chars, str(error)) from None
        if not ended:
            raise self.lm.broken(chars, "the stream ended early")
        return _reply(request, speech.text, ended, counts)


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    made = Events()
    async for chunk in chunks:
        for data in made.feed(chunk):
            yield data
    for data in made.end():
        yield data


def _reply(request: Request, text: str, ended: str, counts: tuple[int, int] | None) -> Reply:
    reply = told_in_pieces(request, text, wire.finish(ended))
    return replace(reply, prompt_tokens=counts[0], tokens=counts[1]) if counts else reply
