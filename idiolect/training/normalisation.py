"""Rewards of several models made comparable before a least or a greatest is taken: what is done is stored with the model.

A Bradley-Terry reward is defined up to a shift for each question: the least of two such rewards is that of the model with the lower zero,
and means nothing. The published MaxMin-RLHF takes it all the same; here it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from idiolect.errors import MethodError
from idiolect.types import Floats

HOWS = ("none", "center", "zscore", "winprob")


@dataclass(frozen=True)
class Normalisation:
    """How rewards (..., models) are made comparable, and each model's mean and spread over the answers that all of them saw.

    "center": less the mean; "zscore": and over the spread; "winprob": the chance sigmoid(r - r0) to win against an answer whose rewards
    are r0 (without one: against the mean); "none": as they are.
    """

    how: str = "none"
    mean: Floats | None = None  # (models,)
    spread: Floats | None = None

    def __post_init__(self) -> None:
        if self.how not in HOWS:
            raise MethodError(f"rewards are not normalised by {self.how!r}; there are {', '.join(HOWS)}")

    @classmethod
    def fitted(cls, how: str, rewards: Floats) -> Normalisation:
        """On rewards (answers, models) of one set of answers for all models; with no answers, mean 0 and spread 1."""
        if not len(rewards):
            return cls(how, np.zeros(rewards.shape[1]), np.ones(rewards.shape[1]))
        spread = rewards.std(axis=0)
        return cls(how, rewards.mean(axis=0), np.where(spread > 1e-9, spread, 1.0))

    def of(self, rewards: Floats, against: Floats | None = None) -> Floats:
        """Rewards (..., models), normalised; `against` has the rewards of the answer that "winprob" is the chance to win against."""
        if self.how == "none":
            return rewards
        if self.mean is None or self.spread is None:
            raise MethodError(f"{self.how!r} needs a mean and a spread: make it with Normalisation.fitted on answers that all models saw")
        if self.how == "winprob":
            ahead = rewards - (self.mean if against is None else against)
            won: Floats = 1 / (1 + np.exp(-ahead.clip(-500, 500)))
            return won
        return (rewards - self.mean) / (self.spread if self.how == "zscore" else 1.0)

    def least(self, rewards: Floats, against: Floats | None = None) -> Floats:
        """The least over models (...). Raises MethodError for rewards that are not normalised."""
        made: Floats = self._comparable(rewards, against).min(axis=-1)
        return made

    def greatest(self, rewards: Floats, against: Floats | None = None) -> Floats:
        """The greatest over models (...). Raises MethodError for rewards that are not normalised."""
        made: Floats = self._comparable(rewards, against).max(axis=-1)
        return made

    def worst_off(self, rewards: Floats, against: Floats | None = None) -> int:
        """The model to which these rewards (answers, models) are worth least on average; of equals the first."""
        return int(self._comparable(rewards, against).mean(axis=0).argmin())

    def worst(self, rewards: Floats, aggregate: str, against: Floats | None = None) -> float:
        """What the worst off have of rewards (answers, models): the least of the models' means ("group", as MaxMin-RLHF's paper has it),
        or the mean of the answers' least ("sample", as its code has it). Raises MethodError for another name, and as `least` does."""
        made = self._comparable(rewards, against)
        if aggregate == "group":
            return float(made.mean(axis=0).min())
        if aggregate == "sample":
            return float(made.min(axis=1).mean())
        raise MethodError(f"rewards are aggregated by 'group' or by 'sample', not by {aggregate!r}")

    def as_arrays(self) -> dict[str, Floats]:
        """As a State keeps it: how, by its place in HOWS, and the numbers."""
        kept = {"mean": self.mean, "spread": self.spread}
        return {"how": np.array([float(HOWS.index(self.how))])} | {name: value for name, value in kept.items() if value is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Floats]) -> Normalisation:
        """What `as_arrays` kept."""
        return cls(HOWS[int(arrays["how"][0])], arrays.get("mean"), arrays.get("spread"))

    def _comparable(self, rewards: Floats, against: Floats | None) -> Floats:
        if self.how == "none" and rewards.shape[-1] > 1:
            raise MethodError(
                "the least or greatest of rewards that are not normalised is that of the model with the lower or higher zero; "
                "normalise them by 'center', 'zscore' or 'winprob' on answers that all models saw"
            )
        return self.of(rewards, against)
