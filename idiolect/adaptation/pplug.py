"""PPlug: one vector for the person before the text, a mean of their records weighted by what is asked.

Liu, Zhu, Wang, Zheng, Dou, Wen. LLMs + Persona-Plug = Personalized LLMs. 2024, arXiv:2409.11901.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.prompt import quoting
from idiolect.training.embeddings import of_question
from idiolect.training.encoder import Network, drawn, restored, taught
from idiolect.training.lessons import Course, last_vectors
from idiolect.training.loop import local
from idiolect.types import Prefix, Request, State, User


class Plug(Network):
    """Learnt vectors for the task, and behind them the person's."""

    def __init__(self, width: int, hidden: int, instruction: int, sharpness: float, norm: float) -> None:
        super().__init__(width)
        self.ahead, self.norm = instruction + 1, norm
        self.query = nn.Linear(width, width, bias=False)
        self.query.weight = nn.Parameter(sharpness * torch.eye(width))
        self.project = nn.Sequential(nn.Linear(2 * width, hidden), nn.GELU(), nn.Linear(hidden, width, bias=False))
        self.instruction = nn.Parameter(F.normalize(torch.randn(instruction, width), dim=-1))

    def forward(self, history: Tensor, there: Tensor, asked: Tensor) -> list[Tensor]:
        persona = torch.einsum("rn,rnw->rw", self.weights(history, there, asked), self.project(history.flatten(2)))
        return [torch.cat([self.instruction, one[None]]) * self.norm for one in persona]

    def weights(self, history: Tensor, there: Tensor, asked: Tensor) -> Tensor:
        """(rows, records): how much each record counts for what is asked; they add up to 1, or to 0 where there are no records."""
        alike = torch.einsum("rnw,rw->rn", F.normalize(history[:, :, 0], dim=-1), self.query(F.normalize(asked, dim=-1)))
        return alike.masked_fill(~there, -1e9).softmax(dim=-1) * there


@dataclass
class PPlug(Method):
    """The `items` last records as vectors; `k` are quoted in words as well."""

    needs: ClassVar[frozenset[str]] = frozenset({"prefix", "train"})
    k: int = 0
    items: int = 32
    hidden: int = 256
    instruction: int = 1
    sharpness: float = 4.0
    depth: float = 0.5
    lr: float = 2e-3
    epochs: int = 3
    newest: int = 24
    shared_pairs: int = 384
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        model = local(lm, "PPlug")
        course = Course(self.k, self.newest, self.shared_pairs, self.items, depth=self.depth, seed=self.seed)
        self.shared = taught(model, users, self._network(model), course, self.lr, self.epochs)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        vectors = last_vectors(local(lm, "PPlug"), users, self.items, self.depth)
        return [State(arrays={"history": own}, records=self.quotable(user)) for user, own in zip(users, vectors, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        request_ = quoting(request, state.records, self.k, lm)
        if not self.shared.arrays or not state.arrays:
            return request_
        model = local(lm, "PPlug")
        network = restored(self._network(model), self.shared.arrays)
        asked = of_question(model, request.question, self.depth)
        made = network(*network.told([state.arrays["history"]], [asked]))[0]
        return request_.bent(prefix=Prefix(made.numpy(), "pplug"))

    def _network(self, lm: LocalLM) -> Plug:
        return drawn(partial(Plug, lm.width, self.hidden, self.instruction, self.sharpness, lm.embedding_norm), self.seed)
