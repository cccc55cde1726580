"""What is known of a person before a question: their manner, facts and near records, and nothing that they forbade."""

from idiolect.models.scripted import ScriptedLM
from idiolect.training.known import Known, known
from idiolect.types import History, Record, ask
from idiolect.wording import PROFILE

LM = ScriptedLM()
LIFE = History(
    [
        Record("Of dogs?", "the dogs of the quay", 0.0),
        Record("", "Please never mention my divorce.", 1.0),
        Record("Of my divorce?", "the divorce papers on the quay", 2.0),
        Record("", "I live in Ghent.", 3.0),
        Record("", "I moved to Bruges.", 4.0),
    ]
)


def test_the_facts_that_hold_are_told_newest_first_and_those_that_are_over_are_not():
    facts = [fact.text for fact in known(LIFE, "Of dogs?", 1, 8, 200).facts]
    assert any("Bruges" in fact for fact in facts) and not any("Ghent" in fact for fact in facts)
    assert known(LIFE, "Of dogs?", 1, 0, 200).facts == ()


def test_what_somebody_ordered_not_to_be_told_is_not_quoted_however_long_ago_they_said_so():
    for read in (200, 1):
        has = known(LIFE, "Of my divorce?", 5, 8, read)
        assert has.near and not any("divorce" in f"{one.prompt}{one.answer}" for one in has.near)
        assert not any("divorce" in fact.text for fact in has.facts)


def test_only_the_last_records_say_how_the_person_writes_and_what_they_are():
    has = known(LIFE.plus([Record("Of foxes?", "THE FOXES!", 5.0)]), "Of foxes?", 0, 8, 1)
    assert "About 2 words." in has.manner and not has.facts and not has.near


def test_all_of_it_is_told_and_named_and_of_nobody_nothing():
    has = known(LIFE, "Of dogs?", 1, 8, 200)
    told = has.tell(ask("Of dogs?"), LM)
    assert (
        PROFILE in told.messages[0].content and "Bruges" in told.messages[0].content and "the dogs of the quay" in told.messages[0].content
    )
    assert f"record:{LIFE[0].id}" in told.because and "profile" in told.because
    assert known(History(), "Of dogs?", 2, 8, 200) == Known() and Known().tell(ask("Of dogs?"), LM) == ask("Of dogs?")
