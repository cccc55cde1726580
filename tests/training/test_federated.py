"""Federated rounds against local training and against averages written out."""

import numpy as np
import pytest

from idiolect.errors import RequestError
from idiolect.training.federated import Rounds, federated
from idiolect.training.loop import Plan
from idiolect.training.sft import sft
from tests.training.conftest import arrays, near, pairs_of

PLAN = Plan(lr=1e-3, epochs=2)
ONE = Rounds(count=1, lr=1.0, momentum=0.0)


@pytest.fixture
def start(llama):
    return sft(llama.lm, [[]], rank=2, alpha=2.0)[0]


def trained(llama, jobs):
    return sft(llama.lm, jobs, rank=2, alpha=2.0, plan=PLAN)


def test_one_person_and_one_round_is_local_training(llama, start):
    job = pairs_of("ann", 5)
    assert near(federated(llama.lm, [job], start, plan=PLAN, rounds=ONE), trained(llama, [job])[0])


def test_a_round_ends_at_the_average_by_the_number_of_pairs(llama, start):
    jobs = [pairs_of("ann", 6), [], pairs_of("bob", 2)]
    made = federated(llama.lm, jobs, start, plan=PLAN, rounds=ONE)
    ann, _, bob = (arrays(one) for one in trained(llama, jobs))
    assert np.allclose(arrays(made), 0.75 * ann + 0.25 * bob, atol=1e-5)


def test_equal_people_are_any_one_of_them_and_the_order_changes_nothing(llama, start):
    job, other = pairs_of("ann", 4), pairs_of("bob", 3)
    rounds = Rounds(count=2, momentum=0.5)
    same = federated(llama.lm, [job, job, job], start, plan=PLAN, rounds=rounds)
    assert near(same, federated(llama.lm, [job], start, plan=PLAN, rounds=rounds))
    assert near(*(federated(llama.lm, jobs, start, plan=PLAN, rounds=rounds) for jobs in ([job, other], [other, job])))


def test_the_outer_step_goes_its_length_and_takes_nesterovs_momentum(llama, start):
    job, begun = pairs_of("ann", 4), arrays(start)
    whole, half, more = (
        arrays(federated(llama.lm, [job], start, plan=PLAN, rounds=rounds))
        for rounds in (ONE, Rounds(count=1, lr=0.5, momentum=0.0), Rounds(count=1, lr=1.0, momentum=0.5))
    )
    assert np.allclose(half - begun, 0.5 * (whole - begun), atol=1e-6)
    assert np.allclose(more - begun, 1.5 * (whole - begun), atol=1e-6)


def test_a_second_round_begins_where_the_first_ended(llama, start):
    job = pairs_of("ann", 4)
    first = federated(llama.lm, [job], start, plan=PLAN, rounds=ONE)
    again = federated(llama.lm, [job], first, plan=Plan(lr=1e-3, epochs=2, seed=1), rounds=ONE)
    assert near(federated(llama.lm, [job], start, plan=PLAN, rounds=Rounds(count=2, momentum=0.0)), again)


def test_no_more_people_take_part_than_asked_for_and_others_move_nothing(llama, start):
    jobs = [pairs_of(name, 2) for name in ("ann", "bob", "cyd")]
    rounds = Rounds(count=1, people=1, momentum=0.0)
    made = federated(llama.lm, jobs, start, plan=PLAN, rounds=rounds)
    assert sum(near(made, one) for one in trained(llama, jobs)) == 1


def test_without_pairs_the_start_is_kept(llama, start):
    assert federated(llama.lm, [[], []], start, plan=PLAN, rounds=ONE).digest == start.digest


@pytest.mark.parametrize("wrong", [{"count": 0}, {"people": 0}, {"momentum": 1.0}, {"lr": -1.0}])
def test_rounds_out_of_range_are_refused(wrong):
    with pytest.raises(RequestError, match="rounds out of range"):
        Rounds(**wrong)
