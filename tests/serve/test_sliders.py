"""Sliders in words: graded, one line each, and silent at 0."""

import pytest

from idiolect.errors import RequestError
from idiolect.serve.sliders import SLIDERS, checked, tell
from idiolect.types import ask


def test_a_line_says_which_way_and_how_far():
    lines = [SLIDERS["formality"].line(value) for value in (-1, -0.5, -0.1, 0, 0.1, 1 / 3, 0.5, 2 / 3, 1)]
    grades = ["very much", "clearly", "a little", None, "a little", "a little", "clearly", "clearly", "very much"]
    assert [grade is None if not line else grade in line for line, grade in zip(lines, grades, strict=True)] == [True] * 9
    assert all("casually" in line for line in lines[:3]) and all("formally" in line for line in lines[4:]) and lines[3] == ""


def test_sliders_that_are_not_zero_are_told_in_one_order_with_their_reasons():
    told = tell(ask("Hi"), {"warmth": 0.5, "length": -0.25, "detail": 0.0})
    assert told.messages[0].content.splitlines() == [SLIDERS["length"].line(-0.25), SLIDERS["warmth"].line(0.5)]
    assert told.because == ("setting:length -0.25", "setting:warmth +0.5")
    assert tell(ask("Hi"), {}) == tell(ask("Hi"), {"length": 0}) == ask("Hi")


@pytest.mark.parametrize(
    "weights,said", [({"lenght": 1}, "did you mean 'length'"), ({"x": 1}, "there are length"), ({"length": 2}, "from -1 to 1")]
)
def test_what_is_no_slider_is_refused_with_the_way_out(weights, said):
    with pytest.raises(RequestError, match=said):
        checked(weights)
    with pytest.raises(RequestError):
        checked({"length": float("nan")})
