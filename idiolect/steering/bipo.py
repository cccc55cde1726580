"""BiPO: a vector learnt from what the person prefers, so that adding it makes their choices likelier and subtracting it less likely.

Cao, Zhang, Cao, Yin, Lin, Ma, Chen. Personalized Steering of Large Language Models: Versatile Steering Vectors Through Bi-directional
Preference Optimization. NeurIPS 2024, arXiv:2406.00045.

Departs from the paper: the direction is each person's, not a behaviour's; people who chose nothing prefer their own texts to the model's
drafts; the rate falls linearly, where theirs is a cosine, and is a share of what stands in the stream, so that it fits any model. As in
the released code the sign is drawn for a step and not for an example, the vector moves the prompt too, and what it is compared with is
the model without it. That code declares a decay of the vector and passes none on: here it is 0 as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.bidirectional import BothWays, bidirectional
from idiolect.training.choices import PREFERRING, Taking, preferences_of
from idiolect.training.vectors import height, size
from idiolect.types import Request, State, Steering, User


@dataclass
class BiPO(Method):
    """A vector after the block at `depth` of the model's height (0 to 1), from the `newest` preferences, added `strength` times.

    `lr` counts in root mean squares of the stream at that place.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"steering", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING
    quotes: ClassVar[bool] = False
    depth: float = 0.5
    strength: float = 1.0
    beta: float = 0.1
    newest: int = 32
    answer_tokens: int = 32
    lr: float = 0.01
    epochs: int = 20
    batch: int = 4
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        preferred = preferences_of(lm, users, Taking(newest=self.newest, answer_tokens=self.answer_tokens, seed=self.seed))
        layer = round(self.depth * (height(lm) - 1))
        rate = self.lr * size(lm, layer)
        plan = BothWays(lr=rate, epochs=self.epochs, batch=self.batch, weight_decay=0.0, seed=self.seed)
        vectors = bidirectional(lm, preferred, layer, self.beta, plan)
        return [State(numbers={"layer": layer}, arrays={"vector": vector}) if vector.any() else State() for vector in vectors]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if not state.arrays or not self.strength:
            return request
        move = Steering(int(state.numbers["layer"]), self.strength * state.arrays["vector"], "all", f"bipo x{self.strength:g}")
        return request.bent(steering=[move])
