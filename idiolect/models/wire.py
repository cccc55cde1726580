"""What goes over the wire to a chat endpoint and comes back: requests as bodies, answers as replies, events as pieces."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from idiolect.models.turns import TokenLogprob
from idiolect.types import Reply, Request

CHAT = "chat/completions"


class Piece(NamedTuple):
    """What one event of a stream tells; the counts (prompt, reply) come in one of the last."""

    text: str
    ended: str | None  # why, in the endpoint's word, once it has
    logprobs: list[TokenLogprob]
    counts: tuple[int, int] | None


def chat(request: Request, model: str, logprobs: int = 0) -> dict[str, Any]:
    """The body of a chat request; what makes no difference is left out, since some endpoints refuse what they do not know."""
    own = request.sampling
    body: dict[str, Any] = {"model": model, "messages": [{"role": m.role, "content": m.content} for m in request.messages]}
    body |= {"max_tokens": own.max_tokens, "temperature": own.temperature}
    if own.temperature:
        body |= {"top_p": own.top_p, "seed": own.seed}
    if own.stop:
        body["stop"] = list(own.stop)
    return body | {"logprobs": True, "top_logprobs": logprobs} if logprobs else body


def reply(said: Mapping[str, Any], request: Request) -> Reply:
    """The reply in what an endpoint said. Raises KeyError, IndexError, TypeError, AttributeError or ValueError for another shape."""
    choice = said["choices"][0]
    text = choice["message"]["content"] or ""
    if not isinstance(text, str):
        raise TypeError("the content is not a text")
    return Reply(text, request.sources, finish(choice.get("finish_reason")), *(counts(said) or (0, 0)))


def finish(told: str | None) -> Literal["stop", "length"]:
    """How a reply ended, of what an endpoint tells: whatever it means by "tool_calls" or "content_filter", no token was missing."""
    return "length" if told == "length" else "stop"


def piece(said: Mapping[str, Any]) -> Piece:
    """What an event tells; raises as `reply`."""
    choices = said["choices"]
    text = "".join((choice.get("delta") or {}).get("content") or "" for choice in choices)
    ended = next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None)
    return Piece(text, ended, [one for choice in choices for one in logprobs(choice)], counts(said))


def counts(said: Mapping[str, Any]) -> tuple[int, int] | None:
    """Tokens of the prompt and of the reply, where they are told."""
    usage = said.get("usage")
    return (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)) if usage else None


def logprobs(choice: Mapping[str, Any]) -> list[TokenLogprob]:
    """The tokens of a choice with their log-probabilities, where they are told."""
    told = (choice.get("logprobs") or {}).get("content") or ()
    return [TokenLogprob(one["token"], float(one["logprob"]), _top(one)) for one in told]


def _top(token: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    return tuple((one["token"], float(one["logprob"])) for one in token.get("top_logprobs") or ())
