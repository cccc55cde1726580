"""People's own heads beside a generic one, and groups of people who prefer the same."""

import numpy as np
import pytest

from idiolect.errors import DataError
from idiolect.training.populations import Table, groups, likelihoods, nearest, own_offset, table
from idiolect.training.reward_models import logistic

WIDTH = 8
TASTE = np.random.default_rng(5).normal(size=WIDTH)


def person(taste, count, seed):
    """Pairs, better less worse, of somebody of this taste."""
    rows = np.random.default_rng(seed).normal(size=(count, WIDTH))
    return rows * np.sign(rows @ taste)[:, None]


PEOPLE = [person(TASTE if who % 3 else -TASTE, 12, who) for who in range(18)]


def test_two_opposite_groups_are_found_up_to_their_names():
    found = groups(PEOPLE, 2, hold=1.0)
    minority = {found.members[who] for who in range(0, 18, 3)}
    assert len(minority) == 1 and {found.members[who] for who in range(18) if who % 3} == {1 - minority.pop()}
    assert abs(np.corrcoef(found.heads[:, 0], found.heads[:, 1])[0, 1]) > 0.8 and found.heads[:, 0] @ found.heads[:, 1] < 0


def test_turns_never_make_it_worse():
    path = groups(PEOPLE, 3, hold=1.0, starts=1).path
    assert len(path) > 1 and all(after >= before - 1e-6 for before, after in zip(path, path[1:]))


def test_one_group_is_everybodys_plain_reward_model():
    found = groups(PEOPLE, 1, hold=1.0)
    assert set(found.members) == {0}
    assert found.heads[:, 0] == pytest.approx(logistic(np.concatenate(PEOPLE), 1.0), abs=1e-4)


def test_no_group_is_left_empty_while_there_are_people_enough():
    alike = [person(TASTE, 12, who) for who in range(6)]
    assert set(groups(alike, 3, hold=1.0).members) == {0, 1, 2}


def test_people_without_pairs_are_withstood_and_more_groups_than_people_too():
    none = np.zeros((0, WIDTH))
    found = groups([none, PEOPLE[0], none], 5)
    assert len(found.members) == 3 and found.heads.shape == (WIDTH, 5) and np.isfinite(found.heads).all()
    assert not groups([none], 2).heads.any() and groups([], 2).members == ()
    with pytest.raises(DataError, match="hold nobody"):
        groups(PEOPLE, 0)


def test_a_newcomer_goes_where_their_pairs_are_likeliest():
    heads = np.stack([TASTE, -TASTE], axis=1)
    assert nearest(heads, person(-TASTE, 4, 99)) == 1 and nearest(heads, person(TASTE, 4, 99)) == 0
    one = person(TASTE, 1, 7)
    assert likelihoods(heads, one)[0] == pytest.approx(-np.log1p(np.exp(-(one @ TASTE)[0])))


def test_somebody_unknown_has_the_generic_head():
    made = table({"ann": PEOPLE[0], "bob": PEOPLE[1]})
    assert np.array_equal(made.of("nobody"), made.generic) and not np.array_equal(made.of("ann"), made.generic)


def test_with_offsets_held_at_0_the_table_is_one_model_for_everybody():
    people = {str(who): rows for who, rows in enumerate(PEOPLE)}
    made = table(people, hold=1.0, own_hold=1e9)
    both = logistic(np.concatenate(PEOPLE), 1.0)
    assert made.generic == pytest.approx(both, abs=1e-3) and made.of("3") == pytest.approx(made.generic, abs=1e-5)
    assert np.array_equal(table(people, share=0.0).of("3"), table(people, share=0.0).generic)


def test_a_persons_offset_is_0_without_their_pairs_and_is_not_moved_by_anothers():
    made = table({"ann": PEOPLE[0], "none": np.zeros((0, WIDTH))})
    assert not made.offsets["none"].any()
    assert own_offset(PEOPLE[0], made.generic, 4.0, 0.5) == pytest.approx(made.offsets["ann"])


def test_who_is_against_the_majority_is_told_right_by_their_own_head_alone():
    made = table({str(who): rows for who, rows in enumerate(PEOPLE)}, own_hold=0.5)
    later = person(-TASTE, 200, 1000)
    assert (later @ made.of("0") > 0).mean() > 0.75 > 0.3 > (later @ made.generic > 0).mean()


def test_a_share_that_is_none_is_refused():
    with pytest.raises(DataError, match="between 0 and 1"):
        table({}, share=1.5)
    assert isinstance(table({}), Table)
