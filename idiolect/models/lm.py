"""The protocol every model keeps: requests in, replies and scores out, and an honest list of what it can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from idiolect.errors import ModelError
from idiolect.types import Reply, Request, Score

BYTES_A_TOKEN = 4  # of English: an estimate, where a model does not say how it counts
# "steering" means that activations can be read and moved, "train" that the weights are within reach
CAPABILITIES = frozenset({"logprobs", "adapters", "prefix", "steering", "memory", "guide", "train", "images"})


@runtime_checkable
class LM(Protocol):
    """A language model. `generate` and `score` keep the order of what they are given and change nothing in it."""

    name: str
    can: frozenset[str]  # of CAPABILITIES

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply for each request. Raises ModelError before any work if a request needs what the model cannot."""
        ...

    def stream(self, request: Request) -> Iterator[str]:
        """The reply's text in pieces, as it is made."""
        ...

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """Log-probability of each answer under its request. Needs "logprobs"."""
        ...


def check(lm: LM, needs: frozenset[str], who: str) -> None:
    """Refuse, before anything runs, what `who` needs and the model cannot. Raises ModelError."""
    missing = sorted(needs - lm.can)
    if missing:
        able = ", ".join(sorted(lm.can)) or "text only"
        raise ModelError(
            f"{who} needs {', '.join(missing)}, which the model {lm.name!r} cannot do (it can: {able}); "
            "choose a local model with --model, or a method that needs less (`idiolect methods`)"
        )


def estimated(text: str) -> int:
    """About how many tokens a text has, where a model does not say."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_A_TOKEN)


class Unopened:
    """A model's place where nothing is asked of one: it has every capability, and any question to it is an error."""

    can = CAPABILITIES

    def __init__(self, name: str) -> None:
        self.name = name

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """Raises ModelError."""
        raise ModelError(f"the model {self.name!r} is not open here: this is for what is learnt without one")

    def stream(self, request: Request) -> Iterator[str]:
        """Raises ModelError."""
        return iter(self.generate([request])[0].text)

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """Raises ModelError."""
        self.generate(requests)
        return []
