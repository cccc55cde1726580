"""Plain: the model without the person. What every other method is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method


@dataclass
class Plain(Method):
    """Changes nothing. The zero-shot baseline of LaMP (Salemi et al., ACL 2024, arXiv:2304.11406)."""

    quotes: ClassVar[bool] = False
