"""What was found, as values: to JSON and back, and what a figure says of a gain."""

from dataclasses import replace

import pytest

from idiolect.errors import DataError
from idiolect.evaluation.comparison import Comparison, Figure
from idiolect.evaluation.intervals import Interval
from tests.evaluation.people import Broken, Own, compared, crowd


def test_a_comparison_survives_json_and_anything_else_is_refused() -> None:
    found = compared(Own(), Broken(), users=[replace(user, id=f"<b>{user.id}\ud800\0") for user in crowd()])
    assert Comparison.from_json(found.to_json()) == found
    for text in ("", "{}", "[1]", '{"format": "other"}', found.to_json()[:-3]):
        with pytest.raises(DataError, match="not a comparison"):
            Comparison.from_json(text)


def test_json_holds_no_text_of_anybody() -> None:
    text = compared(Own()).to_json()
    assert not any(record.answer in text or record.prompt in text for user in crowd() for record in user.records)


CLEAR, OTHER_WAY, UNCLEAR = Interval(-1, -2, -0.5), Interval(1, 0.5, 2), Interval(-1, -2, 1)


@pytest.mark.parametrize(
    ("gain", "other_gain", "personal", "verdict"),
    [
        (CLEAR, UNCLEAR, CLEAR, "yes"),
        (CLEAR, OTHER_WAY, CLEAR, "yes"),
        (CLEAR, CLEAR, CLEAR, "in part"),
        (CLEAR, CLEAR, UNCLEAR, "no"),
        (CLEAR, UNCLEAR, OTHER_WAY, "no"),
        (CLEAR, None, None, "unknown"),
        (UNCLEAR, OTHER_WAY, CLEAR, "no gain"),
        (OTHER_WAY, OTHER_WAY, CLEAR, "worse"),
        (Interval(-1), None, None, "no gain"),
        (None, None, None, "no gain"),
    ],
)
def test_a_gain_is_personal_where_it_is_clear_in_both_comparisons(
    gain: Interval | None, other_gain: Interval | None, personal: Interval | None, verdict: str
) -> None:
    assert Figure(CLEAR, CLEAR, gain, other_gain, personal).verdict(lower=True) == verdict
    turned = [
        i and Interval(-i.value, None if i.high is None else -i.high, None if i.low is None else -i.low)
        for i in (gain, other_gain, personal)
    ]
    assert Figure(CLEAR, CLEAR, *turned).verdict(lower=False) == verdict
