"""Axes of style: which texts lie at a pole, and how far a person lies from the others."""

import numpy as np
import pytest

from idiolect.training.style_axes import AXES, POLES, crowd, measured, poles
from idiolect.types import History, Record, User


def user(name, *answers):
    return User(name, History(Record("", answer, float(i)) for i, answer in enumerate(answers)))


SHORT, MIDDLE, LONG = "go", "one two three four", "one two three four five six seven eight nine"
TERSE = user("terse", "fix it", "add it", "cut it")
GRAND = user("grand", "We Mend The Parser Today.", "We Cut The Parser Today.", "We Move The Parser Today.")
PLAIN = user("plain", "mend the parser", "cut the parser", "move the parser")


def test_the_poles_of_length_are_the_shortest_and_the_longest_third():
    found = poles(measured([SHORT, MIDDLE, LONG, SHORT, MIDDLE, LONG]))
    assert found["short"] == [0, 3] and found["long"] == [2, 5]


@pytest.mark.parametrize(
    ("texts", "low", "high"),
    [
        (["a", "A", "A", "A", "A"], [0], [1, 2, 3, 4]),
        (["a", "a", "a", "a", "A"], [0, 1, 2, 3], [4]),
        (["a", "A", "a", "A"], [0, 2], [1, 3]),
    ],
)
def test_texts_that_are_alike_stay_at_one_pole_however_many_they_are(texts, low, high):
    found = poles(measured(texts))
    assert found["small initial"] == low and found["capital initial"] == high


def test_an_axis_on_which_all_texts_agree_has_no_poles():
    found = poles(measured(["mend the parser", "move the parser"]))
    assert not {"open end", "final punctuation", "few digits", "many digits", "short", "long"} & set(found)
    assert poles(measured([])) == {} == poles(measured(["one"]))


def test_each_axis_has_its_own_two_poles():
    assert len(set(POLES)) == len(POLES) == 2 * len(AXES)


def test_a_persons_poles_are_those_on_which_they_differ_most():
    among = crowd([TERSE, GRAND, PLAIN])
    assert {"capitalized words", "capital initial", "final punctuation"} == set(among.furthest(GRAND, 3))
    assert list(among.furthest(TERSE, 8))[0] == "short words"
    assert set(among.furthest(GRAND, 8, ["long", "short"])) == {"long"}


def test_the_distance_from_the_crowd_is_counted_in_spreads():
    among = crowd([TERSE, GRAND, PLAIN])
    lengths = np.log1p([2, 5, 3])
    assert among.furthest(GRAND, 8)["long"] == pytest.approx((lengths[1] - lengths.mean()) / lengths.std())


def test_whoever_wrote_nothing_or_is_like_everybody_has_no_poles():
    among = crowd([PLAIN, user("twin", *(record.answer for record in PLAIN.records))])
    assert among.furthest(PLAIN, 3) == among.furthest(User("nobody"), 3) == among.furthest(GRAND, 3) == {}
    assert crowd([]).furthest(GRAND, 3) == {}
