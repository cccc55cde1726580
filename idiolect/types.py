"""The values everything else passes around: what is kept of a person, what is put to a model, what comes back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import RequestError
from idiolect.records import KINDS, WRITTEN, Fact, History, Kind, Record, User, digest

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

__all__ = [  # records.py has what is kept of a person; whoever needs both imports from here
    "KINDS",
    "WRITTEN",
    "Adapter",
    "ByContent",
    "Fact",
    "Floats",
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


class ByContent:
    """Equality and hash by a digest of the content, for values that hold arrays."""

    __slots__ = ()
    digest: str

    def __eq__(self, other: object) -> bool:
        return self.digest == other.digest if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, eq=False)
class Adapter(ByContent):
    """A LoRA: to the output of each named linear module, `scale * B @ A @ input` is added.

    `modules` maps a module's path inside the model ("model.layers.0.self_attn.q_proj") to (A, B),
    A of shape (rank, inputs), B of shape (outputs, rank), float32. Ranks may differ by module. Nobody writes into them.

    With `activation` "relu" it is a bottleneck behind each module in place of a LoRA beside it: `scale * B @ relu(A @ (y, 1))` is added
    to the module's output y, that of LoRAs included. A is (rank, outputs + 1): its last column is the bias on the way down, and a row of
    zeros that ends in 1 has the bias on the way up in its column of B.
    """

    modules: Mapping[str, tuple[Floats, Floats]]
    scale: float = 1.0
    name: str = ""
    activation: Literal["none", "relu"] = "none"

    def __post_init__(self) -> None:
        if self.activation not in ("none", "relu"):
            raise RequestError(f"adapter {self.name!r}: there is no activation {self.activation!r}; take 'none' or 'relu'")
        behind = self.activation != "none"
        for path, (a, b) in self.modules.items():
            if a.ndim != 2 or b.ndim != 2 or a.shape[0] != b.shape[1] or (behind and a.shape[1] != b.shape[0] + 1):
                need = "(r, out + 1), (out, r)" if behind else "(r, in), (out, r)"
                raise RequestError(f"adapter {self.name!r}: {path} has A {a.shape} and B {b.shape}; need {need}")

    @classmethod
    def checked(cls, modules: Mapping[str, tuple[Floats, Floats]], scale: float, name: str, digest: str) -> Adapter:
        """A LoRA whose shapes were checked and whose digest was made before: none of its bytes is read."""
        made = object.__new__(cls)
        made.__dict__.update(modules=modules, scale=scale, name=name, activation="none", digest=digest)
        return made

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """Names the scale and the content of all factors, bit for bit; made when it is first asked for: nothing is read before."""
        kind = () if self.activation == "none" else (self.activation,)  # a LoRA's digest is kept beside it in stores
        parts = ([path.encode("utf-8", "surrogatepass"), *map(_raw, self.modules[path])] for path in sorted(self.modules))
        return digest(*kind, repr(float(self.scale)), *(part for three in parts for part in three))


@dataclass(frozen=True, eq=False)
class Prefix(ByContent):
    """A soft prompt: `vectors` (length, width) stand before the embeddings of the first token."""

    vectors: Floats
    name: str = ""
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise RequestError(f"a prefix is (length, width), not {self.vectors.shape}")
        object.__setattr__(self, "digest", digest(_raw(self.vectors)))

    def before(self, other: Prefix) -> Prefix:
        """This prefix, and `other` behind it, as one."""
        if self.vectors.shape[1] != other.vectors.shape[1]:
            raise RequestError(f"prefixes {self.vectors.shape} and {other.vectors.shape} cannot join: they were made for two models")
        return Prefix(np.concatenate([self.vectors, other.vectors]), "+".join(filter(None, (self.name, other.name))))


@dataclass(frozen=True, eq=False)
class Steering(ByContent):
    """A vector (width,) added to the residual stream after block `layer`, at all tokens or only at generated ones."""

    layer: int
    vector: Floats
    scope: Literal["all", "decode"] = "decode"
    name: str = ""
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.vector.ndim != 1:
            raise RequestError(f"a steering vector is (width,), not {self.vector.shape}")
        object.__setattr__(self, "digest", digest(str(self.layer), self.scope, _raw(self.vector)))


@dataclass(frozen=True, eq=False)
class Memory(ByContent):
    """What a person wrote, token by token, asked at every step for the next token; its answer is mixed with the model's.

    Entry i: token `values[i]` followed where the state put to the model's head was `keys[i]` (entries, width) and the
    answer's last tokens were `contexts[i]` (entries, order), with -1 before its first. The next token's probability is
    (1 - near - same) of the model's, `near` of softmax(-|state - key|^2 / temperature) over the entries, and `same` of
    an equal vote of those whose context agrees longest, from its end; where none agrees, the model keeps that share.
    """

    keys: Floats
    contexts: Ints
    values: Ints
    near: float = 0.0
    same: float = 0.0
    temperature: float = 1.0
    name: str = ""
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shapes = self.keys.shape, self.contexts.shape, self.values.shape
        if [len(shape) for shape in shapes] != [2, 2, 1] or len({shape[0] for shape in shapes}) > 1 or not len(self.values):
            raise RequestError(f"a memory is keys (entries, width), contexts (entries, order), values (entries,), not {shapes}")
        if not (self.near >= 0 and self.same >= 0 and self.near + self.same <= 1 and self.temperature > 0):  # so that NaN is refused
            shares = f"near {self.near}, same {self.same}, temperature {self.temperature}"
            raise RequestError(f"a memory's shares are 0 or more and 1 together at most, its temperature above 0, not {shares}")
        numbers = f"{float(self.near)!r} {float(self.same)!r} {float(self.temperature)!r}"
        object.__setattr__(self, "digest", digest(numbers, *(_raw(array) for array in (self.keys, self.contexts, self.values))))


@dataclass(frozen=True, slots=True)
class Guide:
    """Companion requests decoded in step with the request, and how the log-probabilities join.

    `weights` has the request's own weight first, then one for each companion.
    Rules: "geometric" adds weight times log-probability; "arithmetic" averages the probabilities.
    """

    companions: tuple[Request, ...]
    weights: tuple[float, ...]
    rule: Literal["geometric", "arithmetic"] = "geometric"

    def __post_init__(self) -> None:
        if len(self.weights) != len(self.companions) + 1:
            raise RequestError(f"a guide of {len(self.companions)} companions needs one weight more, not {len(self.weights)}")
        if any(companion.guide for companion in self.companions):
            raise RequestError("a companion cannot have a guide of its own: put all companions into one guide")


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
        made += [f"steering:{s.name or s.digest} layer {s.layer}" for s in self.steering]
        made += [f"memory:{self.memory.name or self.memory.digest} x{self.memory.near + self.memory.same:g}"] if self.memory else []
        if self.guide:
            made.append(f"guide:{self.guide.rule} {'/'.join(f'{weight:g}' for weight in self.guide.weights)}")
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


def _raw(array: Floats | Ints) -> bytes:
    return f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
