"""A question on its way: bent for its person, put to the model once for each choice, and what became of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from idiolect.models.speech import Busy, Speech, TokenLogprob
from idiolect.serve.answers import Answers
from idiolect.serve.gateway import Served
from idiolect.serve.here import Here
from idiolect.serve.wire import Options
from idiolect.store.replies import Given
from idiolect.types import Reply, Request


class Told:
    """The speech of a method that answered by itself: all at once."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.logprobs: list[TokenLogprob] = []

    async def apieces(self) -> AsyncIterator[str]:
        """The text, as one piece."""
        if self.reply.text:
            yield self.reply.text

    async def areply(self) -> Reply:
        """The reply."""
        return self.reply

    def cancel(self) -> None:
        """It is there already."""


@dataclass
class Asked:
    """What one call asked for: its prompts, `n` choices of each, for one person or for nobody."""

    here: Here
    served: Served
    id: str
    person: str | None  # as the caller says it
    requests: Sequence[Request]
    n: int
    alternatives: int  # tokens to tell at each place
    weights: dict[str, float] | None = None
    learn: bool | None = None
    created: float = field(default_factory=time.time)
    newcomer: bool = False
    learns: bool = False  # whether the person lets questions be kept as their words
    personal: int = 0  # tokens of what was told of the person
    because: tuple[str, ...] = ()
    speeches: list[Speech] = field(default_factory=list)

    @classmethod
    def of(cls, here: Here, body: Options, requests: Sequence[Request], alternatives: int, kind: str) -> Asked:
        """What `body` asks for. Raises MethodError for a model that is not served, NotFound for a person who is not the caller's."""
        served = here.gateway.served(body.model, body.extra.method)
        made = cls(here, served, Answers.new_id(kind), body.user or here.caller.person, requests, body.n or 1, alternatives)
        made.weights, made.learn = body.extra.weights, body.extra.learn
        if made.person is not None:
            here.caller.reach(made.person)
        return made

    @property
    def key(self) -> str | None:
        """The person's key in the store; None for nobody's answer."""
        return None if self.person is None else self.here.caller.reach(self.person)

    async def begin(self) -> None:
        """Bend every prompt and put it to the model. Raises Busy where too many wait; then nothing was asked."""
        bent = [await self._bent(request) for request in self.requests]
        try:
            for request in bent:
                self.speeches += [self._submitted(request, choice) for choice in range(self.n)]
        except BaseException:
            self.cancel()
            raise

    async def _bent(self, request: Request) -> Request | Reply:
        if self.key is None:
            return request
        made = await self.here.gateway.bend(self.key, self.served, request, self.weights)
        self.newcomer, self.learns, self.personal = made.newcomer, made.learns, self.personal + made.personal
        self.because = self.because or (made.request.because if isinstance(made.request, Reply) else made.request.sources)
        return made.request

    def _submitted(self, bent: Request | Reply, choice: int) -> Speech:
        if isinstance(bent, Reply):
            return Told(bent)
        gateway = self.here.gateway
        own = bent.sampled(seed=bent.sampling.seed + choice) if choice else bent
        return gateway.voices[self.served.model].submit(own, deadline=gateway.settings.timeout, logprobs=self.alternatives)

    async def replies(self) -> list[Reply]:
        """All choices, whole; when one fails, or the caller goes away, the others are not gone on with."""
        try:
            return [_whole(reply) for reply in await asyncio.gather(*(speech.areply() for speech in self.speeches))]
        except BaseException:
            self.cancel()
            raise

    async def pieces(self) -> AsyncIterator[tuple[int, str | Reply]]:
        """The choices' pieces as they come, each with its choice's number, and at the end of each its reply."""
        if len(self.speeches) == 1:
            async for piece in _followed(self.speeches[0]):
                yield 0, piece
            return
        pending: asyncio.Queue[tuple[int, str | Reply | BaseException]] = asyncio.Queue()
        tasks = [asyncio.create_task(_gathered(number, speech, pending)) for number, speech in enumerate(self.speeches)]
        for number, task in enumerate(tasks):
            task.add_done_callback(partial(_failed, number, into=pending))
        left = len(tasks)
        try:
            while left:
                number, news = await pending.get()
                if isinstance(news, BaseException):
                    raise news
                left -= isinstance(news, Reply)
                yield number, news
        finally:
            for task in tasks:
                task.cancel()

    def cancel(self) -> None:
        """Let everything under way leave."""
        for speech in self.speeches:
            speech.cancel()

    async def kept(self, text: str) -> None:
        """Keep what was answered, so that it can be explained and rated; and the question as theirs, where they consented."""
        if self.key is None:
            return
        first = self.requests[0]
        given = Given(self.id, self.key, self.created, self.served.model, self.served.method, first.question, text, self.because)
        self.here.answers.add(given, self.newcomer)
        if self.learns and self.learn is not False:  # `desk.learn` looks again: they may have thought otherwise since
            before = next((message.content for message in reversed(first.messages) if message.role == "assistant"), "")
            desk = self.here.gateway.desk
            await self.here.gateway.run(desk.learn, self.key, first.question, before, self.id, self.learn)

    def usage(self, replies: Sequence[Reply]) -> dict[str, Any]:
        """The counts of tokens: of a prompt with several choices once, and of what was told of the person apart."""
        prompts = sum(reply.prompt_tokens for reply in replies[:: self.n])
        tokens = sum(reply.tokens for reply in replies)
        about = {"prompt_tokens_details": {"cached_tokens": 0, "personal_tokens": min(self.personal, prompts)}}
        return {"prompt_tokens": prompts, "completion_tokens": tokens, "total_tokens": prompts + tokens, **about}


async def _followed(speech: Speech) -> AsyncIterator[str | Reply]:
    async for piece in speech.apieces():
        yield piece
    yield _whole(await speech.areply())


def _whole(reply: Reply) -> Reply:
    """A reply that was not broken off. Raises Busy for one that a server which stops had no time for."""
    if reply.finish not in ("stop", "length"):
        raise Busy("the server is being stopped, and this answer was broken off: ask again", 1.0)
    return reply


async def _gathered(number: int, speech: Speech, into: asyncio.Queue[tuple[int, str | Reply | BaseException]]) -> None:
    async for piece in _followed(speech):
        into.put_nowait((number, piece))


def _failed(number: int, task: asyncio.Task[None], into: asyncio.Queue[tuple[int, str | Reply | BaseException]]) -> None:
    """Hand what went wrong to whoever reads the queue."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        into.put_nowait((number, error))
