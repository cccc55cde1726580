"""CoS: decoding with the person's records in the context, pushed away from decoding without them.

He, Pandey, Schrum, Dragan. Context Steering: Controllable Personalization at Inference Time. ICLR 2025, arXiv:2405.01768.

With l_c the log-probabilities with context and l_0 without, the next token is drawn from l_c + strength * (l_c - l_0),
renormalized. Strength -1 ignores the context, 0 is ordinary context. With several contexts, from l_0 + sum of w_i (l_i - l_0).
Departs from the released code, whose several-contexts form has another origin than its other form (its 1 is the other's 0): one origin is
used here. The weights w_i are equal and together 1 + strength, so that one context means the same in both forms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import rank
from idiolect.types import Guide, Request, State


@dataclass
class CoS(Method):
    """`k` records quoted as `contexts` "one", or "each" in a context of its own, amplified by `strength`; none to quote changes nothing."""

    needs: ClassVar[frozenset[str]] = frozenset({"guide"})
    k: int = 4
    ranker: str = "bm25"
    strength: float = 0.5
    contexts: Literal["one", "each"] = "one"

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        if self.contexts not in ("one", "each"):
            raise MethodError(f"records stand in contexts 'one' or 'each', not {self.contexts!r}")
        near = rank(state.records, self.ranker).search(request.question, self.k)
        if not near:
            return request
        apart = [[record] for record in near] if self.contexts == "each" else [near]
        first, *others = [build(request, [quoted(records)], lm) for records in apart]
        share = (1 + self.strength) / len(apart)
        reasons = [reason for other in others for reason in other.because[len(request.because) :]]
        against = Guide((*others, request), (*[share] * len(apart), -self.strength))
        return replace(first, because=(*first.because, *reasons)).bent(guide=against)
