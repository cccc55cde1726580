"""A language model that says what it is told to say: the double with which prompting methods are tested."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from idiolect.errors import ModelError
from idiolect.models.lm import CAPABILITIES, check
from idiolect.types import Reply, Request, Score

ASCII = 95  # printable ASCII characters, which share 0.9 of the toy model's mass
UNICODE = 0x110000  # all code points; those outside printable ASCII share the other 0.1


class ScriptedLM:
    """Answers by script, and keeps every request it was sent in `requests` and every pair it scored in `scored`.

    `replies` is a list, used in turn and then exhausted (ModelError), or a function of the request, or None: the last
    non-empty line of the question is said back. A token is a word: a reply ends before the first of the request's stop
    strings and after `max_tokens` words. Temperature, top-p and seed change nothing.

    `can` says which bends are let through; they are recorded and have no effect. What is not in it is refused before
    anything is recorded. Unknown capabilities raise ModelError.
    """

    def __init__(
        self,
        replies: Sequence[str] | Callable[[Request], str] | None = None,
        can: Iterable[str] = ("logprobs",),
        name: str = "scripted",
    ) -> None:
        self.name, self.can = name, frozenset(can)
        if self.can - CAPABILITIES:
            unknown = ", ".join(sorted(self.can - CAPABILITIES))
            raise ModelError(f"no such capability: {unknown}; there are {', '.join(sorted(CAPABILITIES))}")
        if isinstance(replies, str):
            raise ModelError(f"replies is the text {replies!r}: give a list of texts, or a function of the request")
        self.requests: list[Request] = []
        self.scored: list[tuple[Request, str]] = []
        self._say = replies if callable(replies) else _echo if replies is None else self._in_turn(list(replies))

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply for each request, in order; `because` is what bent it, token counts are words."""
        for request in requests:
            check(self, request.needs, "this request")
        self.requests.extend(requests)
        return [self._reply(request) for request in requests]

    def stream(self, request: Request) -> Iterator[str]:
        """The reply of `generate`, word by word; the pieces joined are its text."""
        return iter(re.findall(r"\S+\s*|^\s+", self.generate([request])[0].text))

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """A toy log-probability, one for each character of the answer: `toy_logprobs` in the words of the whole prompt."""
        for request in requests:
            check(self, request.needs | {"logprobs"}, "score")
        pairs = list(zip(requests, answers, strict=True))
        self.scored.extend(pairs)
        return [Score(toy_logprobs(_prompt(r), a), len(a), _words(_prompt(r))) for r, a in pairs]

    def _reply(self, request: Request) -> Reply:
        text, limit = self._say(request), request.sampling.max_tokens
        text = text[: min((at for at in (text.find(stop) for stop in request.sampling.stop) if at >= 0), default=len(text))]
        words = list(re.finditer(r"\S+", text))
        cut = len(words) > limit
        text = text[: words[limit - 1].end()] if cut else text
        return Reply(text, request.sources, "length" if cut else "stop", _words(_prompt(request)), min(len(words), limit))

    def _in_turn(self, replies: list[str]) -> Callable[[Request], str]:
        left = iter(replies)

        def say(request: Request) -> str:
            for reply in left:
                return reply
            raise ModelError(f"the script of {self.name!r} ended after {len(replies)} replies; give it one for {request.question!r}")

        return say


def toy_logprobs(prompt: str, answer: str) -> tuple[float, ...]:
    """Log-probability in nats of each character of `answer` under a bigram cache of `prompt`: what resembles it is likelier.

    A proper distribution over all code points, in three steps:
    p0(c) = 0.9 / 95 for printable ASCII, else 0.1 / (1114112 - 95);
    p1(c) = (count(c) + 8 p0(c)) / (length + 8);
    p(c | b) = (count(bc) + 2 p1(c)) / (count of pairs that start with b + 2), where b is "\\n" before the first character.
    """
    text = f"\n{prompt}"
    ones, pairs, starts = Counter(text), Counter(pairwise(text)), Counter(text[:-1])

    def p1(c: str) -> float:
        return (ones[c] + 8 * (0.9 / ASCII if " " <= c <= "~" else 0.1 / (UNICODE - ASCII))) / (len(text) + 8)

    before = "\n" + answer[:-1]
    return tuple(math.log((pairs[b, c] + 2 * p1(c)) / (starts[b] + 2)) for b, c in zip(before, answer, strict=True)) if answer else ()


def _echo(request: Request) -> str:
    lines = [line.strip() for line in request.question.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _prompt(request: Request) -> str:
    return "\n\n".join(message.content for message in request.messages)


def _words(text: str) -> int:
    return len(text.split())
