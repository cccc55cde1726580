"""MemPrompt's experiment on invented streams, with methods whose course is known."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from idiolect.data.memprompt import read
from idiolect.evaluation import memprompt
from idiolect.method import Method
from idiolect.prompting.plain import Plain
from idiolect.types import State, ask
from tests.evaluation.published import write_memprompt


@dataclass
class All(Method):
    """Tells every correction there is."""

    reads: ClassVar[frozenset[str]] = frozenset({"correction"})

    def personalize(self, state, request, lm):
        return request.told("\n".join(record.answer for record in state.records), because=state.records)


@dataclass
class Same(All):
    """Tells the corrections of questions with the same first word."""

    def personalize(self, state, request, lm):
        near = [record for record in state.records if record.prompt.split()[0] == request.question.split()[0]]
        return request.told("\n".join(record.answer for record in near), because=near)


@pytest.fixture
def steps(tmp_path):
    return read(write_memprompt(tmp_path), 100)["linguistic"]


def test_the_oracle_understands_what_it_is_told_and_nothing_else():
    asked = ask("what is like < sea > ? I want a synonym")
    assert memprompt.told(asked) == [] and memprompt.oracle().generate([asked])[0].text == memprompt.AT_A_LOSS
    told = asked.told('When I ask "x", I want a homonym. When I ask "y", I want a synonym.')
    assert memprompt.oracle().generate([told])[0].text == "a synonym; a homonym"


def test_with_feedback_each_wording_is_misunderstood_once(steps):
    course = memprompt.stream(steps, Same(), chance=1.0)
    assert course.right == (False, False, True, True, True, True, True, True) and course.feedback == 2
    assert course.accuracy == 0.75 and course.late == 1.0 and course.unmixed == 0.75


def test_what_is_told_beside_what_is_meant_is_counted(steps):
    course = memprompt.stream(steps, All(), chance=1.0)
    assert course.accuracy == 0.75 and course.misled[1] and all(course.misled[2:]) and course.unmixed == 0.0
    assert course.told[0] == 0 and course.told[-1] > course.told[1] > 0


@pytest.mark.parametrize("method", [Plain(), Same(), All()])
def test_without_feedback_nothing_is_ever_learnt(steps, method):
    course = memprompt.stream(steps, method, chance=0.0)
    assert course.accuracy == 0 and course.feedback == 0


def test_more_feedback_is_never_worse(steps):
    for seed in range(10):
        accuracies = [memprompt.stream(steps, Same(), chance, seed).accuracy for chance in (0, 0.3, 0.6, 1)]
        assert accuracies == sorted(accuracies)


@dataclass
class Shares(Same):
    """Learns something that all share, whoever they are."""

    def fit(self, users, lm):
        self.shared = State(text=self.shared.text + "x")


def test_a_stream_leaves_the_method_as_it_was(steps):
    method = Shares()
    first = memprompt.stream(steps, method, 1.0)
    assert method.shared.text == "" and memprompt.stream(steps, method, 1.0) == first


def test_rows_are_means_over_draws_with_the_least_and_the_most(tmp_path):
    people = read(write_memprompt(tmp_path), 100)
    seen = []
    rows = memprompt.measure(people, "same", Same(), seeds=6, tick=lambda *at: seen.append(at))
    assert [(row.person, row.chance) for row in rows[:3]] == [("linguistic", 0.0), ("linguistic", 0.5), ("linguistic", 1.0)]
    assert rows[1].low < rows[1].accuracy < rows[1].high <= rows[2].accuracy == 0.75 and seen[-1] == ("same", 9, 9)
