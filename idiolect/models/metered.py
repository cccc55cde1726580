"""A model that counts what is asked of it, and otherwise is the model it wraps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from idiolect.models.lm import LM
from idiolect.types import Reply, Request, Score


@dataclass
class Meter:
    """Model calls (sequences generated or scored, a guide's companions among them where a reply counts them), and tokens."""

    calls: int = 0
    prompt_tokens: int = 0
    dropped_tokens: int = 0  # cut from contexts because the window is smaller
    tokens: int = 0  # of replies


class Metered:
    """`inner` with a `meter`. Training and what else needs the raw model takes `inner`; unknown attributes are the model's own."""

    def __init__(self, inner: LM) -> None:
        self.inner, self.name, self.can = inner, inner.name, inner.can
        self.meter = Meter()

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """The model's replies, counted."""
        replies = self.inner.generate(requests)
        self.meter.calls += sum(reply.calls for reply in replies)
        self.meter.prompt_tokens += sum(reply.prompt_tokens for reply in replies)
        self.meter.dropped_tokens += sum(reply.dropped_tokens for reply in replies)
        self.meter.tokens += sum(reply.tokens for reply in replies)
        return replies

    def stream(self, request: Request) -> Iterator[str]:
        """The model's stream; counts as one call, its tokens are not told."""
        self.meter.calls += 1
        return self.inner.stream(request)

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """The model's scores, counted."""
        scores = self.inner.score(requests, answers)
        self.meter.calls += len(scores)
        self.meter.prompt_tokens += sum(score.prompt_tokens for score in scores)
        return scores

    def __getattr__(self, name: str) -> Any:
        if name == "inner":  # not yet set: while copying or unpickling
            raise AttributeError(name)
        return getattr(self.inner, name)
