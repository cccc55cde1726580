"""Bends and buffers of rows that come and go: always those of the rows that are there, and nothing of who left."""

import random
from dataclasses import dataclass, field, replace

import pytest
import torch

from idiolect.errors import ModelError
from idiolect.models.bends import Bends
from idiolect.models.cache import Room, fill, roomy
from idiolect.models.seats import Seats
from idiolect.types import ask


def same(one, other):
    """Whether two bends give each of their rows the same: a missing entry is zeros, so is a rank beyond."""
    for name in ("lora", "bottleneck", "everywhere", "decoding"):
        first, second = getattr(one, name, {}), getattr(other, name, {})
        for key in {*first, *second}:
            a, b = (product(bends[key]) if key in bends else None for bends in (first, second))
            a, b = (torch.zeros_like(b) if a is None else a), (torch.zeros_like(a) if b is None else b)
            assert torch.allclose(*torch.broadcast_tensors(a, b), atol=1e-6), (name, key)


def product(entry):
    return entry if isinstance(entry, torch.Tensor) else entry[0].transpose(1, 2) @ entry[1]


def test_after_any_joins_and_leaves_the_bends_are_those_of_the_rows_that_are_there(llama):
    chance, requests = random.Random(0), [replace(request, guide=None, prefix=None) for request in llama.assorted(24)]
    seats, here, widest = Seats(), [], 0
    for _ in range(60):
        if chance.random() < 0.6:
            more = chance.sample(requests, chance.randint(1, 5))
            seats.join(llama.lm.bends(more), len(more))
            here += more
        elif here:
            moves, left = fill(len(here), set(chance.sample(range(len(here)), chance.randint(1, len(here)))))
            seats.leave(moves, left)
            for row, hole in moves:
                here[hole] = here[row]
            here = here[:left]
        widest = max(widest, len(here))
        if here:
            same(seats.bends, llama.lm.bends(here).rows(torch.arange(len(here))))
        assert seats.rows == len(here)
    assert widest > 10


def test_an_adapter_that_all_have_is_kept_once_until_somebody_comes_without(llama):
    common, seats = ask("Tell me").bent(adapters={llama.adapter(1): 1.0}), Seats()
    for _ in range(3):
        seats.join(llama.lm.bends([common, common]), 2)
    assert {len(a) for a, _ in seats.bends.lora.values()} == {1}
    seats.join(llama.lm.bends([ask("Tell me")]), 1)
    same(seats.bends, llama.lm.bends([*[common] * 6, ask("Tell me")]).rows(torch.arange(7)))
    seats.leave(*fill(7, range(6)))
    assert seats.bends == Bends()


def test_a_large_adapter_is_not_paid_for_by_those_who_stay(llama):
    small, large = (ask("Tell me").bent(adapters={llama.adapter(seed, rank=rank): 1.0}) for seed, rank in ((1, 2), (2, 16)))
    seats = Seats()
    for request in (small, large, small):
        seats.join(llama.lm.bends([request]), 1)
    assert {a.shape[:2] for a, _ in seats.bends.lora.values()} == {(3, 16)}
    seats.leave(*fill(3, {1}))
    assert {a.shape[:2] for a, _ in seats.bends.lora.values()} == {(2, 2)}
    same(seats.bends, llama.lm.bends([small, small]))


def test_a_kind_of_bend_that_is_added_later_is_kept_too(llama, monkeypatch):
    @dataclass(frozen=True)
    class More(Bends):
        scales: dict = field(default_factory=dict)

    monkeypatch.setattr("idiolect.models.seats.Bends", More)
    seats = Seats()
    for number in (1.0, 2.0):
        seats.join(More(scales={"a path": torch.full((2, 3), number)}), 2)
    seats.leave(*fill(4, {0}))
    assert seats.bends.scales["a path"][:, 0].tolist() == [2.0, 1.0, 2.0]


def test_a_kind_of_bend_without_rows_is_refused(llama):
    @dataclass(frozen=True)
    class Odd(Bends):
        temper: float = 1.0

    with pytest.raises(ModelError, match="'temper' cannot join others"):
        Seats().join(Odd(), 1)


def test_nothing_is_left_of_who_leaves():
    room = Room(torch.ones(1), 4, 3)
    room.buffer += torch.arange(4)[:, None] + 1
    moves, left = fill(4, {0, 2})
    room.leave(moves, left, 4)
    assert moves == [(3, 0)] and room.buffer[:, 0].tolist() == [4.0, 2.0, 0.0, 0.0]
    room.resize(6, 5)
    assert room.buffer.sum() == 18 and room.buffer[0].tolist() == [4.0, 4.0, 4.0, 0.0, 0.0]


def test_buffers_grow_by_halves():
    assert [roomy(*sizes) for sizes in ((1, 0), (9, 8), (20, 8), (8, 8), (3, 8))] == [1, 12, 20, 8, 8]
