"""StatsProfile: a profile counted from the person's texts, without a model: length, capitals, endings, openings, favourite words.

The profile half of PAG (Richardson et al., 2023, arXiv:2310.20081) with counts in place of a language model's summary; ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile
from idiolect.types import Record, Request, State, User
from idiolect.wording import describe


@dataclass
class StatsProfile(Method):
    """Tells the model how this person writes, in three or four sentences counted from their `newest` answers."""

    newest: int = 100

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(text=describe(user.records.newest(self.newest))) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return build(request, [profile(state.text)], lm)
