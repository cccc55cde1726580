"""Adapters added, scaled, mixed, taken apart and made smaller: always as the change of weights that they are, `scale * B @ A`.

A bottleneck (`Adapter.activation`) changes no weights: it can be scaled; everything else refuses it with RequestError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from idiolect.errors import RequestError
from idiolect.types import Adapter, Floats

Wide = NDArray[np.float64]
Shares = Mapping[Adapter, float] | Sequence[tuple[Adapter, float]]


def scaled(adapter: Adapter, share: float, name: str = "") -> Adapter:
    """`share` times the change that `adapter` makes, which may be a bottleneck; its factors are the same arrays."""
    return Adapter(adapter.modules, adapter.scale * share, name or adapter.name, adapter.activation)


def mixture(shares: Shares, name: str = "") -> Adapter:
    """The sum of the adapters' changes, each times its share, exactly: one adapter whose ranks are the sums of theirs.

    A module that only some of them have is changed by those. No adapters give one that changes nothing.
    """
    parts = list(shares.items() if isinstance(shares, Mapping) else shares)
    paths = dict.fromkeys(path for adapter, _ in parts for path in adapter.modules)
    return Adapter({path: _side_by_side(path, parts) for path in paths}, 1.0, name)


def added(adapters: Iterable[Adapter], name: str = "") -> Adapter:
    """The sum of the adapters' changes, exactly, as one adapter of their ranks' sum."""
    return mixture([(adapter, 1.0) for adapter in adapters], name)


def subtracted(adapter: Adapter, other: Adapter, name: str = "") -> Adapter:
    """What `adapter` changes more than `other`, exactly, as one adapter of both ranks."""
    return mixture([(adapter, 1.0), (other, -1.0)], name)


def truncated(adapter: Adapter, rank: int, name: str = "") -> Adapter:
    """The nearest adapter of at most `rank`: no other is nearer in Frobenius or spectral norm (Eckart and Young, 1936).

    What is lost in a module is the singular values behind the first `rank` of `singular_values`. The factors of what is
    left are balanced: A and B carry the roots of the singular values. Raises RequestError for a rank under 1.
    """
    if rank < 1:
        raise RequestError(f"an adapter of rank {rank} holds nothing: give a rank of 1 or more")
    return Adapter({path: _nearest(adapter, path, rank) for path in adapter.modules}, 1.0, name or adapter.name)


def singular_values(adapter: Adapter) -> dict[str, Wide]:
    """path -> the singular values of its change, largest first; as many as the smallest of rank, inputs and outputs."""
    return {path: _decomposed(adapter, path)[1] for path in adapter.modules}


def delta(adapter: Adapter, path: str) -> Wide:
    """The change of a module's weights, (outputs, inputs): for merging and for tests, as it needs that much memory."""
    a, b = _factors(adapter, path)
    change: Wide = adapter.scale * (b @ a)
    return change


def factorwise(shares: Shares, *, strict: bool = False, name: str = "") -> Adapter:
    """A and B averaged apart, each times its share: NOT the average of the changes, since the mean of B @ A is another matrix
    than the mean of B times the mean of A.

    The released code of several papers does this and calls it merging; it is here for reproducing them, and `strict=True`
    says that one means it. `mixture` is exact. Raises RequestError without `strict`, and for adapters of different
    modules, ranks or scales.
    """
    if not strict:
        raise RequestError("averaging A and B apart is not averaging what adapters do: use `mixture`, or strict=True to reproduce a paper")
    parts = list(shares.items() if isinstance(shares, Mapping) else shares)
    kinds = {(float(one.scale), tuple((path, a.shape, b.shape) for path, (a, b) in sorted(one.modules.items()))) for one, _ in parts}
    if len(kinds) != 1:
        raise RequestError(f"these {len(parts)} adapters are of {len(kinds)} shapes or scales: only those of one can be averaged by factor")
    first = parts[0][0]
    return Adapter({path: (_average(parts, path, 0), _average(parts, path, 1)) for path in first.modules}, first.scale, name)


def _factors(adapter: Adapter, path: str) -> tuple[Wide, Wide]:
    if adapter.activation != "none":
        what = f"the adapter {adapter.name or adapter.digest} is a bottleneck with {adapter.activation} and changes no weights"
        raise RequestError(f"{what}: give it to the request with its share, where bottlenecks are added up as they are")
    a, b = adapter.modules[path]
    return a.astype(np.float64), b.astype(np.float64)


def _side_by_side(path: str, parts: Sequence[tuple[Adapter, float]]) -> tuple[Floats, Floats]:
    """A of all parts on top of one another, B beside one another; scale and share are multiplied into B."""
    having = [(_factors(adapter, path), adapter.scale * share) for adapter, share in parts if path in adapter.modules]
    sizes = {(a.shape[1], b.shape[0]) for (a, b), _ in having}
    if len(sizes) > 1:
        raise RequestError(f"the adapters are for (inputs, outputs) {sorted(sizes)} at {path}: they were made for different models")
    down = np.concatenate([a for (a, _), _ in having])
    up = np.concatenate([b * share for (_, b), share in having], axis=1)
    return _single(down), _single(up)


def _decomposed(adapter: Adapter, path: str) -> tuple[Wide, Wide, Wide]:
    """U (outputs, k), singular values (k,) and V transposed (k, inputs) of a change, through its factors: never outputs x inputs."""
    a, b = _factors(adapter, path)
    left, core_left = np.linalg.qr(b)
    right, core_right = np.linalg.qr(a.T)
    inner_left, values, inner_right = np.linalg.svd(adapter.scale * (core_left @ core_right.T), full_matrices=False)
    return left @ inner_left, values, inner_right @ right.T


def _nearest(adapter: Adapter, path: str, rank: int) -> tuple[Floats, Floats]:
    left, values, right = _decomposed(adapter, path)
    roots = np.sqrt(values[:rank])
    return _single(roots[:, None] * right[:rank]), _single(left[:, :rank] * roots)


def _average(parts: Sequence[tuple[Adapter, float]], path: str, which: int) -> Floats:
    return _single(sum(share * _factors(adapter, path)[which] for adapter, share in parts))


def _single(array: Any) -> Floats:
    made: Floats = np.ascontiguousarray(array, dtype=np.float32)
    return made
