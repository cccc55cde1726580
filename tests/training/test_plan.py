"""Plans: what is held out, what a plan for each job must agree on, and names that do not exist."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.errors import RequestError
from idiolect.training.plan import Plan, of_each


@given(st.integers(0, 60), st.floats(0, 0.99), st.integers(0, 5))
def test_what_is_held_out_is_never_trained_on_and_leaves_something_to_train_on(pairs, held, seed):
    plan = Plan(held=held, seed=seed, epochs=2, batch=3)
    trained, kept = plan.split(pairs)
    assert sorted(trained + kept) == list(range(pairs))
    assert (len(kept) > 0) == (held > 0 and pairs > 1) and (len(trained) > 0) == (pairs > 0)
    schedule = plan.schedule(pairs)
    assert len(schedule) == plan.steps(pairs) and sorted(sum(schedule, [])) == sorted(trained * 2)


def test_one_plan_is_everybodys_and_several_are_each_ones():
    one, other = Plan(), Plan(lr=1e-2, epochs=1, batch=2, seed=3, held=0.2)
    assert of_each(one, 2) == [one, one] and of_each([one, other], 2) == [one, other]


def test_another_number_of_plans_than_jobs_is_refused():
    with pytest.raises(RequestError, match="2 plans for 3 jobs"):
        of_each([Plan(), Plan()], 3)


@pytest.mark.parametrize("field", [{"wave": 2}, {"tokens": 9}, {"memory": 9}, {"precision": "bf16"}])
def test_jobs_of_one_pass_cannot_differ_in_what_is_the_passes(field):
    with pytest.raises(RequestError, match=next(iter(field))):
        of_each([Plan(), dataclasses.replace(Plan(), **field)], 2)


@pytest.mark.parametrize("wrong", [{"held": 1.0}, {"held": -0.1}, {"patience": 0}, {"memory": 0}])
def test_a_plan_out_of_range_is_refused_with_its_values(wrong):
    with pytest.raises(RequestError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        Plan(**wrong)


def test_a_precision_that_does_not_exist_is_refused():
    with pytest.raises(RequestError, match="'fp16'.*auto, fp32, bf16"):
        Plan(precision="fp16")
