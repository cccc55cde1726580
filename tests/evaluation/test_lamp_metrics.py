"""The official metrics on their golden rows, and where the project's own differ."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from idiolect.data.lamp import TAGS, form
from idiolect.errors import DataError
from idiolect.evaluation.lamp_metrics import farthest_miss, metrics, place, yardstick
from idiolect.evaluation.metrics import Answered


def figures(task, pairs, strict=True):
    one = form(task)
    people = [Answered(str(i), [reply], [truth]) for i, (reply, truth) in enumerate(pairs)]
    return {metric.name: metric.figure(people, yardstick(one)) for metric in metrics(one, strict)}


def test_the_golden_rows_of_labels():
    rows = [("[1]", "[1]"), ("foo", "[1]"), ("[2]", "[2]"), ("[1]", "[2]")]
    assert figures("LaMP-1", rows) == pytest.approx({"accuracy": 0.5, "macro_f1": 0.5833}, abs=1e-4)


said = st.sampled_from(["comedy", "action", "classic", "Comedy", "nothing"])


@given(st.lists(st.tuples(said, st.sampled_from(["comedy", "action", "romance"])), min_size=1, max_size=12))
def test_accuracy_and_f1_are_scikit_learns_over_all_labels(rows):
    given_, true = ([place(row[i], TAGS) for row in rows] for i in (0, 1))
    found = figures("LaMP-2", rows)
    assert found["accuracy"] == pytest.approx(accuracy_score(true, given_))
    assert found["macro_f1"] == pytest.approx(f1_score(true, given_, labels=range(len(TAGS)), average="macro", zero_division=0))


def test_labels_that_occur_nowhere_lower_the_official_f1_only():
    assert figures("LaMP-2", [("comedy", "comedy")])["macro_f1"] == pytest.approx(1 / 15)
    assert figures("LaMP-2", [("comedy", "comedy")], strict=False)["macro_f1"] == 1


def test_labels_are_looked_up_to_the_letter_officially_and_read_soundly():
    assert place(" comedy\n", ("action", "comedy")) == 1 and place("Comedy", ("action", "comedy")) == -1
    rows = [("Comedy.", "comedy"), ("It is an action film", "action")]
    assert figures("LaMP-2", rows)["accuracy"] == 0 and figures("LaMP-2", rows, strict=False)["accuracy"] == 1


def test_the_golden_rows_of_scores():
    rows = [("4", "3"), ("bad", "3"), ("bad", "5"), ("4.5", "4")]
    assert figures("LaMP-3", rows) == pytest.approx({"mae": 1.875, "rmse": 2.304886}, abs=1e-6)


def test_what_is_no_number_counts_as_the_farther_end_and_as_5_at_3():
    assert [farthest_miss("none", truth) for truth in "12345"] == [4, 3, 2, 3, 4]


def test_odd_numbers_pass_officially_and_are_drawn_into_the_scale_soundly():
    assert math.isnan(figures("LaMP-3", [("nan", "3"), ("3", "3")])["mae"]) and figures("LaMP-3", [("100", "3")])["mae"] == 97
    assert math.isinf(farthest_miss("inf", "3"))
    assert figures("LaMP-3", [("100", "3")], strict=False)["mae"] == 2 and figures("LaMP-3", [("nan", "3")], strict=False)["mae"] == 2
    with pytest.raises(DataError, match="no number"):
        farthest_miss("4", "good")


def test_texts_are_measured_by_the_mean_of_rouge():
    rows = [("a b", "a b"), ("c", "a b")]
    assert figures("LaMP-5", rows) == pytest.approx({"rouge1": 0.5, "rougeL": 0.5})


def test_long_texts_have_meteor_and_both_denominators():
    found = figures("LongLaMP-topic", [("a b", "a b"), ("", "a b")])
    assert found["rouge1"] == 0.5 and found["rouge1_answered"] == pytest.approx(1) and 0 < found["meteor"] < 0.5
    assert figures("LongLaMP-topic", [("", "a b")])["rouge1_answered"] == 0
