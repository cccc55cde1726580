"""From what requests carry (adapters, prefixes, vectors) to the tensors that bend a batch of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import ModelError
from idiolect.models.bends import Bends, Inner
from idiolect.types import Adapter, Floats, Request

Mixture = Sequence[tuple[Adapter, float]]


def fits(request: Request, linears: dict[str, tuple[int, int]], widths: Mapping[str, Sequence[int]], width: int) -> None:
    """Refuse, before any work, what the request carries and this model has no place for. Raises ModelError.

    `widths` has the numbers of each block at each site where steering may stand.
    """
    for adapter, _ in request.adapters:
        for path, (a, b) in adapter.modules.items():
            there = linears.get(path)
            if there and adapter.activation != "none":
                there = there[1] + 1, there[1]  # behind a module: it is given the outputs, and a 1
            if there != (a.shape[1], b.shape[0]):
                found = f"is {there}" if there else "is not there"
                wanted = f"the adapter {adapter.name or adapter.digest} is for (inputs, outputs) {(a.shape[1], b.shape[0])} at {path}"
                raise ModelError(f"{wanted}, which in this model {found}: it was made for another model")
    if request.prefix is not None and request.prefix.vectors.shape[1] != width:
        raise ModelError(f"the prefix is {request.prefix.vectors.shape[1]} wide and the model {width}: it was made for another model")
    if request.memory is not None and request.memory.keys.shape[1] != width:
        raise ModelError(f"the memory's keys are {request.memory.keys.shape[1]} wide, the model {width}: another model made them")
    for steering in request.steering:
        wide = widths.get(steering.site, ())
        if not 0 <= steering.layer < len(wide) or steering.vector.shape != (wide[steering.layer],):
            place = "after block" if steering.site == "residual" else f"at the {steering.site} of block"
            wanted = f"steering {place} {steering.layer} with {steering.vector.shape[0]} numbers"
            found = f"{max(wide)} wide" if any(wide) else f"and no {steering.site} that is known"
            raise ModelError(f"{wanted}: the model has blocks 0 to {len(wide) - 1}, {found}")


def bends_of(requests: Sequence[Request], *, device: torch.device, dtype: torch.dtype) -> Bends:
    """The bends of these rows. Rows with the same mixture share a job; rows without one share an empty job."""
    jobs: dict[Mixture, int] = {}
    numbers = [jobs.setdefault(request.adapters, len(jobs)) for request in requests]
    lora, bottleneck = (stacked(list(jobs), device=device, dtype=dtype, activation=kind) for kind in ("none", "relu"))
    own = len(jobs) in (1, len(requests))
    prefixes = [None if r.prefix is None else _tensor(r.prefix.vectors, device, dtype) for r in requests]
    return Bends(
        lora=lora,
        bottleneck=bottleneck,
        jobs=torch.tensor(numbers, device=device) if (lora or bottleneck) and not own else None,
        everywhere=_vectors(requests, "all", device, dtype),
        decoding=_vectors(requests, "decode", device, dtype),
        inner=_inner(requests, device, dtype),
        prefixes=prefixes if any(prefix is not None for prefix in prefixes) else (),
    )


def stacked(
    mixtures: Sequence[Mixture], *, device: torch.device, dtype: torch.dtype, activation: str = "none"
) -> dict[str, tuple[Tensor, Tensor]]:
    """Each mixture as one adapter of its ranks' sum, padded with zeros to the longest: path -> A (jobs, rank, in), B (jobs, rank, out).

    Only the adapters with this `activation` are in it. Scale and share are multiplied into B, which is behind the activation. A zero row
    of A under a zero row of B adds exactly nothing.
    """
    alike = [[(adapter, share) for adapter, share in mixture if adapter.activation == activation] for mixture in mixtures]
    paths = dict.fromkeys(path for mixture in alike for adapter, _ in mixture for path in adapter.modules)
    return {path: _stacked_at(path, alike, device, dtype) for path in paths}


def _stacked_at(path: str, mixtures: Sequence[Mixture], device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    parts = [[(adapter, share) for adapter, share in mixture if path in adapter.modules] for mixture in mixtures]
    rank = max(sum(adapter.modules[path][0].shape[0] for adapter, _ in mixture) for mixture in parts)
    a, b = next(adapter.modules[path] for mixture in parts for adapter, _ in mixture)
    down, up = (np.zeros((len(mixtures), rank, size), dtype=np.float32) for size in (a.shape[1], b.shape[0]))
    for job, mixture in enumerate(parts):
        at = 0
        for adapter, share in mixture:
            a, b = adapter.modules[path]
            down[job, at : at + len(a)] = a
            np.multiply(b.T, adapter.scale * share, out=up[job, at : at + len(a)], dtype=np.float32, casting="same_kind")
            at += len(a)
    return torch.from_numpy(down).to(device, dtype), torch.from_numpy(up).to(device, dtype)


def _vectors(requests: Sequence[Request], scope: str, device: torch.device, dtype: torch.dtype) -> dict[int, Tensor]:
    """layer -> (rows, width); vectors of one row at one layer add up."""
    made: dict[int, Tensor] = {}
    for row, request in enumerate(requests):
        for steering in request.steering:
            if steering.site == "residual" and steering.scope == scope:
                vector = _tensor(steering.vector, device, dtype)
                made.setdefault(steering.layer, torch.zeros(len(requests), len(vector), device=device, dtype=dtype))[row] += vector
    return made


def _inner(requests: Sequence[Request], device: torch.device, dtype: torch.dtype) -> dict[Inner, Tensor]:
    """Vectors inside blocks, each (rows, size): those of one row at one place add up, and what one of them caps is capped."""
    made: dict[Inner, Tensor] = {}
    for row, request in enumerate(requests):
        for steering in request.steering:
            if steering.site != "residual":
                at, size = (steering.site, steering.layer, steering.scope), (len(requests), len(steering.vector))
                made.setdefault(at, torch.zeros(size, device=device, dtype=dtype))[row] += _tensor(steering.vector, device, dtype)
                if steering.capped is not None:
                    caps = made.setdefault(("cap", *at[1:]), torch.zeros(size, device=device, dtype=dtype))
                    caps[row] = torch.maximum(caps[row], _tensor(steering.capped, device, dtype))
    return made


def _tensor(array: Floats, device: torch.device, dtype: torch.dtype) -> Tensor:
    return torch.tensor(array, device=device, dtype=dtype)
