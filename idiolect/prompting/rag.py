"""RAG: the person's records nearest to the question are quoted before it.

Salemi, Mysore, Bendersky, Zamani. LaMP: When Large Language Models Meet Personalization. ACL 2024, arXiv:2304.11406.

Departs from the paper: one wording for all tasks (`wording.quote`) in place of LaMP's seven templates, and words in lower
case for BM25 where LaMP splits at spaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.types import Request, State


@dataclass
class RAG(Method):
    """Quotes `k` records, found by `ranker` ("bm25", "dense", "recency", "random"), in time order."""

    k: int = 4
    ranker: str = "bm25"

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return quoting(request, state.records, self.k, lm, self.ranker)
