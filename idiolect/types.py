"""The values everything else passes around: what is kept of a person, what is put to a model, what comes back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from idiolect.bending import Adapter, ByContent, Floats, Gate, Ints, Memory, Prefix, Steering
from idiolect.errors import RequestError
from idiolect.records import KINDS, WRITTEN, Fact, History, Kind, Record, User, digest

__all__ = [  # records.py has what is kept of a person, bending.py what bends a model; whoever needs them imports from here
    "KINDS",
    "WRITTEN",
    "Adapter",
    "ByContent",
    "Fact",
    "Floats",
    "Gate",
    "Guide",
    "History",
    "Ints",
    "Kind",
    "Memory",
    "Message",
    "Prefix",
    "Record",
    "Reply",
    "Request",
    "Sampling",
    "Score",
    "State",
    "Steering",
    "User",
    "ask",
    "digest",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who speaks, and what is said."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Guide:
    """Companion requests decoded in step with the request, and how the voices' log-probabilities join. Voice 0 is the request itself.

    Rules, with weights w and probabilities p of the next token: "geometric" (sum of w log p), "arithmetic" (sum of w p), "harmonic"
    (1 / sum of w / p), "ratios" (sum of w p / q, where q is of the voice that `against` names for each voice). Candidates are the `top`
    likeliest tokens of voice `judge` (0: all) whose probability is at least `plausible` of its greatest; all others are impossible.
    """

    companions: tuple[Request, ...]
    weights: tuple[float, ...]  # of the request, then of each companion
    rule: Literal["geometric", "arithmetic", "harmonic", "ratios"] = "geometric"
    against: tuple[int, ...] = ()
    judge: int | None = 0  # None: the mean of all voices, weighted
    top: int = 0
    plausible: float = 0.0
    gate: Gate | None = None
    models: tuple[str, ...] = ()  # of each companion, by the name under which the request's model holds it beside itself; "": the same

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.companions) + 1:
            raise RequestError(f"a guide of {len(self.companions)} companions needs one weight more, not {len(self.weights)}")
        if any(companion.guide for companion in self.companions):
            raise RequestError("a companion cannot have a guide of its own: put all companions into one guide")

    @property
    def limits(self) -> str:
        """What else decides beside the weights, in words; "" for nothing."""
        told = {f" top {self.top}": self.top, f" plausible {self.plausible:g}": self.plausible, " gate": self.gate}
        return "".join(words for words, there in told.items() if there)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. Temperature 0 is greedy; `seed` makes a draw repeatable whoever shares the batch."""

    max_tokens: int = 64
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or not self.temperature >= 0 or not 0 < self.top_p <= 1:  # so that NaN is refused
            raise RequestError(f"sampling out of range (max_tokens >= 1, temperature >= 0, 0 < top_p <= 1): {self}")


@dataclass(frozen=True, slots=True)
class Request:
    """What is put to the model, and how the model is bent while it answers. Immutable; every verb returns a new one."""

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    adapters: tuple[tuple[Adapter, float], ...] = ()  # a mixture: the deltas are added, each times its share
    prefix: Prefix | None = None
    steering: tuple[Steering, ...] = ()
    memory: Memory | None = None
    guide: Guide | None = None
    because: tuple[str, ...] = ()  # what shaped the text: "record:<id>", "profile:<digest>"
    weights: tuple[tuple[str, float], ...] = ()  # what the answer is to strive for, and how much: methods with objectives read it

    def __post_init__(self) -> None:
        if not self.messages or self.messages[-1].role != "user":
            raise RequestError("a request ends with a message of role 'user': the question")

    @property
    def question(self) -> str:
        """What is asked: the last message."""
        return self.messages[-1].content

    def told(self, text: str, because: Iterable[str | Record] = ()) -> Request:
        """The same request with `text` in the system message, after what stands there. Nothing to tell changes nothing."""
        if not text:
            return self
        first, rest = self.messages[0], self.messages[1:]
        if first.role != "system":
            first, rest = Message("system", ""), self.messages
        system = Message("system", f"{first.content}\n\n{text}" if first.content else text)
        reasons = tuple(f"record:{b.id}" if isinstance(b, Record) else b for b in because)
        return replace(self, messages=(system, *rest), because=self.because + reasons)

    def bent(
        self,
        *,
        adapters: Mapping[Adapter, float] | None = None,
        prefix: Prefix | None = None,
        steering: Iterable[Steering] = (),
        memory: Memory | None = None,
        guide: Guide | None = None,
    ) -> Request:
        """The same request with these bends added to its own: shares of one adapter add up, prefixes join, one memory and one guide."""
        shares = dict(self.adapters)
        for adapter, share in (adapters or {}).items():
            shares[adapter] = shares.get(adapter, 0.0) + share
        if prefix is not None and self.prefix is not None:
            prefix = self.prefix.before(prefix)
        if guide is not None and self.guide is not None:
            raise RequestError("the request already has a guide: join both sets of companions in one")
        if memory is not None and self.memory is not None:
            raise RequestError("the request already has a memory: put the entries of both into one")
        return replace(
            self,
            adapters=tuple(shares.items()),
            prefix=prefix or self.prefix,
            steering=self.steering + tuple(steering),
            memory=memory or self.memory,
            guide=guide or self.guide,
        )

    def weighing(self, weights: Mapping[str, float]) -> Request:
        """The same request with objectives weighed: `request.weighing({"brief": 0.3, "thorough": 0.7})`. None: as the person is known."""
        return replace(self, weights=tuple((name, float(value)) for name, value in weights.items()))

    def sampled(self, **changes: Any) -> Request:
        """The same request with some of its sampling changed: `request.sampled(temperature=1.0, seed=3)`."""
        return replace(self, sampling=replace(self.sampling, **changes))

    @property
    def needs(self) -> frozenset[str]:
        """The capabilities a model must have to answer this."""
        own = {"adapters": self.adapters, "prefix": self.prefix, "steering": self.steering, "memory": self.memory, "guide": self.guide}
        inner = (companion.needs for companion in (self.guide.companions if self.guide else ()))
        return frozenset(name for name, value in own.items() if value).union(*inner)

    @property
    def sources(self) -> tuple[str, ...]:
        """Everything that bends the answer, one line each: the reply carries it."""
        made = [*self.because, *(f"weight:{name} {value:g}" for name, value in self.weights)]
        made += [f"adapter:{adapter.name or adapter.digest} x{share:g}" for adapter, share in self.adapters]
        made += [f"prefix:{self.prefix.name or self.prefix.digest}"] if self.prefix else []
        made += [f"steering:{s.name or s.digest} layer {s.layer}{'' if s.site == 'residual' else f' {s.site}'}" for s in self.steering]
        made += [f"memory:{self.memory.name or self.memory.digest} x{self.memory.near + self.memory.same:g}"] if self.memory else []
        if self.guide:
            made.append(f"guide:{self.guide.rule} {'/'.join(f'{weight:g}' for weight in self.guide.weights)}{self.guide.limits}")
            made += [f"model:{name}" for name in self.guide.models if name]
            made += [f"companion:{source}" for companion in self.guide.companions for source in companion.sources]
        return tuple(made)


def ask(question: str, **sampling: Any) -> Request:
    """A plain request: one question, nothing bent."""
    return Request((Message("user", question),), Sampling(**sampling))


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, what it is made of, and what it cost."""

    text: str
    because: tuple[str, ...] = ()
    finish: Literal["stop", "length"] = "stop"
    prompt_tokens: int = 0
    tokens: int = 0
    dropped_tokens: int = 0  # cut from the context because the model's window is smaller
    calls: int = 1

    def chosen_of(self, replies: Iterable[Reply]) -> Reply:
        """This reply at the cost of all of `replies`: of those that were asked for to choose it."""
        asked = list(replies)
        prompt_tokens, tokens = sum(one.prompt_tokens for one in asked), sum(one.tokens for one in asked)
        return replace(self, prompt_tokens=prompt_tokens, tokens=tokens, calls=sum(one.calls for one in asked))


@dataclass(frozen=True, slots=True)
class Score:
    """Log-probability of a given answer: nats for each token, and the answer's length in characters."""

    logprobs: tuple[float, ...]
    chars: int
    prompt_tokens: int = 0

    @property
    def nats(self) -> float:
        """Log-probability of the whole answer, in nats."""
        return math.fsum(self.logprobs)

    @property
    def bits_per_char(self) -> float:
        """Bits the model needs for one character of the answer; lower is a better guess."""
        return -self.nats / math.log(2) / max(self.chars, 1)


@dataclass(frozen=True, eq=False)
class State:
    """What one person taught a method: theirs, and gone when it is deleted. Saved as JSON and safetensors (`store.states`)."""

    text: str = ""
    records: History = field(default_factory=History)
    numbers: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, Floats] = field(default_factory=dict)
    adapter: Adapter | None = None
    parts: tuple[State, ...] = ()  # one for each link of a Chain
    facts: tuple[Fact, ...] = ()
    people: Mapping[str, State] = field(default_factory=dict)  # in what people teach together: what is one person's, erased with them

    def __post_init__(self) -> None:
        if not isinstance(self.records, History):
            object.__setattr__(self, "records", History(self.records))
