"""ROPG-KD: records are ranked as the model's own answers say they help, learnt by distillation from everybody's past questions.

Salemi, Kallumadi, Zamani. Optimization Methods for Personalizing Large Language Models through Retrieval Augmentation. SIGIR 2024,
arXiv:2404.05970.

For a question with a known answer the model is told each of the first candidates alone; the softmax of what each was worth is what the
ranker's softmax is drawn to. Departs from the paper: embeddings stay frozen, and a bilinear form of low rank over them is learnt, with
how recent a record is, which embeddings do not tell; worth is the likelihood of the answer where the model gives one (`feedback`);
the temperature is 0.05 and not 1, for worths differ by tenths; questions whose candidates were all worth the same are left out.
Departs from the released code: the scores are soft-maxed once, where theirs are twice, and padding has no probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval.reweighted import Reweighted, Reweighting
from idiolect.training.feedback import Asking, By, lessons, untrained
from idiolect.training.reranking import distilling, taught
from idiolect.types import Request, State, User


@dataclass
class ROPGKD(Method):
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
    temperature: float = 0.05
    steps: int = 60
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        asking = Asking(self.newest, self.candidates, self.questions, self.answer_tokens, self.feedback, self.seed)
        start = untrained(users, self.embedder, self.rank, self.seed)
        told = lessons(users, lm, start, self.embedder, asking)
        self.shared = State(arrays=taught(start, told, distilling(self.temperature), self.steps).arrays)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        learnt = Reweighting.of(self.shared.arrays) if self.shared.arrays else None
        near = Reweighted(state.records, learnt, self.embedder).search(request.question, self.k)
        return build(request, [quoted(near)], lm)
