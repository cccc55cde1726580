"""GPG: asked first for what stands out in a person's records, then for a short profile made of that, which stands before the question.

Zhang. Guided Profile Generation Improves Personalization with LLMs. Findings of EMNLP 2024, arXiv:2409.13093.

Departs from the paper: the guiding question follows from whether the person's answers are texts or scores, in place of one written for
each task (give `guide` to put your own); the profile stands beside `k` records that are near to the question, where k=0 is the
paper's arm with the profile alone. `writer="counted"` puts counts in place of the first two calls: the profile is then `portrait`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.facts.outlines import asking, by_model, is_scored, near, portrait, written
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Section, build, profile, quoted
from idiolect.types import Record, Request, State, User

TEXTS = "Name concrete features of how this person writes: length, capitals, punctuation, first words, subjects that recur. One a line."
SCORES = "Name what this person scores high, what low, and which score is given most. One a line."
PROFILE = "Describe this person in at most 50 words, from what was found and what they wrote."
FOUND = "What was found in it:"


@dataclass
class GPG(Method):
    """Two calls a person, kept: what the `newest` records answer to `guide`, and a profile made of both; `k` records beside it."""

    k: int = 2
    ranker: str = "bm25"
    guide: str = ""
    newest: int = 10
    digest_tokens: int = 60
    profile_tokens: int = 80
    writer: str = "model"

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        if not by_model(self.writer):
            return [State(text=portrait(user.records.newest(self.newest)), records=user.records) for user in users]
        latest = [user.records.newest(self.newest) for user in users]
        guides = [self.guide or (SCORES if is_scored(own) else TEXTS) for own in latest]
        digests = written(lm, [asking(guide, own, lm, self.digest_tokens) for guide, own in zip(guides, latest, strict=True)])
        found = [profile(f"{FOUND}\n{digest}" if digest else "") for digest in digests]
        texts = written(lm, [self._profile(own, one, lm) for own, one in zip(latest, found, strict=True)])
        return [State(text=text, records=user.records) for text, user in zip(texts, users, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return build(request, [profile(state.text), quoted(near(state.records, request.question, self.k, self.ranker))], lm)

    def _profile(self, records: Sequence[Record], digest: Section, lm: LM) -> Request | None:
        return asking(PROFILE, records, lm, self.profile_tokens, digest)
