"""What is counted of a text: features with values that one counts by hand, for any text at all."""

import pytest

from idiolect.training.style_features import FEATURES, features


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
