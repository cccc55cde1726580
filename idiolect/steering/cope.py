"""CoPe: what the person's own adapter would say, less a little of what the adapter that everybody taught would say.

Bu, Jung, Kang, Kim. Personalized LLM Decoding via Contrasting Personal Preference. EMNLP 2025, arXiv:2506.12109.

A token is scored log p_own - contrast * log p_shared, over the tokens at least `plausible` as likely to the person's own model as its
likeliest. The person's adapter is taught by their answers, and then to prefer them to whichever of a few drafts of its own the shared
model likes better than it does by most, since that is the least personal of them.

Departs from the paper: a draft's likelihood is averaged over the answer's tokens; questions are told `k` earlier records; the task adapter
stays beside the person's in place of being merged; learning rates are higher, because the histories here are small. The released code
averages over the prompt's tokens as well and without a chat template, and gives tokens that are not plausible a floor of 1e-8, above which
strong contrast can lift them: here they are impossible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.training.continued import preferred_from
from idiolect.training.least_personal import least_personal
from idiolect.training.loop import Plan
from idiolect.training.pairs import pairs, together
from idiolect.training.preference import DPO
from idiolect.training.sft import sft
from idiolect.types import Adapter, Guide, Request, State, User


@dataclass
class CoPe(Method):
    """LoRAs of `rank` on `modules`, one shared and one a person, contrasted; `drafts` a record are drawn to learn from."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "guide", "logprobs", "train"})
    k: int = 1
    contrast: float = 0.1
    plausible: float = 0.1
    drafts: int = 3
    draft_tokens: int = 32
    beta: float = 0.01
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    preference_lr: float = 5e-4
    epochs: int = 2
    batch: int = 4
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        everyone = together(users, self.k, self.newest, self.shared_pairs, self.seed)
        self.shared = State(adapter=sft(lm, [everyone], rank=self.rank, alpha=self.rank, modules=self.modules, plan=self._plan(16))[0])

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        jobs = [[(self._over_the_task(r), answer) for r, answer in pairs(user, self.k, self.newest)] for user in users]
        own = sft(lm, jobs, rank=self.rank, alpha=self.rank, modules=self.modules, plan=self._plan(self.batch))
        drafted = least_personal(lm, own, jobs, self.drafts, self.draft_tokens, self.seed) if self.drafts else []
        if drafted:
            plan = Plan(lr=self.preference_lr, epochs=1, batch=8, warmup=0.1, clip=0.3, seed=self.seed)
            own = preferred_from(lm, own, drafted, DPO(self.beta), plan)
        kept = [self.quotable(user) for user in users]
        return [State(adapter=one if job else None, records=records) for one, job, records in zip(own, jobs, kept, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        shared = self._over_the_task(quoting(request, state.records, self.k, lm))
        if not state.adapter:
            return shared
        contrasted = Guide((shared,), (1.0, -self.contrast), judge=0, plausible=self.plausible)
        return shared.bent(adapters={state.adapter: 1.0}, guide=contrasted)

    def _over_the_task(self, request: Request) -> Request:
        task: dict[Adapter, float] = {self.shared.adapter: 1.0} if self.shared.adapter else {}
        return request.bent(adapters=task)

    def _plan(self, batch: int) -> Plan:
        return Plan(lr=self.lr, epochs=self.epochs, batch=batch, seed=self.seed)
