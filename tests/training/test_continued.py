"""Adapters that go on: where they start, what they are compared with, and people together against each alone."""

import math

import numpy as np
import pytest

from idiolect.errors import RequestError
from idiolect.training import wave
from idiolect.training.continued import preferred_from
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO, prefer
from idiolect.training.sft import sft
from idiolect.types import Adapter
from tests.training.conftest import arrays, near, pairs_of
from tests.training.test_preference import margin, preferences


@pytest.fixture
def started(llama):
    return sft(llama.lm, [pairs_of("ann", 4), pairs_of("bob", 3), []], rank=4, alpha=4, plan=Plan(lr=5e-3, epochs=2))


def test_with_no_step_of_any_length_an_adapter_is_what_it_was(llama, started):
    made = preferred_from(llama.lm, started, [preferences("ann", 3)] * 3, DPO(), Plan(lr=0.0, epochs=1))
    for one, start in zip(made, started, strict=True):
        assert one == start


def test_it_is_compared_with_the_model_without_the_adapter_it_starts_from(llama, started, monkeypatch):
    seen, real = [], wave.loss_of
    monkeypatch.setattr(wave, "loss_of", lambda *given: [seen.append(float((made := real(*given)).detach().mean())), made][1])
    job, plain = preferences("ann", 3), Adapter({path: (a, np.zeros_like(b)) for path, (a, b) in started[0].modules.items()})
    preferred_from(llama.lm, [started[0]], [job], DPO(0.5), Plan(epochs=1, batch=3, warmup=0.0))
    gained = margin(llama.lm, job, started[0]) - margin(llama.lm, job, plain)  # both without the end token
    assert seen[0] != pytest.approx(math.log(2), abs=1e-3)
    assert (seen[0] < math.log(2)) == (gained > 0)


def test_from_an_adapter_that_is_new_it_is_what_preferences_alone_teach(llama):
    plan, job = Plan(lr=1e-3, epochs=4, batch=2), preferences("ann", 4)
    new = sft(llama.lm, [[]], rank=4, alpha=8.0, plan=plan)[0]
    assert near(preferred_from(llama.lm, [new], [job], DPO(), plan)[0], prefer(llama.lm, [job], DPO(), rank=4, alpha=8.0, plan=plan)[0])


def test_what_was_chosen_becomes_likelier_and_people_together_are_what_each_is_alone(llama, started):
    jobs, plan = [preferences("ann", 4), [], preferences("bob", 2)], Plan(lr=2e-3, epochs=5)
    together = preferred_from(llama.lm, started, jobs, DPO(), plan)
    assert together[1] is started[1]
    assert margin(llama.lm, jobs[0], together[0]) > margin(llama.lm, jobs[0], started[0]) + 0.5
    for one, start, job in zip(together, started, jobs, strict=True):
        alone = preferred_from(llama.lm, [start], [job], DPO(), plan)[0]
        assert np.abs(arrays(one) - arrays(alone)).max() < 5e-4


def test_adapters_of_two_forms_and_too_few_of_them_are_refused(llama, started):
    other = sft(llama.lm, [[]], rank=2)[0]
    with pytest.raises(RequestError, match="train them apart"):
        preferred_from(llama.lm, [started[0], other], [[], preferences("ann", 1)], DPO())
    with pytest.raises(RequestError, match="1 adapters for 2 jobs"):
        preferred_from(llama.lm, started[:1], [[], []], DPO())
    assert preferred_from(llama.lm, [], [], DPO()) == []
