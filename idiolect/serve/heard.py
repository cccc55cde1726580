"""A gateway that is listened to: how long it bends, generates, and waits for threads and the database, and for how many tokens."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Engine, event

from idiolect.models.speech import Speech, Stats, TokenLogprob, Voice
from idiolect.serve.gateway import Bent, Gateway, Served, Weights
from idiolect.serve.settings import Settings
from idiolect.serve.watch import SEEN, Part, Seen, failed, part
from idiolect.store import Store
from idiolect.types import Reply, Request, State

P = ParamSpec("P")
T = TypeVar("T")
SINCE = "idiolect.since"  # when a connection was taken


class Heard(Gateway):
    """A gateway of which requests note what they cost. What it does is what a gateway does."""

    def __init__(self, settings: Settings, store: Store, voices: Mapping[str, Voice], specs: Mapping[str, str]) -> None:
        super().__init__(settings, store, {name: HeardVoice(name, voice) for name, voice in voices.items()}, specs)
        listen(store._engine)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As of `Gateway`; noted is how long a thread was waited for."""
        seen = SEEN.get()
        if seen is None:
            return await super().run(work, *args, **kwargs)
        asked = time.perf_counter()

        def begun() -> T:
            seen.waited += time.perf_counter() - asked
            return work(*args, **kwargs)

        return await super().run(begun)

    async def bend(self, key: str, served: Served, request: Request, weights: Weights | None = None) -> Bent:
        """As of `Gateway`; noted are the time, the method, and how many tokens were told of the person."""
        seen = SEEN.get()
        if seen is None:
            return await super().bend(key, served, request, weights)
        seen.model, seen.method = served.model, served.method
        with part("bend"):
            bent = await super().bend(key, served, request, weights)
        seen.personal += bent.personal
        if isinstance(bent.request, Reply):
            counted(seen, bent.request)
        return bent

    def _bent(self, key: str, served: Served, request: Request, weights: Weights | None) -> Bent:
        before = self._held(key, served)
        bent = super()._bent(key, served, request, weights)
        seen, after = SEEN.get(), self._held(key, served)
        if seen is not None and after is not None:
            seen.known = after is before
        return bent

    def _held(self, key: str, served: Served) -> State | None:
        """The state of a person that is in memory."""
        held = self._assistants.get(served)
        return held[2].states.get(key) if held else None


class HeardVoice:
    """A voice of which requests note when it begins to speak, how long it takes, and for how many tokens."""

    def __init__(self, name: str, voice: Voice) -> None:
        self.name, self.voice, self.lm = name, voice, voice.lm

    def submit(self, request: Request, *, deadline: float | None = None, logprobs: int = 0) -> Speech:
        """As of `Voice`."""
        speech, seen = self.voice.submit(request, deadline=deadline, logprobs=logprobs), SEEN.get()
        if seen is None:
            return speech
        seen.model = seen.model or self.name
        return HeardSpeech(speech, seen)

    def close(self, timeout: float) -> None:
        """As of `Voice`."""
        self.voice.close(timeout)

    def stats(self) -> Stats:
        """As of `Voice`."""
        return self.voice.stats()


class HeardSpeech:
    """An answer on its way that is noted."""

    def __init__(self, speech: Speech, seen: Seen) -> None:
        self._speech, self._seen, self._began = speech, seen, time.perf_counter()
        self.logprobs: list[TokenLogprob] = speech.logprobs
        self._counted = False

    async def apieces(self) -> AsyncIterator[str]:
        """As of `Speech`; noted is when the first one came."""
        pieces = self._speech.apieces()
        try:
            async for piece in pieces:
                if self._seen.first is None:
                    self._seen.first = time.perf_counter() - self._seen.began
                yield piece
        except Exception as error:
            failed(error)
            raise
        finally:
            if close := getattr(pieces, "aclose", None):
                await close()

    async def areply(self) -> Reply:
        """As of `Speech`; noted is what it took."""
        try:
            reply = await self._speech.areply()
        except Exception as error:
            failed(error)
            raise
        if not self._counted:
            self._counted = True
            counted(self._seen, reply)
            self._seen.parts.append(Part("generate", self._began, time.perf_counter() - self._began))
        return reply

    def cancel(self) -> None:
        """As of `Speech`."""
        self._speech.cancel()


def counted(seen: Seen, reply: Reply) -> None:
    """Note the tokens of a reply."""
    seen.prompt_tokens += reply.prompt_tokens
    seen.tokens += reply.tokens


def listen(engine: Engine) -> None:
    """Have requests note how long they hold connections of a database: each of their transactions, and the waiting for its locks."""
    if not event.contains(engine, "checkout", _taken):
        event.listen(engine, "checkout", _taken)
        event.listen(engine, "checkin", _given_back)


def _taken(_: Any, record: Any, __: Any) -> None:
    record.info[SINCE] = time.perf_counter()


def _given_back(_: Any, record: Any) -> None:
    began = record.info.pop(SINCE, None)
    if began is not None and (seen := SEEN.get()) is not None:
        took = time.perf_counter() - began
        seen.store += took
        seen.parts.append(Part("store", began, took))
