"""Plain: the model without the person. What every other method is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.types import State, User


@dataclass
class Plain(Method):
    """Changes nothing. The zero-shot baseline of LaMP (Salemi et al., ACL 2024, arXiv:2304.11406)."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State() for _ in users]
