"""LinguisticControl: the question is told within which bounds the counts of this person's style lie, where they are unlike most people's.

Alhafni, Kulkarni, Kumar, Raheja. Personalized Text Generation with Fine-Grained Linguistic Control. PERSONALIZE 2024, arXiv:2402.04914.

A text's attributes are sorted into bins by the percentiles of everybody's texts; the person's are the bins of their trimmed means.
Departs from the paper: the bins are told to a frozen model in words and numbers, where the paper trains the model on them; the few
that lie furthest from the middle, where it gives all; 17 attributes that can be counted without a parser, where it has some 47.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile
from idiolect.training.attributes import ATTRIBUTES, SHARES, binned, bins, measured, middle, sides, tenths
from idiolect.types import Floats, Record, Request, State, User

AIM = "This person's texts, by count:"


@dataclass
class LinguisticControl(Method):
    """Tells `most` attributes of the person's `newest` texts. Bins are learnt from everybody's `newest` texts; before that, nothing is."""

    most: int = 6
    newest: int = 100

    def fit(self, users: Sequence[User], lm: LM) -> None:
        texts = [record.answer for user in users for record in user.records.newest(self.newest) if record.answer.strip()]
        self.shared = State(arrays={"tenths": tenths(measured(texts))} if texts else {})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(text=self._told(user)) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self.enroll([user], lm)[0]  # counting asks no model

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return build(request, [profile(state.text)], lm)

    def _told(self, user: User) -> str:
        texts = [record.answer for record in user.records.newest(self.newest) if record.answer.strip()]
        if not texts or not self.shared.arrays:
            return ""
        lines = aims(middle(measured(texts)), self.shared.arrays["tenths"], self.most)
        return "\n".join([AIM, *lines]) if lines else ""


def aims(values: Floats, bounds: Floats, most: int) -> list[str]:
    """A line for each of the `most` attributes whose bins lie furthest from the crowd's middle, furthest first: its bounds, its side."""
    far, found, starts = sides(values, bounds), binned(values, bounds), bins(bounds)
    order = np.argsort(-np.abs(far), kind="stable")[:most]
    return [_line(ATTRIBUTES[place], starts[place], int(found[place]), far[place]) for place in order if len(starts[place]) > 1]


def _line(name: str, own: Floats, place: int, side: float) -> str:
    number = "{:.0%}" if name in SHARES else "{:.3g}"
    low = number.format(own[place])
    range_ = f"{low} to {number.format(own[place + 1])}" if place + 1 < len(own) else f"{low} or more"
    return f"- {name}: {range_}, {'above' if side > 0 else 'below'} most people"
