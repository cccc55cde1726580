"""Splits by time: nothing that is asked for can be seen, by its author or by anyone else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.data.splits import split, split_all
from idiolect.errors import DataError
from idiolect.types import Record, User


def user(name, *times, text=""):
    return User(
        name, [Record(f"p{text}{i}", f"an answer of {text or name} {i}", time, f"{text or name}{i}") for i, time in enumerate(times)]
    )


def test_the_last_fifth_is_asked_for():
    made = split(user("u", *range(10)))
    assert [record.time for record in made.targets] == [8, 9] and len(made.history) == 8


def test_the_boundary_moves_to_where_times_differ():
    made = split(user("u", 1, 1, 1, 2, 2, 2, 2, 2, 3, 3), share=0.4)
    assert [record.time for record in made.history] == [1, 1, 1, 2, 2, 2, 2, 2]
    assert [record.time for record in made.targets] == [3, 3]


def test_of_two_places_equally_near_the_one_with_more_history_is_taken():
    assert len(split(user("u", 1, 2, 2, 3), share=0.5).history) == 3


def test_at_most_so_many_targets_and_the_history_grows_instead():
    made = split(user("u", *range(100)), at_most=3)
    assert [record.time for record in made.targets] == [97, 98, 99] and len(made.history) == 97


def test_a_crowd_of_one_time_is_cut_to_at_most():
    made = split(user("u", 1, 2, 2, 2, 2), at_most=2)
    assert len(made.history) == 1 and len(made.targets) == 2


@pytest.mark.parametrize("times", [(), (5,), (5, 5, 5)])
def test_a_user_without_a_boundary_keeps_everything_and_is_asked_nothing(times):
    made = split(user("u", *times))
    assert len(made.history) == len(times) and made.targets == ()


@pytest.mark.parametrize(("share", "at_most"), [(0, None), (1, None), (-0.2, None), (0.2, 0)])
def test_shares_and_limits_that_mean_nothing_are_refused(share, at_most):
    with pytest.raises(DataError):
        split(user("u", 1, 2), share, at_most)


@given(st.lists(st.integers(0, 8), max_size=30), st.floats(0.01, 0.99), st.none() | st.integers(1, 5))
def test_every_history_record_is_strictly_earlier_than_every_target(times, share, at_most):
    made = split(user("u", *times), share, at_most)
    assert all(seen.time < asked.time for seen in made.history for asked in made.targets)
    assert bool(made.targets) == (len(set(times)) > 1)
    assert at_most is None or len(made.targets) <= at_most


def test_a_paper_of_two_authors_held_out_for_one_is_not_in_the_others_history():
    shared = Record("abstract", "A title of two authors", 5.0, "paper")
    late = User("late", [*user("late", 6, 7, 8, 9).records, shared])
    early = User("early", [*user("early", 1, 2, 3, 4).records, shared])
    made = split_all([early, late])
    asked, shown = made.splits
    assert asked.targets == (shared,)
    assert shared not in shown.history and len(shown.history) == 3
    assert made.removed == 1


@pytest.mark.parametrize(
    "copy",
    [
        Record("abstract", "A title", 2.0, "other id"),
        Record("abstract again", "A title", 2.0, "p"),
        Record("abstract", "A Title.", 2.0, "p"),
    ],
)
def test_the_same_text_under_another_id_and_the_same_id_with_other_text_are_both_found(copy):
    asked = User("a", [Record("x", "earlier words", 1.0), Record("abstract", "A title", 9.0, "p")])
    shown = User("b", [Record("y", "own words", 1.0), copy, Record("z", "last words", 3.0)])
    made = split_all([asked, shown])
    assert copy not in made.splits[1].history and made.removed == 1


def test_equal_ids_of_different_records_and_equal_ratings_are_left_alone():
    counted = [User(name, [Record(f"{name}{i}", f"{name} wrote {i}", i, str(i)) for i in range(5)]) for name in "ab"]
    rated = [
        User(name, [Record(f"film {(i + turn) % 5}", "4", i, f"{(i + turn) % 5}") for i in range(5)]) for turn, name in enumerate("cd")
    ]
    made = split_all(counted + rated)
    assert made.removed == 0 and [len(one.history) for one in made.splits] == [4, 4, 4, 4]


def test_what_is_held_out_is_in_nobodys_history_even_if_the_same_person_wrote_it_before():
    made = split_all([User("u", [Record("p", "Update the manual", time) for time in range(5)])])
    assert len(made.splits[0].history) == 0 and made.removed == 4
