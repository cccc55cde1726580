"""Experts whose probabilities are mixed token by token in shares that a gate reads from the model's state, and how the gate learns.

MoPE: Zhou et al. Orchestrating LLMs with Different Personalizations. 2024, arXiv:2407.04181. How the gate learns: Gao et al.
REBEL: Reinforcement Learning via Regressing Relative Rewards. NeurIPS 2024, arXiv:2404.16767. The experts never change: what is learnt
is one linear layer, in numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from idiolect.models.batches import batches
from idiolect.models.lm import LM
from idiolect.training.descent import descended
from idiolect.training.loop import local
from idiolect.training.rewards import Scale, counted
from idiolect.types import Adapter, Floats, Gate, Guide, Reply, Request


@dataclass(frozen=True)
class Orchestration:
    """In each of `rounds`, two answers to each question are drawn from the mixture as it is, under weights that are drawn as well; then
    `steps` steps draw the log-ratio of two answers' chances, new over old, to `eta` times the difference of their rewards."""

    rounds: int = 1
    eta: float = 4.0
    steps: int = 60
    rate: float = 0.05
    hold: float = 1e-3
    tokens: int = 32
    seed: int = 0


@dataclass(frozen=True)
class Heard:
    """An answer as the gate hears it: the states that its tokens are predicted from (tokens, width), what each expert gives these tokens
    (tokens, experts), in nats, and the weights (experts,) that the experts have where the gate is silent."""

    states: Floats
    logp: Floats
    weights: Floats


def mixture(request: Request, experts: Sequence[Adapter], weights: Floats, gate: Floats | None) -> Request:
    """The request answered by the mean of the experts' probabilities. A gate (experts, width + 1) reads the state of the request itself.

    Without a gate, the first expert that weighs anything answers in the request's own row.
    """
    said = [request.bent(adapters={expert: 1.0}) for expert, weight in zip(experts, weights, strict=True) if weight or gate is not None]
    if gate is None:
        return said[0].bent(guide=Guide(tuple(said[1:]), tuple(float(weight) for weight in weights if weight), "arithmetic"))
    silent = np.zeros((1, gate.shape[1]), gate.dtype)
    shares = (0.0, *(float(weight) for weight in weights))
    return request.bent(guide=Guide(tuple(said), shares, "arithmetic", gate=Gate(np.concatenate([silent, gate]))))


def worth(rewards: Floats, reference: Floats, weights: Floats) -> Floats:
    """(answers,): the weighted sum over objectives of the chance sigmoid(r - r_ref) to win against a reference answer.

    All are (answers, objectives); a shift of one objective's rewards changes nothing.
    """
    made: Floats = (weights / (1 + np.exp(reference - rewards))).sum(axis=1)
    return made


def orchestrated(
    lm: LM,
    requests: Sequence[Request],
    experts: Sequence[Adapter],
    objectives: Sequence[str],
    scale: Scale,
    plan: Orchestration = Orchestration(),  # a value that never changes
) -> Floats:
    """The gate (experts, width + 1), learnt on these requests; zeros where there are none, and after no round."""
    model, asked = local(lm, "orchestrating"), [request.sampled(max_tokens=plan.tokens, temperature=0.0) for request in requests]
    gate: Floats = np.zeros((len(experts), model.width + 1), np.float32)
    if not asked or not plan.rounds:
        return gate
    reference = _rewards(lm.generate(asked), asked, objectives, scale)
    for turn in range(plan.rounds):
        weights = np.random.default_rng([plan.seed, turn]).dirichlet(np.ones(len(experts)), len(asked))
        mixed = [mixture(request, experts, own, gate) for request, own in zip(asked, weights, strict=True)]
        seeds = [plan.seed + 2 * turn + side for side in (0, 1)]
        replies = [lm.generate([one.sampled(temperature=1.0, top_p=1.0, seed=seed) for one in mixed]) for seed in seeds]
        first, second = (worth(_rewards(own, asked, objectives, scale), reference, weights) for own in replies)
        sides = [heard(lm, asked, own, experts, weights) for own in replies]
        gate = rebel(gate, list(zip(*sides, strict=True)), first - second, plan)
    return gate


@torch.no_grad()
def heard(lm: LM, requests: Sequence[Request], replies: Sequence[Reply], experts: Sequence[Adapter], weights: Floats) -> list[Heard]:
    """Each reply to its request as the gate hears it, end token included where the reply has one. `weights` is (replies, experts)."""
    model = local(lm, "orchestrating")
    texts, said = [reply.text for reply in replies], np.empty((len(replies), len(experts)), object)
    states = [states for states, _ in model.traces(requests, texts)]
    for place, expert in enumerate(experts):
        bent = [request.bent(adapters={expert: 1.0}) for request in requests]
        rows = [model.encode(request, text, end=True) for request, text in zip(bent, texts, strict=True)]
        for batch in batches([(1, len(row.ids)) for row in rows], model.token_budget):
            logp, _ = model.answer_logprobs([rows[i] for i in batch], model.bends([bent[i] for i in batch]))
            for i, line in zip(batch, logp.float().cpu().numpy(), strict=True):
                said[i, place] = line[len(line) - rows[i].answer :]
    made = []
    for own, lines, reply, shares in zip(states, said, replies, weights, strict=True):
        kept = len(own) - (reply.finish == "length" and model.tokenizer.eos_token_id is not None)  # a cut answer did not choose to end
        made.append(Heard(own[:kept], np.stack(list(lines), axis=1)[:kept], shares))
    return made


def rebel(gate: Floats, pairs: Sequence[tuple[Heard, Heard]], ahead: Floats, plan: Orchestration) -> Floats:
    """The gate after a round: for each pair, [log p(y) / p_old(y) - log p(y') / p_old(y')] / eta is drawn to how far `ahead` (pairs,) y is.

    States are scaled to length 1 on average while the gate learns, so that steps are alike for any model.
    """
    answers = [one for pair in pairs for one in pair]
    if not sum(len(one.states) for one in answers):
        return gate
    length = float(np.sqrt(np.mean(np.concatenate([(one.states**2).sum(axis=1) for one in answers])))) or 1.0
    scaled = [replace(one, states=np.column_stack([one.states / length, np.ones(len(one.states))])) for one in answers]
    start = np.column_stack([gate[:, :-1] * length, gate[:, -1]]).astype(np.float64)
    old = np.array([chance(one, start)[0] for one in scaled])

    def slope(now: list[Floats]) -> list[Floats]:
        new = [chance(one, now[0]) for one in scaled]
        gained = (np.array([nats for nats, _ in new]) - old).reshape(-1, 2)
        missed = (gained[:, 0] - gained[:, 1]) / plan.eta - ahead
        share = np.column_stack([missed, -missed]).ravel() * 2 / plan.eta / len(pairs)
        return [sum((by * slope for by, (_, slope) in zip(share, new, strict=True)), plan.hold * (now[0] - start))]

    (made,) = descended([start], slope, plan.steps, plan.rate)
    return np.column_stack([made[:, :-1] / length, made[:, -1]]).astype(np.float32)


def chance(answer: Heard, gate: Floats) -> tuple[float, Floats]:
    """Log-probability of an answer under the mixture, in nats, and its gradient by the gate (experts, width of the states)."""
    with np.errstate(divide="ignore"):
        scores = answer.states @ gate.T + np.log(answer.weights)
    alpha = scores - np.logaddexp.reduce(scores, axis=1, keepdims=True)
    joint = alpha + answer.logp
    total = np.logaddexp.reduce(joint, axis=1, keepdims=True)
    return float(total.sum()), (np.exp(joint - total) - np.exp(alpha)).T @ answer.states


def _rewards(replies: Sequence[Reply], requests: Sequence[Request], objectives: Sequence[str], scale: Scale) -> Floats:
    return scale.z(counted(objectives, [request.question for request in requests], [reply.text for reply in replies]))
