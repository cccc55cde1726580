"""Conditions: each can be read back from its words, stands in the system message alone, and preferences fall under the right heading."""

import pytest

from idiolect.facts.extract import by_rules
from idiolect.models.scripted import ScriptedLM
from idiolect.prompt import build
from idiolect.training.conditions import (
    DIMENSIONS,
    WORDS,
    aim,
    dimension,
    lines,
    preferences,
    ratings,
    read_aim,
    read_ratings,
    read_scores,
    scores,
)
from idiolect.training.rewards import REWARDS
from idiolect.types import Record, ask
from tests.conformance.people import ODD_TEXTS, conversation

WANTED = [{"brief": 0.8, "thorough": -1.2}, {"brief": 0.0}, {"simple": -4.0, "varied": 12.5, "specific": 0.1}, {}]


@pytest.mark.parametrize("wanted", WANTED)
def test_scores_are_read_back_as_they_were_written(wanted):
    assert read_scores(scores(wanted)) == wanted


def test_scores_have_one_decimal_and_no_negative_zero():
    assert scores({"brief": 0.84, "thorough": -0.04}) == "<brief> 0.8 <thorough> 0.0"


@pytest.mark.parametrize("wanted", [{"brief": 5, "thorough": 1}, {"varied": 3}, {}])
def test_ratings_are_read_back_as_they_were_written(wanted):
    assert read_ratings(ratings(wanted)) == wanted


def test_a_direction_is_told_in_whole_hundredths_and_read_back():
    half = 0.5**0.5
    assert read_aim(aim({"brief": 1.0, "thorough": 0.0})) == {"brief": 100, "thorough": 0}
    assert read_aim(aim({"brief": half, "thorough": half})) == {"brief": 71, "thorough": 71}
    assert read_aim(aim({"brief": half, "thorough": -half})) == {"brief": 71, "thorough": -71}


@pytest.mark.parametrize("condition", [scores(WANTED[0]), ratings({"brief": 5}), aim({"brief": 1.0})])
@pytest.mark.parametrize("text", [*ODD_TEXTS, "what do you know about ants", "<brief> 0.8"])
def test_a_condition_taken_out_again_leaves_the_prompt_whole(condition, text):
    """Cutting a set of characters, as released code does, would take the end of the prompt along."""
    for asked in (ask(text), conversation()):
        told = asked.told(condition)
        assert told.question == asked.question and told.messages[-1] == asked.messages[-1]
        before = asked.messages[0].content if asked.messages[0].role == "system" else ""
        assert told.messages[0].content.removesuffix(condition).removesuffix("\n\n") == before


def test_a_condition_in_a_question_is_not_one_in_the_system_message():
    told = ask("<brief> 4.0, please").told(scores({"brief": -1.0}))
    assert read_scores(told.messages[0].content) == {"brief": -1.0}


def test_what_is_about_the_usual_is_not_told_and_what_is_far_from_it_above_all():
    less, more = WORDS["brief"]
    assert lines({"brief": 0.6}) == lines({"brief": 0.5}) == lines({"brief": 0.4}) == []
    assert (lines({"brief": 0.7}), lines({"brief": 0.3})) == ([more], [less])
    assert lines({"brief": 1.0, "thorough": 0.0}) == [f"Above all: {more}", f"Above all: {WORDS['thorough'][0]}"]


def test_every_objective_has_its_two_sentences():
    assert WORDS.keys() == REWARDS.keys() and all(less != more for less, more in WORDS.values())


SAID = {
    "background": "I live in Ghent.",
    "harmlessness": "I am allergic to peanuts.",
    "informativeness": "Please always keep your answers short.",
    "style": "Please always write in a formal tone.",
}


@pytest.mark.parametrize("name", SAID)
def test_what_a_person_said_falls_under_its_dimension(name):
    facts = by_rules(Record("", SAID[name], 1.0))
    assert [dimension(fact) for fact in facts] == [name]


def test_a_system_message_has_the_dimensions_there_are_and_names_what_it_comes_from():
    records = [Record("", text, float(time)) for time, text in enumerate(SAID.values())]
    facts = [fact for record in records for fact in by_rules(record)]
    told = build(ask("q"), preferences("How this person writes: About 4 words.", facts, {"brief": 1.0}), ScriptedLM([]))
    system = told.messages[0].content
    assert all(text.rstrip(".") in system for text in SAID.values()) and WORDS["brief"][1] in system
    assert {f"record:{record.id}" for record in records} <= set(told.because)
    order = [system.index(heading) for heading in (DIMENSIONS["background"], DIMENSIONS["informativeness"], DIMENSIONS["harmlessness"])]
    assert order == sorted(order) and system.startswith("How this person writes")


def test_of_nobody_who_wants_nothing_nothing_is_told():
    assert preferences("", [], {}) == [] and build(ask("q"), preferences("", [], {}), ScriptedLM([])) == ask("q")
