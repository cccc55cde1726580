"""CoS: decoding with the person's records in the context, pushed away from decoding without them.

He, Pandey, Schrum, Dragan. Context Steering: Controllable Personalization at Inference Time. ICLR 2025, arXiv:2405.01768.

With l_c the log-probabilities with context and l_0 without, the next token is drawn from l_c + strength * (l_c - l_0),
renormalized. Strength -1 ignores the context, 0 is ordinary context. The released code's several-contexts form has another origin (its
1 is this 0); one origin is used here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import rank
from idiolect.types import Guide, Request, State


@dataclass
class CoS(Method):
    """`k` records quoted as context, amplified by `strength`. Nothing to quote changes nothing."""

    needs: ClassVar[frozenset[str]] = frozenset({"guide"})
    k: int = 4
    ranker: str = "bm25"
    strength: float = 0.5

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        near = rank(state.records, self.ranker).search(request.question, self.k)
        if not near:
            return request
        against = Guide((request,), (1 + self.strength, -self.strength))
        return build(request, [quoted(near)], lm).bent(guide=against)
