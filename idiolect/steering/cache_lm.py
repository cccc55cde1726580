"""CacheLM: the person's own words remembered token by token, and asked at every step while the answer is written. Our own; no training.

After Khandelwal, Levy, Jurafsky, Zettlemoyer, Lewis. Generalization through Memorization: Nearest Neighbor Language Models. ICLR 2020,
arXiv:1911.00172, and Grave, Joulin, Usunier. Improving Neural Language Models with a Continuous Cache. ICLR 2017, arXiv:1612.04426.

Departs from the papers: the memory is one person's answers, each to its own question, and not a corpus or the text at hand; beside the
nearest states, entries after the same last tokens vote; the states are those that the head is given, and the temperature is a share of
how far the person's states lie apart, so that it fits any model. The two shares are the same for everybody: chosen for each person by the
likelihood of their newest records, they did worse on one of two corpora, and on the other better by a tenth of what the memory gains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.loop import local
from idiolect.types import Floats, Ints, Memory, Request, State, User, ask


@dataclass
class CacheLM(Method):
    """Of the next token's probability, `near` is from the nearest states of the `newest` records, `same` from the same `order` tokens."""

    needs: ClassVar[frozenset[str]] = frozenset({"memory"})
    quotes: ClassVar[bool] = False
    newest: int = 32
    near: float = 0.05
    same: float = 0.1
    order: int = 3
    temperature: float = 0.17  # times the mean squared distance of the person's states from their mean

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        kept = [user.records.newest(self.newest) for user in users]
        records = [record for own in kept for record in own]
        traces = iter(local(lm, "CacheLM").traces([ask(record.prompt) for record in records], [record.answer for record in records]))
        return [self._state([next(traces) for _ in own]) for own in kept]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not state.arrays:
            return request
        arrays: dict[str, Any] = dict(state.arrays)
        temperature = self.temperature * spread(state.arrays["keys"]) or 1.0  # all states alike: any will do
        return request.bent(memory=Memory(**arrays, near=self.near, same=self.same, temperature=temperature, name="cache_lm"))

    def _state(self, traces: Sequence[tuple[Floats, Ints]]) -> State:
        if not any(len(tokens) for _, tokens in traces):
            return State()
        arrays: dict[str, Any] = {
            "keys": np.concatenate([states for states, _ in traces]),
            "contexts": np.concatenate([contexts(tokens, self.order) for _, tokens in traces]),
            "values": np.concatenate([tokens for _, tokens in traces]),
        }
        return State(arrays=arrays)


def contexts(tokens: Ints, order: int) -> Ints:
    """The `order` tokens before each of an answer's tokens, (tokens, order), with -1 before the first."""
    padded = np.concatenate([np.full(order, -1, dtype=tokens.dtype), tokens])
    return np.lib.stride_tricks.sliding_window_view(padded, order)[: len(tokens)]


def spread(keys: Floats) -> float:
    """Mean squared distance of states (n, width) from their mean."""
    return float(((keys - keys.mean(axis=0)) ** 2).sum(axis=1).mean())
