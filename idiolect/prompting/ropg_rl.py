"""ROPG-RL: records are ranked as the model's own answers say they help, learnt by policy gradient from everybody's past questions.

Salemi, Kallumadi, Zamani. Optimization Methods for Personalizing Large Language Models through Retrieval Augmentation. SIGIR 2024,
arXiv:2404.05970.

For a question with a known answer the ranker draws one of the first candidates from its softmax; its reward is what that record, told
alone, was worth, less what the untrained ranker's first was worth: a baseline that stays. Departs from the paper: embeddings stay
frozen, and a bilinear form of low rank over them is learnt, with how recent a record is, which embeddings do not tell; worth is the
likelihood of the answer where the model gives one (`feedback`). Every candidate is tried once and then drawn again at each step, so
that more steps ask the model nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval.reweighted import Reweighted, Reweighting
from idiolect.training.feedback import Asking, By, lessons, untrained
from idiolect.training.reranking import reinforcing, taught
from idiolect.types import Request, State, User


@dataclass
class ROPGRL(Method):
    """Quotes the `k` records that the taught ranker finds; before `fit`, those nearest by the `embedder` ("hash" or "dense").

    The model is asked `questions` x `candidates` times at most, about everybody's `newest` records. What is shared is the ranker's numbers.
    """

    k: int = 4
    embedder: str = "hash"
    feedback: By = "any"
    newest: int = 4
    candidates: int = 8
    questions: int = 96
    answer_tokens: int = 32
    rank: int = 8
    steps: int = 200
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        asking = Asking(self.newest, self.candidates, self.questions, self.answer_tokens, self.feedback, self.seed)
        start = untrained(users, self.embedder, self.rank, self.seed)
        told = lessons(users, lm, start, self.embedder, asking)
        self.shared = State(arrays=taught(start, told, reinforcing(self.seed), self.steps).arrays)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        learnt = Reweighting.of(self.shared.arrays) if self.shared.arrays else None
        near = Reweighted(state.records, learnt, self.embedder).search(request.question, self.k)
        return build(request, [quoted(near)], lm)
