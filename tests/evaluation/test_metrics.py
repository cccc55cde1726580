"""Metrics: known answers, and what is done with replies that cannot be read."""

import math

import numpy as np
import pytest

from idiolect.errors import DataError
from idiolect.evaluation.metrics import METRICS, Answered, Yardstick, label, number, rating, rouge
from idiolect.evaluation.style import Style
from idiolect.types import History, Record, User

POINTS = Yardstick(low=1, high=5)


def test_rouge_of_equal_texts_is_one_and_words_are_not_stemmed() -> None:
    assert rouge("rouge1", "Parsing trees", "parsing trees!") == 1.0
    assert rouge("rouge1", "parse tree", "parsing trees") == 0.0
    assert rouge("rouge1", "a b c d", "a b x y") == pytest.approx(0.5)
    assert rouge("rougeL", "b a", "a b") == pytest.approx(0.5)


def test_rating_errors_are_those_of_lamp_where_two_replies_of_four_cannot_be_read() -> None:
    person = Answered("u", ["4", "bad", "bad", "4.5"], ["3", "3", "5", "4"])
    assert METRICS["mae"].figure([person], POINTS) == pytest.approx(1.875)
    assert METRICS["rmse"].figure([person], POINTS) == pytest.approx(2.304886, abs=1e-6)
    assert METRICS["unreadable"].figure([person], POINTS) == 0.5


@pytest.mark.parametrize(
    ("reply", "read"),
    [("4", 4), (" I'd say 3.5 points.", 3.5), ("3,5", 3.5), ("4/5", 4), ("100", 5), ("-2", 1), ("nan", None), ("inf", None), ("", None)],
)
def test_a_rating_is_the_first_number_of_a_reply_drawn_into_the_scale(reply: str, read: float | None) -> None:
    assert rating(reply, 1, 5) == read


def test_accuracy_and_macro_f1_are_those_of_lamp_where_a_reply_is_no_label() -> None:
    person, labels = Answered("u", ["1", "foo", "2", "1"], ["1", "1", "2", "2"]), Yardstick(labels=("1", "2"))
    assert METRICS["accuracy"].figure([person], labels) == 0.5
    assert METRICS["macro_f1"].figure([person], labels) == pytest.approx(0.583333, abs=1e-6)
    assert METRICS["unreadable"].figure([person], labels) == 0.25


@pytest.mark.parametrize(
    ("reply", "read"),
    [("Good.", "good"), ("It is very good", "very good"), ("good or bad", None), ("goodness", None), ("", None), ("**bad**", "bad")],
)
def test_a_label_is_read_where_exactly_one_stands_in_the_reply(reply: str, read: str | None) -> None:
    assert label(reply, ["good", "very good", "bad"]) == read


def test_labels_that_differ_in_capitals_only_are_told_apart_where_the_reply_does() -> None:
    assert label("Yes", ["yes", "Yes"]) == "Yes"
    assert label("YES", ["yes", "Yes"]) is None


def test_bits_a_character_are_all_bits_over_all_characters() -> None:
    person = Answered("u", ["", ""], ["ab", "cdef"], nats=[-2 * math.log(2), -1 * math.log(2)], chars=[2, 4])
    assert METRICS["bits_per_char"].figure([person], Yardstick()) == pytest.approx(0.5)


def test_everyone_weighs_the_same_however_many_targets_they_have() -> None:
    many, one = Answered("a", ["1"] * 9, ["1"] * 9), Answered("b", ["5"], ["1"])
    assert METRICS["mae"].figure([many, one], POINTS) == pytest.approx(2.0)


def test_macro_f1_of_bootstrap_draws_is_that_of_each_draw_alone() -> None:
    people = [Answered("a", ["1", "2"], ["1", "1"]), Answered("b", ["2", "2"], ["2", "1"])]
    labels = Yardstick(labels=("1", "2", "never"))
    metric = METRICS["macro_f1"]
    parts = metric.of(people, labels)
    assert metric.value(np.stack([parts[0], parts.mean(axis=0)])) == pytest.approx(
        [metric.figure(people[:1], labels), metric.figure(people, labels)]
    )


def test_a_truth_that_is_no_number_is_refused_in_a_task_of_ratings() -> None:
    for answer in ("four", "nan"):
        with pytest.raises(DataError, match="not a number"):
            number(answer)


def test_the_style_metric_measures_against_the_persons_own_history() -> None:
    users = [User("loud", History([Record("", "STOP NOW!", 1)])), User("calm", History([Record("", "please wait a little", 1)]))]
    yardstick = Yardstick(style=Style(users))
    metric = METRICS["style"]
    assert metric.figure([Answered("loud", ["STOP NOW!"], ["x"])], yardstick) == 0.0
    assert metric.figure([Answered("calm", ["STOP NOW!"], ["x"])], yardstick) > 0.5
