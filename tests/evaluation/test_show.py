"""Figures and names in words."""

import pytest

from idiolect.evaluation import show
from idiolect.evaluation.intervals import Interval


@pytest.mark.parametrize(
    ("text", "shown"),
    [("plain", "plain"), ("a\nb\0c\ud800", "a?b?c?"), ("x" * 300, "x" * 39 + "…"), ("../שלום 🎉", "../שלום 🎉"), ("\u202eabc", "?abc")],
)
def test_a_name_is_one_short_line_whatever_it_holds(text: str, shown: str) -> None:
    assert show.name(text) == shown


def test_figures_have_their_interval_and_changes_their_sign() -> None:
    assert show.interval(Interval(2.4141, 2.3, 2.5)) == "2.414 (2.300 to 2.500)"
    assert show.interval(Interval(0.5, 0.25, 0.75), 2, signed=True) == "+0.50 (+0.25 to +0.75)"
    assert show.interval(Interval(1.0)) == "1.000" and show.interval(None) == "-"
    assert show.brief(Interval(1, 0, 2), 1) == "1.0 (0.0 2.0)"


def test_an_improvement_is_above_zero_whichever_way_better_is() -> None:
    assert show.improvement(Interval(-0.2, -0.3, -0.1), lower=True) == "0.200 (0.100 to 0.300)"
    assert show.improvement(Interval(0.2, 0.1, 0.3), lower=False) == "0.200 (0.100 to 0.300)"


def test_costs_have_a_unit_that_fits() -> None:
    assert [show.size(value) for value in (None, 0, 812, 4_200, 123_456, 2.5e6)] == ["-", "0 B", "812 B", "4.2 kB", "123 kB", "2.5 MB"]
    assert [show.seconds(value) for value in (None, 0.0001, 0.0123, 0.25, 3.42, 123.4)] == ["-", "0", "0.012", "0.25", "3.4", "123"]
    assert [show.count(value) for value in (None, 1, 1.55, 412.3, 15_600)] == ["-", "1", "1.6", "412", "16k"]
