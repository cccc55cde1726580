"""Keys and values of rows in flight, in buffers with room for every token to come: a new token copies nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class RoomyLayer(DynamicLayer):  # type: ignore[misc]  # transformers is not typed
    """One layer's keys and values (rows, heads, tokens, width), views into buffers that are longer."""

    keys: Tensor
    values: Tensor

    def __init__(self, keys: Tensor, values: Tensor, used: int) -> None:
        super().__init__()
        self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
        self._buffers = (keys, values)
        self.keys, self.values = keys[..., :used, :], values[..., :used, :]

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Write the next tokens behind the others. Beyond the room there is, transformers' own way: a longer copy."""
        used, end = self.keys.shape[-2], self.keys.shape[-2] + key_states.shape[-2]
        keys, values = self._buffers
        if end > keys.shape[-2]:
            made: tuple[Tensor, Tensor] = super().update(key_states, value_states)
            self._buffers = made
            return made
        keys[..., used:end, :], values[..., used:end, :] = key_states, value_states
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows only."""
        used = self.keys.shape[-2]
        keys, values = self._buffers = (self._buffers[0][indices], self._buffers[1][indices])
        self.keys, self.values = keys[..., :used, :], values[..., :used, :]


def simple(cache: DynamicCache) -> bool:
    """Whether every layer keeps every token: such caches can be put together; those with sliding windows cannot."""
    return all(type(layer) is DynamicLayer for layer in cache.layers)


def together(parts: Sequence[tuple[Sequence[int], DynamicCache]], tokens: int, room: int) -> DynamicCache:
    """One cache from those of several sets of rows, (places, cache) each: all end at `tokens`, with `room` behind."""
    made = parts[0][1]
    made.layers = [_joined([(places, cache.layers[i]) for places, cache in parts], tokens, room) for i in range(len(made.layers))]
    return made


def _joined(parts: Sequence[tuple[Sequence[int], Any]], tokens: int, room: int) -> Any:
    first = parts[0][1]
    if not first.is_initialized:  # a layer that shares another's keys and values
        return first
    rows = sum(len(places) for places, _ in parts)
    keys, values = (_empty(part, rows, tokens + room) for part in (first.keys, first.values))
    for places, layer in parts:
        index, start = torch.tensor(places, device=keys.device), tokens - layer.keys.shape[-2]
        keys[index, :, start:tokens], values[index, :, start:tokens] = layer.keys, layer.values
    return RoomyLayer(keys, values, tokens)


def _empty(like: Tensor, rows: int, tokens: int) -> Tensor:
    return like.new_zeros(rows, like.shape[1], tokens, like.shape[3])  # zeros: what is masked must still be a number
