"""Style distance: features with known values, and distances that are 0 where they must be."""

import pytest

from idiolect.evaluation.style import CAP, FEATURES, Style, features
from idiolect.types import History, Record, User


def user(name: str, *answers: str) -> User:
    return User(name, History(Record("", answer, float(i)) for i, answer in enumerate(answers)))


def feature(text: str, beginning: str) -> float:
    (place,) = [i for i, name in enumerate(FEATURES) if name.startswith(beginning)]
    return float(features(text)[place])


def test_features_have_the_values_one_counts_by_hand() -> None:
    assert feature("I saw 42 cats!", "share of digits") == pytest.approx(2 / 14)
    assert feature("I saw 42 cats!", "share of punctuation") == pytest.approx(1 / 14)
    assert feature("I saw 42 cats!", "share of !") == pytest.approx(1 / 14)
    assert feature("I saw 42 cats!", "mean length") == pytest.approx(11 / 4)
    assert feature("AB cd", "share of letters in upper") == 0.5
    assert feature("one Two three Four", "share of later words") == pytest.approx(2 / 3)
    assert feature("Hello.", "starts") == feature("Hello.", "ends") == 1.0
    assert feature("hello", "starts") == feature("hello", "ends") == 0.0
    assert feature("the cat and I", "share of function") == 0.75
    assert feature("the cat and I", "share of I") == 0.25
    assert feature("🎉 done", "share of emoji") == pytest.approx(1 / 6)
    assert feature("שלום", "share of letters outside") == 1.0


@pytest.mark.parametrize("text", ["", " ", "\0", "🎉", "שלום עולם", "a" * 10_000, "\ud800"])
def test_any_text_has_finite_features(text: str) -> None:
    assert all(abs(value) < float("inf") for value in features(text))


def test_a_text_equal_to_the_history_is_at_distance_zero() -> None:
    style = Style([user("a", "fix the parser", "fix the parser"), user("b", "RELEASE!!")])
    assert style.distance("fix the parser", "a") == 0.0
    assert style.distance("fix the parser", "b") > 0.0


def test_a_text_in_ones_own_manner_is_nearer_than_one_in_anothers() -> None:
    style = Style(
        [user("a", "fix: parser", "add: tests", "fix: docs"), user("b", "We Ship It Today!", "You Will Love This!"), user("c", "ok", "no")]
    )
    assert style.distance("add: parser", "a") < style.distance("add: parser", "b")
    assert style.distance("We Love It!", "b") < style.distance("We Love It!", "a")


def test_no_feature_counts_more_than_the_cap() -> None:
    style = Style([user("a", "same"), user("b", "same")])
    assert style.distance("same", "a") == 0.0
    assert style.distance("UTTERLY, DIFFERENT! 123 🎉\n\n" * 30, "a") <= CAP


def test_one_person_alone_is_measured_by_the_spread_of_their_own_texts() -> None:
    style = Style([user("a", "short", "a rather longer text of many words")])
    assert 0.0 < style.distance("short", "a") < CAP
