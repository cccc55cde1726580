"""What a person stands behind: choices, edits, own texts against drafts, and ratings around their own mean."""

from idiolect.models.scripted import ScriptedLM
from idiolect.training.choices import Taking
from idiolect.training.steering_pairs import held_out, stances
from idiolect.types import Record, User


def made(*records):
    lm = ScriptedLM(lambda request: "a draft", can=())
    return [(s.request.question, s.answer, s.own, s.record) for s in stances(lm, [User("ann", records)], Taking())[0]]


def rating(score, reply, time=0):
    return Record(f"About {reply}?", score, time, kind="rating", other=reply)


def test_a_choice_gives_both_of_its_sides_under_one_number():
    assert made(Record("Tea?", "green", kind="choice", other="black")) == [("Tea?", "green", True, 0), ("Tea?", "black", False, 0)]


def test_what_was_only_written_stands_against_the_models_draft():
    assert made(Record("Tea?", "green")) == [("Tea?", "green", True, 0), ("Tea?", "a draft", False, 0)]


def test_ratings_are_taken_by_the_persons_own_mean_and_one_at_the_mean_says_nothing():
    found = made(rating("5", "foxes"), rating("4", "dogs", 1), rating("3", "cats", 2), rating("four", "birds", 3), rating("4", "", 4))
    assert found == [("About foxes?", "foxes", True, 0), ("About cats?", "cats", False, 1)]
    assert not made(rating("5", "foxes"), rating("5", "dogs"))


def test_ratings_are_numbered_after_what_was_chosen():
    found = made(Record("Tea?", "green", kind="choice", other="black"), rating("1", "foxes"), rating("2", "dogs"))
    assert [(answer, own, number) for _, answer, own, number in found[2:]] == [("foxes", False, 1), ("dogs", True, 2)]


def test_of_records_a_share_is_held_out_at_least_one_and_never_all():
    assert held_out([0, 0, 1, 1, 2, 2, 3, 3], 0.25, 0) == held_out([3, 1, 2, 0], 0.25, 0) and len(held_out(range(8), 0.25, 0)) == 2
    assert (
        len(held_out([4, 5], 0.9, 0)) == 1
        and len(held_out([4, 5], 0.01, 0)) == 1
        and held_out([4], 0.5, 0) == set() == held_out([], 0.5, 0)
    )
    assert len({tuple(sorted(held_out(range(20), 0.25, seed))) for seed in range(9)}) > 1
