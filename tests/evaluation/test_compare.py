"""The comparison: planted effects are found, controls hold, and failures stay where they are."""

import pytest

from idiolect.errors import DataError, MethodError
from idiolect.evaluation.compare import compare
from idiolect.evaluation.tasks import task
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.plain import Plain
from idiolect.types import Request, State
from tests.evaluation.people import TEXT, Anybody, Both, Broken, Harmful, Own, compared, crowd, model


def test_a_method_that_helps_with_ones_own_history_only_is_personal() -> None:
    found = compared(Own())
    row = found.rows[1]
    for metric in ("bits_per_char", "rouge1", "style"):
        figure = row.figures[metric]
        assert figure.gain and figure.gain.clear and figure.personal and figure.personal.clear
    assert found.verdict(row) == "yes"
    assert found.advice.method == "Own" and "person's own" in found.advice.reason
    assert row.changes and all(change > 0 for change in row.changes)


def test_a_method_that_helps_with_anybodys_history_shows_no_personal_gain() -> None:
    found = compared(Anybody())
    figure = found.rows[1].figures["bits_per_char"]
    assert figure.gain and figure.gain.clear and figure.gain.value < 0
    assert figure.personal and figure.personal.value == 0 and not figure.personal.clear
    assert found.verdict(found.rows[1]) == "no"
    assert found.advice.method == "Plain" and "not personal" in found.advice.reason


def test_a_gain_that_survives_the_control_in_part_is_called_so() -> None:
    found = compared(Both())
    assert found.verdict(found.rows[1]) == "in part" and found.advice.method == "Both"


def test_harm_is_called_worse_and_nothing_is_recommended_for_it() -> None:
    found = compared(Harmful())
    assert found.verdict(found.rows[1]) == "worse"
    assert found.advice.method == "Plain" and "no method improved" in found.advice.reason


def test_plain_is_always_there_first_and_once() -> None:
    assert [row.name for row in compared(Own()).rows] == ["Plain", "Own"]
    named = compare(crowd(), model(), [("own", Own()), ("nothing", Plain())], TEXT)
    assert [row.name for row in named.rows] == ["nothing", "own"]
    assert compared().advice.method == "Plain"


def test_a_method_that_the_model_cannot_carry_is_skipped_with_the_reason() -> None:
    class Bending(Own):
        needs = frozenset({"adapters", "train"})

    row = compared(Bending()).rows[1]
    assert row.status == "skipped" and "adapters, train" in row.reason and "scripted" in row.reason and not row.figures


def test_a_method_that_raises_is_reported_and_the_others_go_on() -> None:
    found = compared(Broken(), Own())
    assert [row.status for row in found.rows] == ["done", "failed", "done"]
    assert found.rows[1].reason == "RuntimeError: out of luck"
    assert found.advice.method == "Own"


def test_where_plain_itself_fails_the_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        compared(lm=ScriptedLM(lambda request: str(1 / 0)))


def test_one_person_has_no_control_and_that_is_said() -> None:
    found = compared(Own(), users=crowd(1))
    figure = found.rows[1].figures["bits_per_char"]
    assert figure.other is None and figure.personal is None and figure.own.low is None
    assert found.advice.method == "Plain" and "one person" in found.advice.reason


def test_nobody_is_an_error() -> None:
    with pytest.raises(DataError, match="no users to compare"):
        compare([], model(), [], TEXT)


def test_two_methods_of_one_name_are_refused() -> None:
    with pytest.raises(MethodError, match="'Own'"):
        compared(Own(), Own(times=2))


def test_a_much_cheaper_method_wins_a_tie() -> None:
    import time

    class Slow(Own):
        def personalize(self, state: State, request: Request, lm: LM) -> Request:
            time.sleep(0.002)
            return super().personalize(state, request, lm)

    found = compared(Slow(), Own())
    assert found.advice.method == "Own" and "times the seconds" in found.advice.reason


def test_the_bundled_sample_is_compared_whole() -> None:
    one = task("sample")
    assert compare(one.read(), model(), [("Own", Own())], one).counts.compared == 14
