"""What may bend a model besides text: adapters, soft prompts, steering, remembered words, gates. Each is equal to what has its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import RequestError
from idiolect.records import digest

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


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
    """A vector added to the activations at one site of block `layer`, at all tokens or only at generated ones.

    Sites: "residual", the stream after the block (width,); "heads", what the attention heads give, side by side, before their output
    projection (heads * head width,); "gate", the activation of the feed-forward part's gate, behind its nonlinearity (neurons,). There
    `capped` (neurons,) is 1 where the activation, with the vector added, is kept at 0 or below, and 0 elsewhere.
    """

    layer: int
    vector: Floats
    scope: Literal["all", "decode"] = "decode"
    name: str = ""
    site: Literal["residual", "heads", "gate"] = "residual"
    capped: Floats | None = None
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.vector.ndim != 1:
            raise RequestError(f"a steering vector is (width,), not {self.vector.shape}")
        if self.site not in ("residual", "heads", "gate") or self.scope not in ("all", "decode"):
            raise RequestError(f"there is no steering at {self.site!r} in scope {self.scope!r}: residual, heads or gate; all or decode")
        if self.capped is not None and (self.site != "gate" or self.capped.shape != self.vector.shape):
            raise RequestError(f"capped {self.capped.shape} at {self.site!r}: only a gate is capped, with a number for each of its neurons")
        more = () if self.site == "residual" else (self.site, *(() if self.capped is None else (_raw(self.capped),)))
        object.__setattr__(self, "digest", digest(str(self.layer), self.scope, _raw(self.vector), *more))


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


@dataclass(frozen=True, eq=False)
class Gate(ByContent):
    """Weights of a guide's voices that change by token: `vectors` (voices, width + 1), the last column a bias.

    At each token voice i weighs softmax_i(log weights[i] + vectors[i] @ (state, 1)), where the state (width,) is what the model's head is
    given for the request's own row: with zeros the weights stay as they are, and a voice of weight 0 stays silent.
    """

    vectors: Floats
    digest: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2:
            raise RequestError(f"a gate is (voices, width + 1), not {self.vectors.shape}")
        object.__setattr__(self, "digest", digest(_raw(self.vectors)))


def _raw(array: Floats | Ints) -> bytes:
    return f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes()
