"""How the rows of a batch are bent, as tensors, and the context in which a model is bent so. The weights are never touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from idiolect.errors import ModelError
from idiolect.models.places import at_site, blocks

Lora = Mapping[str, tuple[Tensor, Tensor]]  # module path -> A (jobs, rank, inputs), B (jobs, rank, outputs) with scale and share in it
Inner = tuple[str, int, str]  # "heads" or "gate": what is added there; "cap": 1 where the gate is capped; of a layer; "all" or "decode"
Bottleneck = Lora  # the same behind a module: A (jobs, rank, outputs + 1), whose last column is beside a constant 1


@dataclass(frozen=True)
class Bends:
    """What bends each row. Gradients flow through every tensor here.

    A *job* is one mixture of adapters; `jobs` (rows,) says which job a row takes. None: row i takes job i,
    or all rows take the only one. Steering is layer -> (rows, width). `prefixes` has one (length, width), or None, for each row.
    """

    lora: Lora = field(default_factory=dict)
    jobs: Tensor | None = None
    everywhere: Mapping[int, Tensor] = field(default_factory=dict)  # steering at all positions, those of a prefix included
    decoding: Mapping[int, Tensor] = field(default_factory=dict)  # steering at positions that hold generated or scored tokens
    prefixes: Sequence[Tensor | None] = ()
    bottleneck: Bottleneck = field(default_factory=dict)  # its jobs are those of `lora`
    inner: Mapping[Inner, Tensor] = field(default_factory=dict)  # steering inside blocks, each (rows, size of the site)

    def rows(self, keep: Tensor) -> Bends:
        """The bends of these rows only, with a copy of its job for each: what follows gathers nothing."""
        job = keep if self.jobs is None else self.jobs[keep]
        return replace(
            self,
            lora=_taken(self.lora, job),
            bottleneck=_taken(self.bottleneck, job),
            jobs=None,
            everywhere={layer: vectors[keep] for layer, vectors in self.everywhere.items()},
            decoding={layer: vectors[keep] for layer, vectors in self.decoding.items()},
            inner={at: vectors[keep] for at, vectors in self.inner.items()},
            prefixes=[self.prefixes[row] for row in keep.tolist()] if self.prefixes else (),
        )

    def beside(self, lora: Lora, bottleneck: Bottleneck | None = None) -> Bends:
        """These bends and another adapter for each job, added: ranks stand side by side. A single job serves all."""
        behind = side_by_side(self.bottleneck, bottleneck) if bottleneck else self.bottleneck
        return replace(self, lora=side_by_side(self.lora, lora), bottleneck=behind)


def side_by_side(first: Lora, second: Lora) -> dict[str, tuple[Tensor, Tensor]]:
    """The sum of two sets of adapters as one of rank r1 + r2; where one has a single job, every job of the other gets it.

    Exact for bottlenecks too: the activation is taken number by number.
    """
    made = dict(first)
    for path, (a, b) in second.items():
        made[path] = (_cat(first[path][0], a), _cat(first[path][1], b)) if path in first else (a, b)
    if len({a.shape[0] for a, _ in made.values()} - {1}) > 1:
        raise ModelError(f"adapters of {sorted({a.shape[0] for a, _ in made.values()})} jobs cannot stand side by side")
    return made


@contextmanager
def bent(model: nn.Module, bends: Bends, scope: Tensor | None = None) -> Iterator[None]:
    """Inside, every forward pass of `model` over these rows is bent; outside, nothing is left of it, whatever happened.

    `scope` (rows, tokens) is 1 where a position holds a generated or scored token, for steering that decodes.
    Prefixes are not handled here: they are part of the input (`batches.padded`).
    """
    handles: list[Any] = []
    own: list[tuple[nn.Module, Any]] = []
    try:
        for path, (a, b) in bends.lora.items():
            module = _at(model, path)
            own.append((module, module.__dict__.get("forward")))
            module.__dict__["forward"] = _with_lora(path, module.forward, a, b, bends.jobs)
        for path, (a, b) in bends.bottleneck.items():  # after the LoRAs: their output is what it is given
            module = _at(model, path)
            own.append((module, module.__dict__.get("forward")))
            module.__dict__["forward"] = _with_bottleneck(path, module.forward, a, b, bends.jobs)
        for (what, layer, scopes), vectors in sorted(bends.inner.items(), key=lambda one: one[0][0] == "cap"):  # capped last
            if scopes == "all" or scope is not None:
                module = at_site(model, "heads" if what == "heads" else "gate", layer)
                own.append((module, module.__dict__.get("forward")))
                module.__dict__["forward"] = _INSIDE[what](module.forward, vectors, None if scopes == "all" else scope)
        for layer, vectors in bends.everywhere.items():
            handles.append(_moves(blocks(model)[layer], vectors, None))
        for layer, vectors in bends.decoding.items():
            if scope is not None:
                handles.append(_moves(blocks(model)[layer], vectors, scope))
        yield
    finally:
        for handle in handles:
            handle.remove()
        for module, forward in reversed(own):  # a module may have been given two
            module.__dict__.pop("forward") if forward is None else module.__dict__.update(forward=forward)


@contextmanager
def listening(model: nn.Module, layer: int) -> Iterator[list[Tensor]]:
    """Inside, each forward pass adds the residual stream after block `layer` to the list: (rows, tokens, width)."""
    heard: list[Tensor] = []
    handle = blocks(model)[layer].register_forward_hook(lambda module, args, output: heard.append(_stream(output)))
    try:
        yield heard
    finally:
        handle.remove()


@contextmanager
def listening_before_head(model: Any) -> Iterator[list[Tensor]]:
    """Inside, each forward pass adds what the vocabulary is asked about: the last states, normalized, (rows, tokens, width)."""
    if model.base_model is model:
        raise ModelError(f"{type(model).__name__} has no body without a head: what its states are cannot be remembered")
    heard: list[Tensor] = []
    handle = model.base_model.register_forward_hook(lambda module, args, output: heard.append(output[0]))
    try:
        yield heard
    finally:
        handle.remove()


def _at(model: nn.Module, path: str) -> nn.Module:
    """`get_submodule`, which takes ten times as long, for a path that is there."""
    for name in path.split("."):
        model = model._modules[name]  # type: ignore[assignment]  # None only where a module was taken out
    return model


def _with_lora(path: str, forward: Any, a: Tensor, b: Tensor, jobs: Tensor | None) -> Any:
    """A module's forward with the delta added: takes less time than a hook, and there are many modules."""

    def bent_forward(x: Tensor) -> Tensor:
        if x.dim() != 3:
            raise _one_heap(path, x)
        return _plus_delta(forward(x), x.to(a.dtype), a, b, jobs)

    return bent_forward


def _with_bottleneck(path: str, forward: Any, a: Tensor, b: Tensor, jobs: Tensor | None) -> Any:
    """A module's forward with what a bottleneck makes of its output added."""

    def bent_forward(x: Tensor) -> Tensor:
        if x.dim() != 3:
            raise _one_heap(path, x)
        output: Tensor = forward(x)
        return output + _through(output.to(a.dtype), a, b, jobs).to(output.dtype)

    return bent_forward


def _with_moved_heads(forward: Any, vectors: Tensor, scope: Tensor | None) -> Any:
    """A projection's forward, given what the heads gave and `vectors` (rows, size)."""
    return lambda x: forward(x + _over(x, vectors, scope))


def _with_moved_gate(forward: Any, vectors: Tensor, scope: Tensor | None) -> Any:
    """A nonlinearity's forward with `vectors` (rows, size) added to what it gives."""

    def bent_forward(x: Tensor) -> Tensor:
        output: Tensor = forward(x)
        return output + _over(output, vectors, scope)

    return bent_forward


def _with_capped_gate(forward: Any, vectors: Tensor, scope: Tensor | None) -> Any:
    """A nonlinearity's forward whose output is 0 or less where `vectors` (rows, size) are 1."""

    def bent_forward(x: Tensor) -> Tensor:
        output: Tensor = forward(x)
        return output - _over(output, vectors, scope) * torch.relu(output)

    return bent_forward


_INSIDE = {"heads": _with_moved_heads, "gate": _with_moved_gate, "cap": _with_capped_gate}


def _over(stream: Tensor, vectors: Tensor, scope: Tensor | None) -> Tensor:
    """`vectors` (rows, size) at each position of `stream` (rows, tokens, size), where `scope` says so: the end of it, as in `tail`."""
    if stream.dim() != 3:
        raise _one_heap("a site inside a block", stream)
    made = vectors[:, None].to(stream.dtype)
    return made if scope is None else made * scope[:, -stream.shape[1] :, None].to(stream.dtype)


def _one_heap(path: str, x: Tensor) -> ModelError:
    return ModelError(f"{path} is given {x.dim()}-dimensional input: rows cannot be told apart, so nothing can be bent there")


def _plus_delta(output: Tensor, x: Tensor, a: Tensor, b: Tensor, jobs: Tensor | None) -> Tensor:
    """`output` (rows, tokens, outputs) and the delta of x (rows, tokens, inputs): one batched product, each row with its own A and B."""
    if a.shape[0] == 1:
        return output + ((x @ a[0].T) @ b[0]).to(output.dtype)
    if jobs is not None:
        a, b = a[jobs], b[jobs]
    down = torch.bmm(x, a.transpose(1, 2))
    return torch.baddbmm(output, down, b) if output.dtype == b.dtype else output + torch.bmm(down, b).to(output.dtype)


def _through(y: Tensor, a: Tensor, b: Tensor, jobs: Tensor | None) -> Tensor:
    """B relu(A (y, 1)) for y (rows, tokens, outputs), each row with its own A and B."""
    if a.shape[0] == 1:
        inner = torch.relu(y @ a[0, :, :-1].T + a[0, :, -1])
        return inner @ b[0]
    if jobs is not None:
        a, b = a[jobs], b[jobs]
    inner = torch.relu(torch.baddbmm(a[:, None, :, -1], y, a[:, :, :-1].transpose(1, 2)))
    return torch.bmm(inner, b)


def _moves(block: nn.Module, vectors: Tensor, scope: Tensor | None) -> Any:
    def hook(module: nn.Module, args: Any, output: Any) -> Any:
        stream = _stream(output)
        added = vectors[:, None] if scope is None else vectors[:, None] * scope[:, :, None].to(vectors.dtype)
        moved = stream + added.to(stream.dtype)
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    return block.register_forward_hook(hook, prepend=True)  # first, so that whoever listens hears the moved stream


def _stream(output: Any) -> Tensor:
    stream: Tensor = output[0] if isinstance(output, tuple) else output
    return stream


def _taken(lora: Lora, job: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    return {path: (_take(a, job), _take(b, job)) for path, (a, b) in lora.items()}


def _take(stack: Tensor, job: Tensor) -> Tensor:
    return stack if stack.shape[0] == 1 else stack[job]


def _cat(first: Tensor, second: Tensor) -> Tensor:
    jobs = max(first.shape[0], second.shape[0])
    return torch.cat([stack.expand(jobs, -1, -1) if stack.shape[0] == 1 else stack for stack in (first, second)], dim=1)
