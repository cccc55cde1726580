"""Other architectures for the training tests, and pairs of invented people."""

import numpy as np
import pytest

from idiolect.training.loop import Plan
from idiolect.types import Prefix, ask
from tests.tiny_models import Bench

COUNTS = (5, 1, 8, 0, 3)  # pairs of each job


def pairs_of(person, count):
    """Questions of different lengths, answered each in the person's own words."""
    return [(ask(f"Question {i} " + "of the fox " * (i % 3)), f"{person} sleeps {'on ' * (i % 4)}and {i}") for i in range(count)]


def arrays(adapter):
    """All numbers of an adapter or a prefix in one vector."""
    if isinstance(adapter, Prefix):
        return adapter.vectors.ravel()
    return np.concatenate([factor.ravel() for pair in adapter.modules.values() for factor in pair])


def near(one, other):
    """Whether two adapters or prefixes are one but for rounding, after some 20 steps of 1e-3.

    Nearly all numbers are within 1e-5. A gradient that is nothing but rounding still moves its number a whole step of Adam's,
    so a few may be further apart; none by as much as a step.
    """
    apart = np.abs(arrays(one) - arrays(other))
    return np.quantile(apart, 0.99) < 1e-5 and apart.max() < 5e-4


@pytest.fixture(scope="session")
def gpt2():
    return Bench("gpt2")


@pytest.fixture(scope="session")
def qwen2():
    return Bench("qwen2")


@pytest.fixture
def jobs():
    """Jobs of different sizes, one of them empty."""
    return [pairs_of(f"person {number}", count) for number, count in enumerate(COUNTS)]


@pytest.fixture
def plan():
    """Twenty steps for the longest job."""
    return Plan(lr=1e-3, epochs=10)
