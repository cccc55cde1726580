"""MoPE: one expert for each objective, mixed token by token in shares that a small gate reads from the state of the model.

Zhou, Luo, Gu, Yuan, Weinberger, Sun. Orchestrating LLMs with Different Personalizations. 2024, arXiv:2407.04181. No code was released.

The next token's probabilities are the mean of the experts' own, in shares alpha that change by token; the gate that gives them learns by
REBEL (Gao et al., NeurIPS 2024, arXiv:2404.16767) from two drawn answers at a time, each worth its chance to win against the model's own.

Departs from the paper: the gate is one linear layer on the state of the model without experts, in place of a second model of 160 M
parameters; it is told what is wanted as the weights of objectives, by which its shares are multiplied, in place of a description, and a
reward is the sum over objectives by these weights; experts are LoRAs taught by answers that each objective ranks, and rewards are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.choices import PREFERRING
from idiolect.training.loop import Plan
from idiolect.training.orchestrating import Orchestration, mixture, orchestrated
from idiolect.training.rewards import asked_for, known, weights_of
from idiolect.training.specialized import Draws, adapters, kept, pooled, ranked
from idiolect.types import Record, Request, State, User


@dataclass
class MoPE(Method):
    """A LoRA of `rank` for each of `objectives`, taught by `drawn` answers to each of `asked` questions; the gate learns in `rounds`."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "guide", "train"})
    reads: ClassVar[frozenset[str]] = PREFERRING | {"rating"}
    quotes: ClassVar[bool] = False
    objectives: tuple[str, ...] = ("brief", "thorough")
    rounds: int = 1
    eta: float = 4.0
    steps: int = 60
    drawn: int = 6
    asked: int = 96
    answer_tokens: int = 32
    beta: float = 0.1
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj")
    lr: float = 2e-3
    epochs: int = 3
    newest: int = 24
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        names = known(self.objectives)
        draws = Draws(self.asked, self.newest, self.drawn, self.answer_tokens, seed=self.seed)
        pool = pooled(lm, users, names, draws)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=8, seed=self.seed)
        experts = ranked(lm, pool, names, rank=self.rank, modules=self.modules, plan=plan, beta=self.beta)
        learning = Orchestration(self.rounds, self.eta, self.steps, tokens=self.answer_tokens, seed=self.seed)
        gate = {"gate": orchestrated(lm, pool.requests, experts, names, pool.scale, learning)} if self.rounds else {}
        self.shared = kept(pool.scale, experts, **gate)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = weights_of(users, self.objectives, self.shared)
        return [state if user.records else State() for state, user in zip(made, users, strict=True)]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # weights are counted: no model is asked

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        experts = adapters(self.shared)
        if not experts or not (state.numbers or request.weights):
            return request
        weights = asked_for(request, state, self.objectives)
        return mixture(request, experts, weights, self.shared.arrays.get("gate"))
