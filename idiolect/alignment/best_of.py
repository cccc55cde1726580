"""BestOf: several answers are drawn, and the one that this person would most likely have written is given.

Best-of-n: Stiennon et al. Learning to Summarize from Human Feedback. NeurIPS 2020, arXiv:2009.01325. In place of a learnt
reward, ours: the mean log-probability of a candidate's tokens with the person's records quoted, less the same without them
times `less`, so that what anybody would write is not preferred for being common.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import rank
from idiolect.types import Reply, Request, Score, State


@dataclass
class BestOf(Method):
    """The greedy answer and `drawn` others at `temperature`, asked with `k` of the person's records quoted."""

    needs: ClassVar[frozenset[str]] = frozenset({"logprobs"})
    k: int = 4
    ranker: str = "bm25"
    drawn: int = 4
    temperature: float = 0.8
    less: float = 0.5

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        near = rank(state.records, self.ranker).search(request.question, self.k)
        if not near:
            return request
        told = build(request, [quoted(near)], lm)
        seeds = range(request.sampling.seed, request.sampling.seed + self.drawn)
        replies = lm.generate([told.sampled(temperature=0.0), *(told.sampled(temperature=self.temperature, seed=seed) for seed in seeds)])
        texts = [reply.text for reply in replies]
        theirs, anybodys = lm.score([told] * len(texts), texts), lm.score([request] * len(texts), texts)
        worth = [self._worth(own, any_) for own, any_ in zip(theirs, anybodys, strict=True)]
        best = replies[worth.index(max(worth))]
        return replace(
            best,
            prompt_tokens=sum(reply.prompt_tokens for reply in replies) + sum(s.prompt_tokens for s in (*theirs, *anybodys)),
            tokens=sum(reply.tokens for reply in replies),
            calls=3 * sum(reply.calls for reply in replies),
        )

    def _worth(self, theirs: Score, anybodys: Score) -> float:
        """Nats a token; an empty answer is the worst of all."""
        if not theirs.logprobs:
            return float("-inf")
        return theirs.nats / len(theirs.logprobs) - self.less * anybodys.nats / len(anybodys.logprobs)
