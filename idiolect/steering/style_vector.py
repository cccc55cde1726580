"""StyleVector: the difference that the person's own wording makes to the activations, added while the answer is written.

Zhang, Liu, Wang, Chen, Wang, Li, Xu, Zhang. Personalized Text Generation with Contrastive Activation Steering. ACL 2025,
arXiv:2503.05213. No code was released.

For each record, the residual stream after a block at the last token of the person's answer, less that of the model's own
answer to the same question; their mean is the vector. Departs from the paper: the strength is chosen for each person by the
likelihood of their newest records, which the vector that is tried has not seen; 0 is among the choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.vectors import height, last_states, strongest
from idiolect.types import Floats, Record, Request, State, Steering, User, ask


@dataclass
class StyleVector(Method):
    """One vector of the model's width, after the block at `depth` of the model's height (0 to 1), from the `newest` records."""

    needs: ClassVar[frozenset[str]] = frozenset({"steering", "logprobs"})
    quotes: ClassVar[bool] = False
    depth: float = 0.6
    newest: int = 16
    strengths: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0, 2.0)
    answer_tokens: int = 32

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        kept = [list(user.records.newest(self.newest)) for user in users]
        layer = round(self.depth * (height(lm) - 1))
        moves = self._moves([record for records in kept for record in records], layer, lm)
        made, at = [], 0
        for records in kept:
            made.append(self._state(records, moves[at : at + len(records)], layer, lm))
            at += len(records)
        return made

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        strength = state.numbers.get("strength", 0.0)
        if not strength:
            return request
        vector = strength * state.arrays["vector"]
        return request.bent(steering=[Steering(int(state.numbers["layer"]), vector, name=f"style x{strength:g}")])

    def _moves(self, records: Sequence[Record], layer: int, lm: LM) -> list[Floats]:
        """For each record, the person's last state less the model's own: (width,)."""
        asked = [ask(record.prompt, max_tokens=self.answer_tokens) for record in records]
        plain = [reply.text or " " for reply in lm.generate(asked)]
        own = last_states(lm, asked, [record.answer or " " for record in records], layer)
        return [mine - theirs for mine, theirs in zip(own, last_states(lm, asked, plain, layer), strict=True)]

    def _state(self, records: Sequence[Record], moves: Sequence[Floats], layer: int, lm: LM) -> State:
        if len(records) < 2:
            return State()
        tried = max(1, len(records) // 4)  # the newest, kept from the vector that they judge
        vector, judged = np.mean(moves[:-tried], axis=0), [(ask(record.prompt), record.answer) for record in records[-tried:]]
        strength = strongest(lm, judged, self.strengths, lambda times: [Steering(layer, times * vector)])
        return State(numbers={"strength": strength, "layer": layer}, arrays={"vector": np.mean(moves, axis=0)})
