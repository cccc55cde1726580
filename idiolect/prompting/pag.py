"""PAG: a summary of the person, written once by the model, stands before the question with a few records.

Richardson, Zhang, Gillespie, Kar, Singh, Raeesy, Khan, Sethy. Integrating Summarization and Retrieval for Enhanced
Personalization via Large Language Models. 2023, arXiv:2310.20081.

Departs from the paper: one summary instruction (`wording.SUMMARIZE`) in place of one for each task; the newest records are
summarized in place of a random sample, so that nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval import rank
from idiolect.types import Request, State, User, ask
from idiolect.wording import SUMMARIZE, quote


@dataclass
class PAG(Method):
    """Summarizes the `newest` records into at most `summary_tokens` tokens, and quotes `k` records beside the summary."""

    k: int = 2
    ranker: str = "bm25"
    newest: int = 10
    summary_tokens: int = 80

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        writers = [user for user in users if len(user.records)]
        asked = [ask(SUMMARIZE.format(history=quote(u.records.newest(self.newest))), max_tokens=self.summary_tokens) for u in writers]
        written = iter(lm.generate(asked))
        return [State(text=next(written).text.strip() if len(user.records) else "", records=user.records) for user in users]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        near = rank(state.records, self.ranker).search(request.question, self.k)
        return build(request, [profile(state.text), quoted(near)], lm)
