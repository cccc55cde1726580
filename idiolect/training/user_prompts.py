"""A soft prompt for each user, one LoRA for all, and a preference read twice, as its user's and as anybody's: the primitive of P-RLHF.

Individual: a user's vectors are the generic ones and their own, added. Clusters: a mixture of some prompts that all share, by the softmax
of the generic weights and the user's own, added. Own numbers of zero are the generic user in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from idiolect.errors import ModelError, RequestError
from idiolect.models.bends import Bends, Lora
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.training.loop import Learner, Plan, as_completed, local
from idiolect.training.preference import DPO, Preference
from idiolect.training.sft import LoRA, array_of, lora
from idiolect.types import Adapter, Floats, ask

GENERIC = -1  # the owner of a row that is read as anybody's


@dataclass(frozen=True)
class Table:
    """Prompts of `length` vectors. What a preference teaches as its user's counts `share`, what it teaches as anybody's the rest."""

    length: int = 10
    clusters: int = 0  # how many prompts are mixed; 0: each user has vectors of their own
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.length < 0 or self.clusters < 0 or not 0 <= self.share <= 1:
            raise RequestError(f"a table of users out of range (length, clusters >= 0; 0 <= share <= 1): {self}")


def everybody(
    lm: LM, preferences: Sequence[Preference], owners: Sequence[int], table: Table, objective: DPO, rank: int, plan: Plan
) -> tuple[Adapter, dict[str, Floats]]:
    """The LoRA that all `preferences` teach together, and what all users' prompts are made of; preference i is person `owners[i]`'s.

    It is compared with the model without either. Users' own numbers, learnt beside, are not kept: `own` learns each person's alone.
    """
    model = local(lm, "a table of users")
    twice = [one for one in preferences for _ in range(2)]
    whose = [who for owner in owners for who in (owner, GENERIC)]
    learner = Everybody(model, lora(model, 1, rank, 2.0 * rank, ("q_proj", "v_proj"), plan), whose, table, plan.seed)
    weighed = replace(objective, weights=(2 * table.share, 2 * (1 - table.share)))
    [(_, trained)] = as_completed(model, [twice], learner, plan, None, weighed)
    arrays: dict[str, Floats] = {name: array_of(trained[name]) for name in ("generic", "clusters") if name in trained}
    return learner.inner.adapter(trained, "users"), arrays


def own(
    lm: LM, jobs: Sequence[Sequence[Preference]], adapter: Adapter, arrays: Mapping[str, Floats], objective: DPO, plan: Plan
) -> list[Floats]:
    """Each person's own numbers, all else held: (length, width), or (clusters,). Zeros for a job without preferences."""
    model = local(lm, "a table of users")
    made = dict(as_completed(model, jobs, Person(model, adapter, arrays), plan, None, objective))
    return [array_of(made[job]["own"]) for job in range(len(jobs))]


def prompt(arrays: Mapping[str, Floats], numbers: Floats | None) -> Floats:
    """The vectors (length, width) of a user's prompt, from what `everybody` gave and the user's own numbers; None: the generic user."""
    shared = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
    mine = torch.zeros_like(shared["generic"]) if numbers is None else torch.from_numpy(numbers.copy())
    return array_of(_prompts(shared, mine[None])[0])


class Everybody(Learner):
    """The LoRA, the generic user, any clusters, and every user's own numbers, as one job; the row at `place` is `owners[place]`'s."""

    def __init__(self, lm: LocalLM, inner: LoRA, owners: Sequence[int], table: Table, seed: int) -> None:
        if table.length >= lm.window // 2:
            raise ModelError(f"a prompt of {table.length} vectors does not fit a window of {lm.window}; take less than {lm.window // 2}")
        self.inner, self.table, self.ahead, self.device = inner, table, table.length, lm.engine.device
        self.owners = torch.tensor(owners, dtype=torch.long)
        words = lm.engine.embedding.weight.detach().float()
        chance = torch.Generator().manual_seed(seed)
        places = torch.randint(len(words), (max(table.clusters, 1), table.length), generator=chance)
        self.begun = words[places.to(words.device)]  # random tokens: (clusters or 1, length, width)

    def start(self, jobs: int) -> dict[str, Tensor]:
        if jobs != 1:
            raise RequestError(f"a table of users is what everybody teaches together: train one job, not {jobs}")
        people = max(int(self.owners.max()) + 1 if len(self.owners) else 0, 1)
        if self.table.clusters:
            made = {"clusters": self.begun, "generic": torch.zeros(self.table.clusters, device=self.device)}
        else:
            made = {"generic": self.begun[0]}
        made["own"] = torch.zeros(people, *made["generic"].shape, device=self.device)
        return self.inner.start(1) | {name: value[None].clone().requires_grad_() for name, value in made.items()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        owners = self.owners[places].to(self.device)
        mine = parameters["own"][0, owners.clamp(min=0)] * (owners >= 0).view(-1, *[1] * (parameters["own"].dim() - 2))
        shared = {name: parameters[name][0] for name in ("generic", "clusters") if name in parameters}
        return _before(self.inner.bend(bends, parameters, jobs, places), _prompts(shared, mine))


class Person(Learner):
    """One person's own numbers for each job, beside a LoRA and prompts that are held: the requests stay as the reference sees them."""

    def __init__(self, lm: LocalLM, adapter: Adapter, arrays: Mapping[str, Floats]) -> None:
        self.device = lm.engine.device
        self.shared = {name: torch.from_numpy(array.copy()).to(self.device) for name, array in arrays.items()}
        self.lora: Lora = lm.bends([ask("").bent(adapters={adapter: 1.0})]).lora
        self.ahead = len(prompt(arrays, None))

    def start(self, jobs: int) -> dict[str, Tensor]:
        return {"own": torch.zeros(jobs, *self.shared["generic"].shape, device=self.device).requires_grad_()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        return _before(bends.beside(self.lora), _prompts(self.shared, parameters["own"][jobs.to(self.device)]))


def _prompts(shared: Mapping[str, Tensor], mine: Tensor) -> Tensor:
    """(rows, length, width), from own numbers (rows, length, width) or (rows, clusters)."""
    if "clusters" not in shared:
        return shared["generic"] + mine
    return torch.einsum("rk,klw->rlw", (shared["generic"] + mine).softmax(dim=-1), shared["clusters"])


def _before(bends: Bends, prompts: Tensor) -> Bends:
    if any(prefix is not None for prefix in bends.prefixes):
        raise ModelError("a request that already has a prefix cannot train another one")
    return replace(bends, prefixes=list(prompts)) if prompts.shape[1] else bends
