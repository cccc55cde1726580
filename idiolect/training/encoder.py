"""Encoders of histories: one small network for everybody, from the vectors of a person's records to what bends the frozen model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from idiolect.errors import RequestError
from idiolect.models.bends import Bends, Lora
from idiolect.models.local import LocalLM
from idiolect.training.lessons import Course, Lesson, last_vectors, lessons
from idiolect.training.loop import Learner, Plan, Progress, train
from idiolect.types import Floats, State, User

Made = Sequence[Tensor] | Lora  # a prefix (length, width) for each row, or an adapter with as many jobs as there are rows
N = TypeVar("N", bound="Network")


class Network(nn.Module, ABC):
    """What an encoder is made of. Vectors are standardized by the mean and the spread that they had in its lessons.

    `ahead` is how many prefix vectors it makes at most.
    """

    mean: Tensor
    spread: Tensor
    ahead = 0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(2, width))
        self.register_buffer("spread", torch.ones(2, width))

    @abstractmethod
    def forward(self, history: Tensor, there: Tensor, asked: Tensor) -> Made:
        """history (rows, longest, 2, width) and asked (rows, width), standardized; `there` (rows, longest) is False at padding."""

    def told(self, histories: Sequence[Floats], asked: Sequence[Floats] = ()) -> tuple[Tensor, Tensor, Tensor]:
        """What `forward` takes, of histories (records, 2, width) and the vector (width,) of what is asked, for each row."""
        longest = max([1, *map(len, histories)])  # one place of padding where nobody has records
        padded = torch.zeros(len(histories), longest, *self.mean.shape)
        there = torch.zeros(len(histories), longest, dtype=torch.bool)
        for row, history in enumerate(histories):
            padded[row, : len(history)] = (torch.tensor(history) - self.mean) / self.spread
            there[row, : len(history)] = True
        questions = torch.tensor(np.stack(asked)) if len(asked) else self.mean[0].expand(len(histories), -1)
        return padded, there, (questions - self.mean[0]) / self.spread[0]


class Block(nn.Module):
    """Multi-head attention of some vectors to others, and a two-layer perceptron; both added to what was there."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.both, self.out = nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, memory: Tensor, seen: Tensor) -> Tensor:
        """x (rows, a, width) looks at memory (rows, b, width) where `seen` (rows, a, b) is True."""
        memory = self.before(memory)
        query, key, value = (self._split(t) for t in (self.query(self.before(x)), *self.both(memory).chunk(2, dim=-1)))
        heard = F.scaled_dot_product_attention(query, key, value, attn_mask=seen[:, None])
        x = x + self.out(heard.transpose(1, 2).flatten(2))
        return x + self.perceptron(self.between(x))  # type: ignore[no-any-return]  # nn.Module's call

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class Encoder(Learner):
    """The parameters of a network that everybody's lessons train: one job, in which row i is lesson `places[i]`."""

    def __init__(self, network: Network, lessons: Sequence[Lesson], device: torch.device) -> None:
        self.network, self.lessons, self.device, self.ahead = network, lessons, device, network.ahead

    def start(self, jobs: int) -> dict[str, Tensor]:
        if jobs != 1:
            raise RequestError(f"an encoder is what everybody teaches together: train one job, not {jobs}")
        return {name: value.detach().clone()[None].to(self.device).requires_grad_() for name, value in self.network.named_parameters()}

    def bend(self, bends: Bends, parameters: Mapping[str, Tensor], jobs: Tensor, places: Tensor) -> Bends:
        chosen = [self.lessons[place] for place in places.tolist()]
        told = self.network.told([lesson.history for lesson in chosen], [lesson.asked for lesson in chosen])
        given = tuple(t.to(self.device) for t in told)
        made: Made = functional_call(self.network, {name: value[0] for name, value in parameters.items()}, given)
        if isinstance(made, Mapping):
            return bends.rows(torch.arange(len(chosen), device=self.device)).beside(made)
        return replace(bends, prefixes=list(made))


def drawn(network: Callable[[], N], seed: int) -> N:
    """A network whose first weights depend on the seed alone; chance elsewhere goes on where it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return network()


def teach(lm: LocalLM, network: Network, lessons: Sequence[Lesson], plan: Plan, progress: Progress | None = None) -> dict[str, Floats]:
    """The network's trained parameters and its scales, by name, as a State keeps them."""
    told = [lesson.history for lesson in lessons if len(lesson.history)]
    if told:
        vectors = torch.tensor(np.concatenate(told))
        network.mean, network.spread = vectors.mean(dim=0), vectors.std(dim=0, correction=0).clamp(min=1e-3)
    learner = Encoder(network, lessons, lm.engine.device)
    trained = train(lm, [[lesson.pair for lesson in lessons]], learner, plan, progress)[0]
    scales = {name: value.cpu().numpy().copy() for name, value in network.named_buffers()}
    return scales | {name: value.float().cpu().numpy().copy() for name, value in trained.items()}


def taught(lm: LocalLM, users: Sequence[User], network: Network, course: Course, lr: float, epochs: int) -> State:
    """What the lessons of everybody teach the network, as `teach` gives it: what people teach together."""
    plan = Plan(lr=lr, epochs=epochs, batch=16, seed=course.seed)
    return State(arrays=teach(lm, network, lessons(lm, users, course), plan))


def as_prefixes(lm: LocalLM, users: Sequence[User], network: Network, shared: State, course: Course) -> list[State]:
    """Each person's last records as a prefix, by the network that `taught` gave; empty states where nothing was taught."""
    if not shared.arrays:
        return [State() for _ in users]
    known = restored(network, shared.arrays)
    made = known(*known.told(last_vectors(lm, users, course.items, course.depth)))
    return [State(arrays={"prefix": own.numpy()}) for own in made]


def restored(network: N, arrays: Mapping[str, Floats]) -> N:
    """The network with what `teach` gave, to be used and not to be trained."""
    network.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
    return network.requires_grad_(False)
