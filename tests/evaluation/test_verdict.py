"""The advice: the best of what is clear and personal, a much cheaper one that is as good, else Plain and why."""

import pytest

from idiolect.evaluation.comparison import Advice, Figure, Row
from idiolect.evaluation.intervals import Interval
from idiolect.evaluation.metrics import METRICS
from idiolect.evaluation.trial import Costs
from idiolect.evaluation.verdict import QUERIES, advise, effort

BITS = METRICS["bits_per_char"]
ZERO, TIED, APART = Interval(0.0, -0.1, 0.1), Interval(0.01, -0.1, 0.1), Interval(0.3, 0.2, 0.4)


def row(name: str, bits: float, seconds: float, gain: Interval, other_gain: Interval = ZERO, personal: Interval | None = None) -> Row:
    costs = Costs(1, 1, seconds, 0.0, 0, 0, 1, 1)
    figure = Figure(Interval(bits, bits - 0.1, bits + 0.1), ZERO, gain, other_gain, personal or gain)
    return Row(name, name, "", "done", figures={"bits_per_char": figure}, costs=costs)


def gain(by: float) -> Interval:
    return Interval(-by, -by - 0.1, -by + 0.1)


PLAIN = Row("plain", "Plain", "", "done", figures={"bits_per_char": Figure(Interval(3.0, 2.9, 3.1))}, costs=Costs(1, 1, 1, 0, 0, 0, 1, 1))


def advised(*rows: Row, difference: Interval = APART) -> Advice:
    return advise([PLAIN, *rows], BITS, lambda one, other: difference)


def test_the_best_of_those_whose_gain_is_clear_and_personal_is_taken() -> None:
    advice = advised(row("good", 2.5, 1, gain(0.5)), row("better", 2.2, 10, gain(0.8)), row("anybody", 1.0, 1, gain(2.0), gain(2.0), ZERO))
    assert advice.method == "better" and "0.800 (0.700 to 0.900)" in advice.reason


def test_a_tied_method_wins_only_where_it_costs_half_or_less() -> None:
    best = row("best", 2.2, 1.0, gain(0.8))
    assert advised(best, row("cheap", 2.3, 0.5, gain(0.7)), difference=TIED).method == "cheap"
    assert advised(best, row("cheap", 2.3, 0.6, gain(0.7)), difference=TIED).method == "best"
    assert advised(best, row("cheap", 2.3, 0.1, gain(0.7)), difference=APART).method == "best"


def test_enrolling_a_person_is_spread_over_their_first_queries() -> None:
    costs = Costs(1, 1, 0.5, 20.0, 0, 999.0, 1, 1)
    assert effort(Row("x", "x", "", "done", costs=costs)) == 20.0 + QUERIES * 0.5


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "no other method gave figures"),
        ([row("a", 2.9, 1, Interval(-0.05, -0.2, 0.1))], "The nearest was a"),
        (
            [row("a", 2.0, 1, gain(1.0), gain(1.0), ZERO), row("b", 2.0, 1, gain(1.0), gain(1.0), ZERO)],
            "a and b improved, but with another",
        ),
        ([row("a", 3.5, 1, Interval(0.5, 0.4, 0.6))], "no method improved"),
        ([Row("a", "a", "", "failed", "why")], "no other method gave figures"),
    ],
)
def test_where_nothing_helps_the_advice_is_to_stay_with_plain_and_why(rows: list[Row], words: str) -> None:
    advice = advised(*rows)
    assert advice.method == "plain" and advice.reason.startswith("Stay with plain") and words in advice.reason
