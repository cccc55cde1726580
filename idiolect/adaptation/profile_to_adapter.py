"""ProfileToAdapter: a small network writes a person's LoRA adapter from their records, without training: a newcomer has weights at once.

Ours, after hypernetworks: Ha, Dai, Le. HyperNetworks. ICLR 2017, arXiv:1609.09106. The mean of the vectors of a person's records is
pressed into a few numbers z, and the adapter is (B + z1 B1 + z2 B2 ...) A, whose factors everybody taught. Where nothing is known
of a person, z is 0 and the adapter is everybody's. z is all that is kept of a person's weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.prompt import quoting
from idiolect.training.encoder import drawn, restored, taught
from idiolect.training.hypernetwork import Hypernetwork, shapes
from idiolect.training.lessons import Course, last_vectors
from idiolect.training.loop import local
from idiolect.types import Adapter, Floats, Request, State, User


@dataclass
class ProfileToAdapter(Method):
    """An adapter of `rank` on `modules` from the `items` last records; questions are told `k` earlier records in words."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    items: int = 32
    rank: int = 8
    traits: int = 16
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    depth: float = 0.34
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        model = local(lm, "ProfileToAdapter")
        course = Course(self.k, self.newest, self.shared_pairs, self.items, depth=self.depth, seed=self.seed)
        self.shared = taught(model, users, self._network(model), course, self.lr, self.epochs)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        model = local(lm, "ProfileToAdapter")
        if not self.shared.arrays:
            return [State(records=user.records) for user in users]
        network = restored(self._network(model), self.shared.arrays)
        history, there, _ = network.told(last_vectors(model, users, self.items, self.depth))
        traits = network.traits(history, there).numpy()
        return [State(arrays={"traits": own}, records=user.records) for user, own in zip(users, traits, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        own = {self._adapter(state.arrays["traits"], lm): 1.0} if state.arrays else {}
        return quoting(request, state.records, self.k, lm).bent(adapters=own)

    def _adapter(self, traits: Floats, lm: LM) -> Adapter:
        network = restored(self._network(local(lm, "ProfileToAdapter")), self.shared.arrays)
        return network.adapter(torch.tensor(traits), "profile")

    def _network(self, lm: LocalLM) -> Hypernetwork:
        return drawn(partial(Hypernetwork, lm.width, shapes(lm, self.modules), self.rank, self.traits), self.seed)
