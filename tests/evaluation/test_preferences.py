"""How reward models are measured on people: what stands on which side, and figures that are known beforehand."""

import numpy as np
import pytest

from idiolect.errors import DataError
from idiolect.evaluation.preferences import Measured, accuracy, asked_for, by_prompt, by_time, calibration_error, stand_ins
from idiolect.types import Record, User


def choices(name, prompts, turned=()):
    rows = [Record(p, "better", float(at), f"{name}{at}", "choice", "worse") for at, p in enumerate(prompts)]
    rows += [Record(p, "worse", 50.0 + at, f"{name}t{at}", "choice", "better") for at, p in enumerate(turned)]
    return User(name, rows)


PROMPTS = [f"Of {n}?" for n in range(40)]


def test_a_prompt_is_on_one_side_for_everybody_and_both_halves_of_a_turned_pair_with_it():
    people = by_prompt([choices("a", PROMPTS[:30], PROMPTS[:30]), choices("b", PROMPTS[10:])], share=0.3)
    seen = {one.question for person in people for one in person.history}
    asked = {one.question for person in people for one in person.targets}
    assert len(people) == 2 and not seen & asked and seen | asked == set(PROMPTS)
    first = people[0]
    assert {one.question for one in first.targets if one.better == "better"} == {
        one.question for one in first.targets if one.better == "worse"
    }


def test_later_turns_and_other_spellings_of_a_prompt_go_with_it():
    for prompt in PROMPTS:
        side = asked_for(prompt, 0.3, 0)
        assert asked_for(f"{prompt.upper()} ", 0.3, 0) == side == asked_for(f"{prompt}\n\nAssistant: so\n\nHuman: and?", 0.3, 0)
    assert [asked_for(p, 0.3, 0) for p in PROMPTS] != [asked_for(p, 0.3, 1) for p in PROMPTS]


def test_who_has_too_little_to_learn_from_or_nothing_asked_is_left_out():
    asked = [p for p in PROMPTS if asked_for(p, 0.3, 0)]
    learnt = [p for p in PROMPTS if not asked_for(p, 0.3, 0)]
    users = [choices("none asked", learnt), choices("one", [learnt[0], asked[0]]), choices("two", [*learnt[:2], asked[0]])]
    assert [person.user for person in by_prompt(users, share=0.3)] == ["two"]
    with pytest.raises(DataError, match="between 0 and 1"):
        by_prompt(users, share=1.0)


def test_ratings_that_are_asked_for_are_later_and_texts_are_not_ratings():
    user = User("r", [Record(f"film {n}", str(n % 5), float(n)) for n in range(10)] + [Record("film", "a text", 20.0)])
    (rater,) = by_time([user, User("short", user.records[:3])])
    assert len(rater.targets) == 2 and max(r.time for r in rater.history) < min(r.time for r in rater.targets)


def test_a_model_that_sees_no_difference_is_half_right_and_turned_pairs_make_a_half():
    assert accuracy(np.zeros(7)) == 0.5 and accuracy(np.array([1.0, -2.0, 0.0])) == 0.5
    margins = np.random.default_rng(0).normal(size=50)
    assert accuracy(np.concatenate([margins, -margins])) == 0.5


def test_chances_that_come_true_have_no_calibration_error():
    chance = np.random.default_rng(0)
    ahead = chance.normal(0, 2, 20_000)
    true = np.where(chance.random(20_000) < 1 / (1 + np.exp(-ahead)), ahead, -ahead)
    assert calibration_error(true) < 0.02
    assert calibration_error(np.full(100, -50.0)) == pytest.approx(1.0) and calibration_error(np.zeros(10)) == 0.0
    assert calibration_error(np.array([np.log(4.0)] * 3 + [-np.log(4.0)])) == pytest.approx(0.05)


def test_nobody_stands_in_for_themselves_and_everybody_stands_in_once():
    for people in (2, 3, 10):
        others = stand_ins(people, 0)
        assert sorted(others) == list(range(people)) and all(place != other for place, other in enumerate(others))


def test_a_judge_that_knows_whose_history_it_reads_is_better_by_just_that():
    measured = Measured()
    measured.add("everybody's", lambda who, other: np.array([1.0, -1.0]), 20, personal=False)
    measured.add("own", lambda who, other: np.array([1.0, 1.0 if who == other else -1.0]), 20)
    everybodys, own = measured.rows("everybody's")
    assert (everybodys.figure.value, everybodys.gain, everybodys.own) == (0.5, None, None)
    assert (own.figure.value, own.gain.value, own.own.value) == (1.0, 0.5, 0.5) and own.own.clear
    with pytest.raises(DataError, match="everybody's, own"):
        measured.rows("nobody's")


def test_ratings_are_measured_by_how_far_they_are_from_the_truth():
    measured = Measured(truths=[np.array([4.0, 2.0]), np.array([1.0])])
    measured.add("three", lambda who, other: np.full(2 if who == 0 else 1, 3.0), 2, personal=False)
    (row,) = measured.rows("three")
    assert row.figure.value == pytest.approx(1.5) and row.calibration is None
