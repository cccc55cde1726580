"""The models that the battery runs on: a random tiny Llama, and the scripted double."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.conformance.checks", "tests.conformance.privacy")

from tests.tiny_models import tiny_llama  # noqa: E402  # after the rewriting is asked for


@pytest.fixture(scope="session")
def tiny():
    """Window 256."""
    return tiny_llama()
