"""Per-Pcs: a person's adapter put together, without training, of pieces that other people share.

Tan, Liu, Jiang. Personalized Pieces: Efficient Personalized Large Language Models through Collaborative Efforts. EMNLP 2024,
arXiv:2406.10471.

Departs from the paper: people are clustered by the model's own states; scores are averaged over all of a person's records at once,
where the paper averages the adapters of batches, so that the order of records changes nothing; the chosen pieces' products are mixed
exactly (`strict`: the average of the A and of the B apart, as released); higher learning rates and shorter histories than the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.errors import DataError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.clusters import kmeans, portraits
from idiolect.training.gates import Pool, assembled, gated
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.sft import sft
from idiolect.types import Adapter, Request, State, User


@dataclass
class PerPcs(Method):
    """The `top` pieces for each module, out of those of `sharers` people with `least` records or more, one from each cluster.

    What is shared holds the sharers' weights and nothing of their text. A person's state is the pieces' shares.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 1
    sharers: int = 50
    least: int = 10
    top: int = 3
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    gate_lr: float = 1e-2
    epochs: int = 2
    newest: int = 24
    shared_pairs: int = 384
    strict: bool = False
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        task = self._train(lm, [together(users, self.k, self.newest, self.shared_pairs, self.seed)], batch=16)[0]
        self.shared = State(adapter=task)
        jobs = self._pairs(self._sharers(users, lm))
        own = self._train(lm, jobs, batch=4)
        gates = gated(lm, jobs, own, Plan(lr=self.gate_lr, epochs=self.epochs, weight_decay=0.0, seed=self.seed))
        order = sorted(range(len(own)), key=lambda i: own[i].digest)  # the pool does not tell who came first
        self.shared = State(adapter=task, arrays=Pool.of([own[i] for i in order], [gates[i] for i in order]).arrays)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        shares = assembled(lm, self._pairs(users), Pool.read(self.shared.arrays), self.top, self.strict)
        return [State(arrays={"shares": own}, records=user.records) for own, user in zip(shares, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        shares = state.arrays.get("shares")
        own = {Pool.read(self.shared.arrays).mixture(shares, self.strict, "pieces"): 1.0} if shares is not None and shares.any() else {}
        return quoting(request, state.records, self.k, lm).bent(adapters=self._task()).bent(adapters=own)

    def _sharers(self, users: Sequence[User], lm: LM) -> list[User]:
        """The person with most records of each cluster. Raises DataError where nobody has enough."""
        able = [user for user in users if len(user.records) >= self.least]
        if not able:
            raise DataError(f"none of {len(users)} people has the {self.least} records that a sharer needs; lower `least`")
        points = portraits(lm, [user.records.newest(self.newest) for user in able])
        labels = kmeans(points, self.sharers, self.seed)
        clusters = [[user for user, label in zip(able, labels, strict=True) if label == one] for one in sorted(set(labels))]
        return [max(members, key=lambda user: len(user.records)) for members in clusters]

    def _pairs(self, users: Sequence[User]) -> list[list[Pair]]:
        told = [pairs(user, self.k, self.newest) for user in users]
        return [[(request.bent(adapters=self._task()), answer) for request, answer in job] for job in told]

    def _task(self) -> dict[Adapter, float]:
        return {self.shared.adapter: 1.0} if self.shared.adapter else {}

    def _train(self, lm: LM, jobs: Sequence[Sequence[Pair]], batch: int) -> list[Adapter]:
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=batch, seed=self.seed)
        return sft(lm, jobs, rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan)
