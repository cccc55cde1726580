"""PAS: the attention heads that tell the person's own texts from others are moved towards them while the model reads and answers.

Zhu, Weng, Yang, Zhang. Personality Alignment of Large Language Models. ICLR 2025, arXiv:2408.11779 (the method is called
Personality Activation Search).

A logistic probe for each head; the heads whose probes are best by the mean of training and validation accuracy; each is moved along the
unit difference of class means by alpha standard deviations. Departs from the paper: its items are a questionnaire's, answered with yes or
no; ours are what the person chose, wrote or rated above their mean, against what they left, what the model writes, and what they rated
below; at most a quarter of a model's heads is moved, for small models have few. The released code chooses alpha on the test answers: here
it is chosen on items of the person's that the probes and the directions which are tried have not seen, by the likelihood of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.choices import Taking
from idiolect.training.heads_probe import accuracies, best_heads, last_heads, moved, shifts
from idiolect.training.steering_pairs import STANDING, Stance, held_out, stances
from idiolect.training.vectors import strongest
from idiolect.types import Floats, Request, State, User

LEAST = 4  # records that tell own from other, below which nothing is learnt


@dataclass
class PAS(Method):
    """`heads` of the model, moved by one of `alphas` standard deviations, chosen on a share `held` of the `newest` records."""

    needs: ClassVar[frozenset[str]] = frozenset({"steering", "logprobs"})
    reads: ClassVar[frozenset[str]] = STANDING
    quotes: ClassVar[bool] = False
    heads: int = 24
    alphas: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 6.0, 8.0)
    newest: int = 32
    held: float = 0.25
    answer_tokens: int = 32
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        each = stances(lm, users, Taking(newest=self.newest, answer_tokens=self.answer_tokens, seed=self.seed))
        everything = [stance for own in each for stance in own]
        seen = last_heads(lm, [stance.request for stance in everything], [stance.answer for stance in everything])
        ends = np.cumsum([len(own) for own in each])[:-1]
        return [self._state(own, states, lm) for own, states in zip(each, np.split(seen, ends), strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        alpha = state.numbers.get("alpha", 0.0)
        return request.bent(steering=moved(lm, state.arrays, alpha, f"pas x{alpha:g}")) if alpha else request

    def _state(self, own: Sequence[Stance], seen: Floats, lm: LM) -> State:
        held = held_out([stance.record for stance in own], self.held, self.seed)
        known = np.array([stance.record not in held for stance in own], dtype=bool)
        if len({stance.record for stance in own}) < LEAST or len({s.own for s in own if s.record not in held}) < 2:
            return State()
        tried = self._arrays([s for s in own if s.record not in held], seen[known])
        asked = [(stance.request, stance.answer) for stance in own if stance.record in held and stance.own]
        alpha = strongest(lm, asked, self.alphas, lambda times: moved(lm, tried, times, "tried"))
        return State(numbers={"alpha": alpha}, arrays=self._arrays(own, seen))

    def _arrays(self, own: Sequence[Stance], seen: Floats) -> dict[str, Floats]:
        labels = np.array([int(stance.own) for stance in own])
        right = accuracies(seen, labels, [stance.record for stance in own], self.seed)
        places = best_heads(right, min(self.heads, max(1, right.size // 4)))
        return {"places": places.astype(np.float32), "shift": shifts(seen, labels, places)}
