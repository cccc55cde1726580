"""A model behind an OpenAI-compatible endpoint (OpenAI, vLLM, Ollama, llama.cpp): text in, text out, and what it can beyond that."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from idiolect.errors import EndpointError
from idiolect.models import wire
from idiolect.models.endpoint import Endpoint, Refused, told
from idiolect.models.lm import check
from idiolect.models.sse import events
from idiolect.types import Message, Reply, Request, Score

T = TypeVar("T")
Template = Callable[[Sequence[Message]], str]


class RemoteLM:
    """The model `model` of the endpoint at `url` ("https://host/v1"; without a path, /v1 is meant).

    timeout: seconds in which a connection must stand, and without a byte after which an answer is given up.
    retries: further tries after 408, 429, any 5xx, a time-out or a lost connection, with exponential back-off and jitter;
    Retry-After is kept to, up to a minute. concurrency: requests under way at once, over all threads that use this object.
    api_key: else the environment's IDIOLECT_API_KEY; OPENAI_API_KEY is sent to openai.com alone. It stands in no message.

    It can do text only: a request that is bent otherwise raises ModelError before anything is sent. With `scoring`,
    which turns messages into the text that the model reads (`plain_text`, or the model's own chat template), it also
    can "logprobs", through the older /completions with echo and logprobs (vLLM has them; most hosted chat models do not,
    and the first `score` then says so). With a template that is not the model's own, scores are of another prompt than
    the one `generate` sends.
    """

    def __init__(
        self,
        url: str,
        model: str,
        api_key: str | None = None,
        timeout: float = 120.0,
        retries: int = 4,
        concurrency: int = 8,
        scoring: Template | None = None,
    ) -> None:
        self.endpoint = Endpoint(url, api_key, timeout, retries, concurrency)
        self.model, self.name = model, f"{model} at {self.endpoint.url}"
        self.concurrency, self.scoring = concurrency, scoring
        self.can = frozenset({"logprobs"} if scoring else ())

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply for each request, in order. Raises ModelError before anything is sent, EndpointError when one finally fails."""
        for request in requests:
            check(self, request.needs, "this request")
        return self._together(self._reply, requests)

    def stream(self, request: Request) -> Iterator[str]:
        """The reply's text in pieces, as it is made. Raises EndpointError, also when the endpoint breaks off half way."""
        check(self, request.needs, "this request")
        return self._pieces(request)

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """Log-probability of each answer after its request's text; needs `scoring`.

        A token that begins in the prompt and ends in the answer counts whole; where the endpoint tells a character that
        is several tokens as several replacement characters, the first token of the answer may be missed.
        Raises EndpointError if the endpoint does not give the log-probabilities of what it is sent.
        """
        for request in requests:
            check(self, request.needs | {"logprobs"}, "score")
        return self._together(lambda pair: self._score(*pair), list(zip(requests, answers, strict=True)))

    def hold(self, request: Request) -> str | None:
        """The name that the endpoint knows this request's model by, until `release`; None if it must `load` it first. Never waits."""
        return self.model

    def load(self, request: Request) -> str:
        """As `hold`, after waiting for whatever must be done first. Raises ModelError."""
        return self.model

    def release(self, model: str) -> None:
        """A request that held `model` is done."""

    def restore(self, request: Request, model: str) -> bool:
        """The endpoint says that it knows no `model`: whether it has been told again. Raises ModelError."""
        return False

    def close(self) -> None:
        """Close the connections."""
        self.endpoint.close()

    def __repr__(self) -> str:
        return f"RemoteLM({self.endpoint.url!r}, {self.model!r})"

    def _together(self, work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
        """`work` done on every item, in order; the first failure ends what has not begun."""
        with ThreadPoolExecutor(max(1, min(self.concurrency, len(items)))) as pool:
            pending = [pool.submit(work, item) for item in items]
            try:
                return [one.result() for one in pending]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _reply(self, request: Request) -> Reply:
        said = self._asked(request, lambda model: self.endpoint.ask(wire.CHAT, wire.chat(request, model)))
        with self.endpoint.understood(said):
            return wire.reply(said, request)

    def _asked(self, request: Request, ask: Callable[[str], T]) -> T:
        """What `ask` gets, under the name that the request's model has there."""
        with self._held(request) as model:
            return self._again(request, model, ask)

    @contextlib.contextmanager
    def _held(self, request: Request) -> Iterator[str]:
        model = self.hold(request) or self.load(request)
        try:
            yield model
        finally:
            self.release(model)

    def _again(self, request: Request, model: str, ask: Callable[[str], T]) -> T:
        """What `ask` gets; where the endpoint has forgotten the model, at the second time."""
        try:
            return ask(model)
        except Refused as refused:
            if refused.status != 404 or not self.restore(request, model):
                raise
        return ask(model)

    def _pieces(self, request: Request) -> Iterator[str]:
        chars, finished = 0, False
        with contextlib.ExitStack() as stack:
            model = stack.enter_context(self._held(request))
            body = {**wire.chat(request, model), "stream": True}
            chunks = self._again(request, model, lambda _: stack.enter_context(self.endpoint.stream(wire.CHAT, body)))
            try:
                for data in events(chunks):
                    if data.strip() == "[DONE]":
                        return
                    piece = self.piece(data)
                    chars, finished = chars + len(piece.text), finished or bool(piece.ended)
                    if piece.text:
                        yield piece.text
            except httpx.HTTPError as error:
                raise self.broken(chars, told(error)) from None
        if not finished:
            raise self.broken(chars, "the stream ended early")

    def piece(self, data: str) -> wire.Piece:
        """What one event of a stream tells. Raises EndpointError."""
        said = self.endpoint.json(data)
        if "error" in said:
            raise self.endpoint.failed(f"said while streaming: {self.endpoint.quoted(data)}")
        with self.endpoint.understood(said):
            return wire.piece(said)

    def broken(self, chars: int, why: str) -> EndpointError:
        """The error that a stream broke off."""
        return self.endpoint.failed(f"broke off after {chars} characters ({why})")

    def _score(self, request: Request, answer: str) -> Score:
        prompt = self.scoring(request.messages) if self.scoring else ""
        # one token is made and left out again: 0 means "no limit" to some servers
        body = {"prompt": prompt + answer, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}
        said = self._asked(request, lambda model: self.endpoint.ask("completions", {"model": model, **body}))
        with self.endpoint.understood(said):
            found = said["choices"][0].get("logprobs") or {}
            made = int((said.get("usage") or {}).get("completion_tokens", 1))
            if len(found.get("tokens") or ()) <= made:
                raise self.endpoint.failed("gave no log-probabilities of what it was sent: use it without `scoring`")
            return _last(found, len(found["tokens"]) - made, len(answer))


def plain_text(messages: Sequence[Message]) -> str:
    """Messages as plain text for a model without a chat template: their contents, an empty line between them and after the last."""
    return "".join(f"{message.content}\n\n" for message in messages)


def _last(found: Mapping[str, Any], end: int, chars: int) -> Score:
    """The score of the last `chars` characters before token `end`.

    Counted from the end, because some servers count a marker of the beginning among the characters and others do not.
    """
    tokens, logprobs = found["tokens"], found["token_logprobs"]
    start, covered = end, 0
    while covered < chars:
        start -= 1
        if start < 0:
            raise ValueError("the tokens are shorter than the answer")
        covered += len(tokens[start])
    return Score(tuple(float(logprob) for logprob in logprobs[start:end]), chars, start)
