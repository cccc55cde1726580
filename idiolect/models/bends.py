"""How the rows of a batch are bent, as tensors, and the context in which a model is bent so. The weights are never touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from idiolect.errors import ModelError
from idiolect.models.places import blocks

Lora = Mapping[str, tuple[Tensor, Tensor]]  # module path -> A (jobs, rank, inputs), B (jobs, rank, outputs) with scale and share in it


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

    def rows(self, keep: Tensor) -> Bends:
        """The bends of these rows only, with a copy of its job for each: what follows gathers nothing."""
        job = keep if self.jobs is None else self.jobs[keep]
        return replace(
            self,
            lora={path: (_take(a, job), _take(b, job)) for path, (a, b) in self.lora.items()},
            jobs=None,
            everywhere={layer: vectors[keep] for layer, vectors in self.everywhere.items()},
            decoding={layer: vectors[keep] for layer, vectors in self.decoding.items()},
            prefixes=[self.prefixes[row] for row in keep.tolist()] if self.prefixes else (),
        )

    def beside(self, lora: Lora) -> Bends:
        """These bends and another adapter for each job, added: ranks stand side by side. A single job serves all."""
        return replace(self, lora=side_by_side(self.lora, lora))


def side_by_side(first: Lora, second: Lora) -> dict[str, tuple[Tensor, Tensor]]:
    """The sum of two sets of adapters as one of rank r1 + r2; where one has a single job, every job of the other gets it."""
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
    try:
        for path, (a, b) in bends.lora.items():
            hook = _adds_lora(path, a, b, bends.jobs)
            handles.append(model.get_submodule(path).register_forward_hook(hook))
        for layer, vectors in bends.everywhere.items():
            handles.append(_moves(blocks(model)[layer], vectors, None))
        for layer, vectors in bends.decoding.items():
            if scope is not None:
                handles.append(_moves(blocks(model)[layer], vectors, scope))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def listening(model: nn.Module, layer: int) -> Iterator[list[Tensor]]:
    """Inside, each forward pass adds the residual stream after block `layer` to the list: (rows, tokens, width)."""
    heard: list[Tensor] = []
    handle = blocks(model)[layer].register_forward_hook(lambda module, args, output: heard.append(_stream(output)))
    try:
        yield heard
    finally:
        handle.remove()


def _adds_lora(path: str, a: Tensor, b: Tensor, jobs: Tensor | None) -> Any:
    def hook(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if args[0].dim() != 3:
            raise ModelError(f"{path} is given {args[0].dim()}-dimensional input: rows cannot be told apart, so no adapter can stand there")
        return output + _delta(args[0].to(a.dtype), a, b, jobs).to(output.dtype)

    return hook


def _delta(x: Tensor, a: Tensor, b: Tensor, jobs: Tensor | None) -> Tensor:
    """x (rows, tokens, inputs) -> (rows, tokens, outputs): one batched product for all rows, each with its own A and B."""
    if a.shape[0] == 1:
        return (x @ a[0].T) @ b[0]
    if jobs is not None:
        a, b = a[jobs], b[jobs]
    return torch.bmm(torch.bmm(x, a.transpose(1, 2)), b)


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


def _take(stack: Tensor, job: Tensor) -> Tensor:
    return stack if stack.shape[0] == 1 else stack[job]


def _cat(first: Tensor, second: Tensor) -> Tensor:
    jobs = max(first.shape[0], second.shape[0])
    return torch.cat([stack.expand(jobs, -1, -1) if stack.shape[0] == 1 else stack for stack in (first, second)], dim=1)
