"""How an adapter lies in one row of bytes: where each factor begins, and in which precision its numbers stand."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from idiolect.errors import StoreError
from idiolect.types import Adapter, Floats, digest

PRECISIONS = ("fp32", "fp16", "int8")
BLOCK = 256  # numbers that share a scale in int8; no block holds numbers of two factors, whose sizes differ by orders
LINE = 16  # numbers: factors begin at multiples of a cache line in fp32
HEADER = 64  # bytes at the start of each row: whose it is
F4 = np.dtype("<f4")

Place = tuple[tuple[int, int], int]  # a factor's shape, and its first number in the row


@dataclass(frozen=True)
class Layout:
    """The modules of an adapter in their order, as (path, rank, inputs, outputs): A then B of each, one after another."""

    modules: tuple[tuple[str, int, int, int], ...]
    precision: str = "fp32"

    @classmethod
    def of(cls, adapter: Adapter, precision: str) -> Layout:
        """The layout that `adapter` fits."""
        return cls(tuple((path, a.shape[0], a.shape[1], b.shape[0]) for path, (a, b) in adapter.modules.items()), precision)

    @classmethod
    def read(cls, text: str) -> Layout:
        """The layout that `text` says. Raises StoreError if it is something else."""
        try:
            tree = json.loads(text)
            modules = tuple((str(path), int(rank), int(inputs), int(outputs)) for path, rank, inputs, outputs in tree["modules"])
            if tree["precision"] not in PRECISIONS:
                raise ValueError(f"the precision is {tree['precision']!r}")
            return cls(modules, tree["precision"])
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"this is no head of a file of adapters ({error!r}); restore it, or enroll its people again") from None

    @cached_property
    def text(self) -> str:
        """The layout as JSON, equal for equal layouts."""
        return json.dumps({"modules": self.modules, "precision": self.precision})

    @cached_property
    def name(self) -> str:
        """16 hex digits that name the layout."""
        return digest(self.text)

    @cached_property
    def places(self) -> dict[str, tuple[Place, Place]]:
        """path -> where its A and its B lie."""
        made, at = {}, 0
        step = BLOCK if self.precision == "int8" else LINE
        for path, rank, inputs, outputs in self.modules:
            first, second = ((rank, inputs), at), ((outputs, rank), at + _up(rank * inputs, step))
            made[path] = (first, second)
            at = second[1] + _up(outputs * rank, step)
        return made

    @cached_property
    def numbers(self) -> int:
        """How many numbers a row holds, those between factors too."""
        ends = [at + math.prod(shape) for pair in self.places.values() for shape, at in pair]
        return _up(max(ends, default=0), BLOCK if self.precision == "int8" else LINE)

    @cached_property
    def size(self) -> int:
        """Bytes of a row's content: the numbers, and in int8 their scales behind them."""
        scales = 4 * self.numbers // BLOCK
        return {"fp32": 4 * self.numbers, "fp16": 2 * self.numbers, "int8": self.numbers + scales}[self.precision]

    def encode(self, adapter: Adapter) -> bytes:
        """The content of a row. Raises StoreError where the precision cannot hold a number (fp16 ends at 65,504)."""
        row = np.zeros(self.numbers, F4)
        for path, pair in self.places.items():
            for (shape, at), factor in zip(pair, adapter.modules[path], strict=True):
                row[at : at + math.prod(shape)] = factor.reshape(-1)
        if self.precision == "fp32":
            return row.tobytes()
        if not np.isfinite(row).all() or (self.precision == "fp16" and np.abs(row).max(initial=0) > np.finfo(np.float16).max):
            raise StoreError(f"the adapter {adapter.name!r} has numbers that {self.precision} cannot hold; keep it in a store of fp32")
        return row.astype("<f2").tobytes() if self.precision == "fp16" else _to_int8(row)

    def factors(self, raw: bytes) -> Factors:
        """The modules in a row (its header before its content): in fp32 views of `raw`, otherwise of its numbers made float32."""
        if self.precision == "fp32":
            return Factors(self.places, raw, HEADER)
        half = self.precision == "fp16"
        numbers = np.frombuffer(raw, "<f2", self.numbers, HEADER).astype(F4) if half else _from_int8(raw, self.numbers)
        numbers.flags.writeable = False
        return Factors(self.places, numbers, 0)


class Factors(Mapping[str, tuple[Floats, Floats]]):
    """path -> (A, B), read-only views of one buffer, made when they are asked for: opening a row costs nothing a module."""

    __slots__ = ("_buffer", "_places", "_start")

    def __init__(self, places: Mapping[str, tuple[Place, Place]], buffer: Any, start: int) -> None:
        self._places, self._buffer, self._start = places, buffer, start

    def __getitem__(self, path: str) -> tuple[Floats, Floats]:
        (a, first), (b, second) = self._places[path]
        start, buffer = self._start, self._buffer
        return np.ndarray(a, F4, buffer, start + 4 * first), np.ndarray(b, F4, buffer, start + 4 * second)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def takes(adapter: Adapter) -> bool:
    """Whether `adapter` can lie in a row: a LoRA with something in it, all of it float32, its scale a number."""
    kinds = {factor.dtype for pair in adapter.modules.values() for factor in pair}
    return adapter.activation == "none" and kinds == {np.dtype(np.float32)} and math.isfinite(adapter.scale)


def _up(count: int, step: int) -> int:
    return -(-count // step) * step


def _to_int8(row: Floats) -> bytes:
    blocks = row.reshape(-1, BLOCK)
    scales = (np.abs(blocks).max(1) / np.float32(127)).astype(F4)
    whole = np.rint(blocks / np.where(scales > 0, scales, 1)[:, None]).clip(-127, 127)  # a scale may have rounded to 0, or be subnormal
    return bytes(whole.astype(np.int8).tobytes() + scales.tobytes())


def _from_int8(raw: bytes, numbers: int) -> Floats:
    whole = np.frombuffer(raw, np.int8, numbers, HEADER).reshape(-1, BLOCK)
    scales = np.frombuffer(raw, F4, numbers // BLOCK, HEADER + numbers)
    return (whole * scales[:, None]).reshape(-1)
