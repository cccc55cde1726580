"""A person as a latent vector, inferred from a few of their comparisons, and a reward that reads it beside the answer.

Poddar, Wan, Ivison, Gupta, Jaques. Personalizing Reinforcement Learning from Human Feedback with Variational Preference Learning.
NeurIPS 2024, arXiv:2408.10075.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from idiolect.training.reward_models import level
from idiolect.types import Floats

SLOPE = 0.2  # of the leaky rectifiers
BOUND = 1.0  # of the mean and of the log variance
ACTIVE = 0.01  # variance over people from which a unit of the latent vector is in use

People = Sequence[tuple[Floats, Floats]]  # of each person, features of the better and of the worse answers, both (pairs, features)
Sides = Sequence[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Plan:
    """A latent vector of `size`, networks of `hidden` units; `steps` of `batch` targets with at most `context` other pairs of the person.

    `weight` times the KL divergence from N(0, 1) is added to the loss, annealed in cycles of `cycle` steps. `weight` 0 lets it go.
    """

    size: int = 16
    hidden: int = 64
    weight: float = 1e-3
    cycle: int = 100
    context: int = 8
    steps: int = 400
    batch: int = 32
    rate: float = 1e-3
    seed: int = 0


class Network(nn.Module):
    """The encoder of pairs into mean and log variance, and the reward of an answer beside a latent vector."""

    def __init__(self, features: int, size: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("middle", torch.zeros(features))
        self.pair = nn.Sequential(
            nn.Linear(2 * features, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, size)
        )
        self.query, self.key, self.value = (nn.Linear(size, size, bias=False) for _ in range(3))
        self.mean, self.spread = nn.Linear(size, size), nn.Linear(size, size)
        self.worth = nn.Sequential(
            nn.Linear(features + size, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, hidden), nn.LeakyReLU(SLOPE), nn.Linear(hidden, 1)
        )

    def encode(self, better: Tensor, worse: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (sets, size) of sets of pairs (sets, pairs, features); `there` says which pairs are. No order is read.

        A set without pairs has the mean 0 and the log variance 0: nothing is known of the person.
        """
        seen = self.pair(torch.cat([self._level(better), self._level(worse)], dim=-1))
        likeness = self.query(seen) @ self.key(seen).transpose(1, 2) / math.sqrt(seen.shape[-1])
        shares = likeness.masked_fill(~there[:, None, :], -1e9).softmax(dim=-1)
        counts = there.sum(dim=1, keepdim=True).clamp(min=1)
        met = ((shares @ self.value(seen)) * there[:, :, None]).sum(dim=1) / counts
        any_ = there.any(dim=1, keepdim=True)
        return self.mean(met).clamp(-BOUND, BOUND) * any_, self.spread(met).clamp(-BOUND, BOUND) * any_

    def reward(self, seen: Tensor, latent: Tensor) -> Tensor:
        """(...,): what answers (..., features) are worth to whom `latent` (..., size) describes."""
        worth: Tensor = self.worth(torch.cat([self._level(seen), latent], dim=-1))[..., 0]
        return worth

    def _level(self, seen: Tensor) -> Tensor:
        """Features as the network is to see them: otherwise all means would lie beyond their bound, alike for everybody."""
        return seen - self.get_buffer("middle")


def divergence(mean: Tensor, spread: Tensor) -> Tensor:
    """(...,): KL(N(mean, exp(spread)) || N(0, 1)), summed over units."""
    return 0.5 * (spread.exp() + mean**2 - 1 - spread).sum(dim=-1)


def annealed(step: int, cycle: int, base: float = 0.1) -> float:
    """The share of the divergence's weight at a step: from `base` to 1 by half a cosine, and again in the next cycle."""
    return base + (1 - base) * (1 - math.cos(math.pi * (step % cycle) / cycle)) / 2


def learnt(people: People, plan: Plan) -> dict[str, Floats]:
    """The network's parameters, trained on everybody: each target pair with other pairs of its person as context, never itself.

    People with one pair alone teach with an empty context. No pairs at all: {}.
    """
    pairs = [(who, place) for who, (better, _) in enumerate(people) for place in range(len(better))]
    if not pairs:
        return {}
    sides = [(_tensor(better), _tensor(worse)) for better, worse in people]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        network, chance = Network(people[0][0].shape[1], plan.size, plan.hidden), np.random.default_rng(plan.seed)
        network.middle = _tensor(level(np.concatenate([side for pair in people for side in pair])))
        stepper = torch.optim.AdamW(network.parameters(), lr=plan.rate, weight_decay=0.01)
        for step in range(plan.steps):
            drawn = [pairs[place] for place in chance.integers(len(pairs), size=plan.batch)]
            others = [_others(len(people[who][0]), place, plan.context, chance) for who, place in drawn]
            better, worse, there = _sets(sides, [(who, own) for (who, _), own in zip(drawn, others, strict=True)])
            mean, spread = network.encode(better, worse, there)
            latent = mean + (spread / 2).exp() * torch.randn_like(mean)
            ahead = network.reward(_of(sides, drawn, 0), latent) - network.reward(_of(sides, drawn, 1), latent)
            share = plan.weight * annealed(step, plan.cycle)
            loss = nn.functional.softplus(-ahead).mean() + share * divergence(mean, spread).mean()
            stepper.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            stepper.step()
    return {name: value.detach().numpy().copy() for name, value in network.state_dict().items()}


@torch.no_grad()
def inferred(arrays: Mapping[str, Floats], better: Floats, worse: Floats) -> Floats:
    """(size,): the mean of the latent vector, by a person's pairs (pairs, features), however many; 0 for none."""
    network = _network(arrays)
    if not len(better):
        return np.zeros(arrays["mean.bias"].shape[0], np.float32)
    mean, _ = network.encode(_tensor(better)[None], _tensor(worse)[None], torch.ones(1, len(better), dtype=torch.bool))
    made: Floats = mean[0].numpy()
    return made


@torch.no_grad()
def rewards(arrays: Mapping[str, Floats], seen: Floats, latent: Floats) -> Floats:
    """(answers,): what seen (answers, features) are worth to whom `latent` (size,) describes."""
    made: Floats = _network(arrays).reward(_tensor(seen), _tensor(latent).expand(len(seen), -1)).numpy()
    return made


def active(latents: Floats) -> int:
    """How many units of latents (people, size) differ between people: a posterior that has collapsed has none."""
    return int((latents.var(axis=0) > ACTIVE).sum()) if len(latents) else 0


def _others(count: int, place: int, most: int, chance: np.random.Generator) -> list[int]:
    """Some of a person's pairs, the one at `place` left out: as many as one draws, so that the encoder sees short and long contexts."""
    able = [one for one in range(count) if one != place]
    size = int(chance.integers(1, min(most, len(able)) + 1)) if able else 0
    return [able[one] for one in chance.permutation(len(able))[:size]]


def _sets(sides: Sides, chosen: Sequence[tuple[int, Sequence[int]]]) -> tuple[Tensor, Tensor, Tensor]:
    """The chosen pairs of each person, padded: better and worse (sets, pairs, features), and which are there (sets, pairs)."""
    shape = len(chosen), max(1, *(len(own) for _, own in chosen)), sides[0][0].shape[1]
    better, worse, there = torch.zeros(shape), torch.zeros(shape), torch.zeros(shape[:2], dtype=torch.bool)
    for row, (who, own) in enumerate(chosen):
        better[row, : len(own)], worse[row, : len(own)] = sides[who][0][list(own)], sides[who][1][list(own)]
        there[row, : len(own)] = True
    return better, worse, there


def _of(sides: Sides, drawn: Sequence[tuple[int, int]], side: int) -> Tensor:
    return torch.stack([sides[who][side][place] for who, place in drawn])


def _network(arrays: Mapping[str, Floats]) -> Network:
    hidden, both = arrays["pair.0.weight"].shape
    network = Network(both // 2, len(arrays["mean.bias"]), hidden)
    network.load_state_dict({name: _tensor(value) for name, value in arrays.items()})
    return network


def _tensor(value: Floats) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
