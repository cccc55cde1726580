"""A model behind an OpenAI-compatible endpoint (OpenAI, vLLM, Ollama, llama.cpp): text in, text out, and what it can beyond that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from idiolect.models.endpoint import Endpoint, told
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
        self._endpoint = Endpoint(url, api_key, timeout, retries, concurrency)
        self.model, self.name = model, f"{model} at {self._endpoint.url}"
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

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def __repr__(self) -> str:
        return f"RemoteLM({self._endpoint.url!r}, {self.model!r})"

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
        said = self._endpoint.ask("chat/completions", self._chat(request))
        with self._endpoint.understood(said):
            choice, usage = said["choices"][0], said.get("usage") or {}
            text = choice["message"]["content"] or ""
            if not isinstance(text, str):
                raise TypeError("the content is not a text")
            counts = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
            return Reply(text, request.sources, "length" if choice.get("finish_reason") == "length" else "stop", *counts)

    def _pieces(self, request: Request) -> Iterator[str]:
        chars, finished = 0, False
        with self._endpoint.stream("chat/completions", {**self._chat(request), "stream": True}) as chunks:
            try:
                for data in events(chunks):
                    if data.strip() == "[DONE]":
                        return
                    piece, ended = self._piece(data)
                    chars, finished = chars + len(piece), finished or ended
                    if piece:
                        yield piece
            except httpx.HTTPError as error:
                raise self._endpoint.failed(f"broke off after {chars} characters ({told(error)})") from None
        if not finished:
            raise self._endpoint.failed(f"broke off after {chars} characters (the stream ended early)")

    def _piece(self, data: str) -> tuple[str, bool]:
        """The text in one event, and whether the reply is finished."""
        said = self._endpoint.json(data)
        if "error" in said:
            raise self._endpoint.failed(f"said while streaming: {self._endpoint.quoted(data)}")
        with self._endpoint.understood(said):
            piece = "".join((choice.get("delta") or {}).get("content") or "" for choice in said["choices"])
            return piece, any(choice.get("finish_reason") for choice in said["choices"])

    def _chat(self, request: Request) -> dict[str, Any]:
        """The body of a chat request; what makes no difference is left out, since some endpoints refuse what they do not know."""
        own = request.sampling
        body: dict[str, Any] = {"model": self.model, "messages": [{"role": m.role, "content": m.content} for m in request.messages]}
        body |= {"max_tokens": own.max_tokens, "temperature": own.temperature}
        drawn = {"top_p": own.top_p, "seed": own.seed} if own.temperature else {}
        return body | drawn | ({"stop": list(own.stop)} if own.stop else {})

    def _score(self, request: Request, answer: str) -> Score:
        prompt = self.scoring(request.messages) if self.scoring else ""
        # one token is made and left out again: 0 means "no limit" to some servers
        body = {"model": self.model, "prompt": prompt + answer, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}
        said = self._endpoint.ask("completions", body)
        with self._endpoint.understood(said):
            found = said["choices"][0].get("logprobs") or {}
            made = int((said.get("usage") or {}).get("completion_tokens", 1))
            if len(found.get("tokens") or ()) <= made:
                raise self._endpoint.failed("gave no log-probabilities of what it was sent: use it without `scoring`")
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
