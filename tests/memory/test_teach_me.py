"""TeachMe taught by corrections, beside a scripted model that believes what it is told."""

import pytest

from idiolect.assistant import Assistant, Kept
from idiolect.facts.keep import current
from idiolect.memory.teach_me import TeachMe
from idiolect.models.scripted import ScriptedLM
from idiolect.store import Store
from idiolect.types import Record, User, ask
from tests.conformance.people import ODD_TEXTS

COPPER = Record(
    "Can a magnet pick up a penny?", "No: not all metals are magnetic, copper is not.", 1.0, kind="correction", other="Yes, metals are."
)
ASKED = ask("Will a magnet hold a copper pipe?")


def believing():
    return ScriptedLM(lambda asked: "no" if "copper is not" in asked.messages[0].content else "yes", can=())


def told(corrections, question):
    state = TeachMe().enroll([User("ann", corrections)], ScriptedLM())[0]
    return TeachMe().personalize(state, ask(question), ScriptedLM())


def test_what_was_taught_after_one_question_answers_another_and_says_so_also_after_a_restart(tmp_path):
    with Store(tmp_path / "people.db") as store:
        assistant = Assistant(believing(), TeachMe(), Kept(store, "TeachMe", TeachMe().config))
        assert assistant.replies(["ann"], [ASKED])[0].text == "yes"
        assert set(assistant.observe("ann", COPPER).changed) == {"records", "facts"}
        reply = assistant.replies(["ann"], [ASKED])[0]
        assert reply.text == "no" and f"record:{COPPER.id}" in reply.because and reply.because[0].startswith("fact:")
        assert assistant.replies(["bob"], [ASKED])[0].text == "yes" and not assistant.lm.requests[-1].because
    with Store(tmp_path / "people.db") as store:
        again = Assistant(believing(), TeachMe(), Kept(store, "TeachMe", TeachMe().config))
        assert again.replies(["ann"], [ASKED])[0] == reply
        store.forget("ann", [COPPER.id])
        assert again.replies(["ann"], [ASKED])[0].text == "yes"


def test_a_question_that_shares_no_word_with_a_lesson_is_left_as_it_is():
    assert told([COPPER], "When does the train to Oslo leave?") == ask("When does the train to Oslo leave?")


@pytest.mark.parametrize(
    ("first", "second", "reply"),
    [
        ("Squirrels are birds", "Squirrels are not birds", ""),
        ("My sister lives in Bergen", "No, my sister lives in Oslo.", "Your sister lives in Bergen, I think."),
        ("Eichh\u00f6rnchen sind V\u00f6gel", "Eichh\u00f6rnchen sind keine V\u00f6gel", ""),
    ],
)
def test_a_correction_takes_the_place_of_what_it_corrects(first, second, reply):
    corrections = [Record("", first, 1.0, kind="correction"), Record("", second, 2.0, kind="correction", other=reply)]
    state = TeachMe().enroll([User("ann", corrections)], ScriptedLM())[0]
    assert [fact.sources for fact in current(state.facts)] == [(corrections[1].id,)]
    assert [fact.sources for fact in current(state.facts, 1.5)] == [(corrections[0].id,)]


def test_lessons_that_differ_stand_beside_one_another_the_later_last():
    corrections = [
        Record("", f"My {who} lives in {where}", float(i), kind="correction")
        for i, (who, where) in enumerate([("sister", "Bergen"), ("brother", "Bergen")])
    ]
    text = told(corrections, "Who lives in Bergen?").messages[0].content
    assert -1 < text.find("- My sister") < text.find("- My brother")


def test_the_same_lesson_twice_is_told_once_with_both_its_records():
    corrections = [
        Record("", "Penguins cannot fly", 1.0, kind="correction"),
        Record("Of birds?", "penguins cannot fly!", 2.0, kind="correction"),
    ]
    bent = told(corrections, "Do penguins fly?")
    assert bent.messages[0].content.lower().count("penguins cannot fly") == 1
    assert {f"record:{one.id}" for one in corrections} <= set(bent.because)


def test_what_only_says_no_teaches_nothing():
    assert told([Record("Do penguins fly?", "No!", 1.0, kind="correction")], "Do penguins fly?") == ask("Do penguins fly?")


def test_one_lesson_of_two_questions_is_found_by_either():
    corrections = [
        Record(f"Is a {bird} able to fly?", "Some birds only run", time, kind="correction") for time, bird in enumerate(("rhea", "emu"))
    ]
    assert all("only run" in told(corrections, f"Tell me of the {bird}").messages[0].content for bird in ("rhea", "emu"))


def test_any_text_is_withstood_as_a_question_and_as_a_lesson():
    corrections = [Record(text, f"{text} lesson {i}", float(i), kind="correction", other=text) for i, text in enumerate(ODD_TEXTS)]
    for text in (*ODD_TEXTS, "Which lesson?"):
        assert told(corrections, text).question == text
