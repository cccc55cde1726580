"""Style distance: how far a text is from the way a person writes, in stylometric features standardized by how much people differ.

The measure is Burrows' Delta (Literary and Linguistic Computing 17(3), 2002), the mean absolute difference of standardized
features, over those of `training.style_features` in place of the frequencies of the most frequent words: the texts here are short.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from idiolect.training.style_features import FEATURES, features
from idiolect.types import Floats, User

CAP = 3.0  # spreads; without it one feature in which all people agree would decide the distance


class Style:
    """Where each person's own answers lie on average, and how far these averages spread from person to person."""

    def __init__(self, users: Sequence[User]) -> None:
        seen = {user.id: np.stack([features(record.answer) for record in user.records]) for user in users if len(user.records)}
        self.centres = {name: rows.mean(axis=0) for name, rows in seen.items()}
        spread_of = list(self.centres.values()) if len(self.centres) > 1 else [row for rows in seen.values() for row in rows]
        self.spread: Floats = np.std(spread_of, axis=0) if spread_of else np.zeros(len(FEATURES))

    def distance(self, text: str, user: str) -> float:
        """The mean over features of |text - the person's average| in spreads, each at most CAP; 0 is the person's average exactly.

        A feature in which all people agree counts 0 where the text agrees too, and CAP where it does not.
        Raises KeyError for a user without records.
        """
        apart = np.abs(features(text) - self.centres[user])
        apart[apart < 1e-12] = 0.0  # rounding of a mean of equal numbers
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(np.minimum(np.nan_to_num(apart / self.spread, nan=0.0, posinf=CAP), CAP).mean())
