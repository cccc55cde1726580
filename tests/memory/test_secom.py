"""SeCom: segments put together are the history, and whole segments come back as they were written."""

import pytest

from idiolect.assistant import Assistant
from idiolect.errors import MethodError
from idiolect.memory.secom import SeCom, segmented
from idiolect.models.scripted import ScriptedLM
from idiolect.types import History, Record, User, ask

SAID = (
    "the heron stood by the river",
    "by the river the heron fished",
    "the train to Oslo was late",
    "so the train left Oslo at nine",
    "buns with saffron",
)
ANN = User("ann", History(Record("", text, float(time)) for time, text in enumerate(SAID)))


def cut(method, lm=None, user=ANN):
    return segmented(method.enroll([user], lm or ScriptedLM([]))[0])


@pytest.mark.parametrize(
    "reply",
    [
        '[{"first": 1, "last": 2}, {"first": 3, "last": 4}, {"first": 5, "last": 5}]',
        '[{"first": 1, "last": 2}, {"first": 3, "last": 3}]',  # counts that would lose the last two
        '[{"first": 2, "last": 9}]',
        "I would rather not.",
    ],
)
def test_however_a_model_cuts_the_segments_put_together_are_the_history(reply):
    own = cut(SeCom(cutter="model"), ScriptedLM([reply]))
    assert [record for segment in own for record in segment] == list(ANN.records) and all(own)


def test_without_a_model_records_with_words_in_common_stay_together():
    assert [len(segment) for segment in cut(SeCom())] == [2, 2, 1]


def test_a_segment_found_by_one_of_its_records_is_told_whole_and_as_it_was_written():
    state = SeCom(k=1, rate=0.5).enroll([ANN], ScriptedLM())[0]
    bent = SeCom(k=1, rate=0.5).personalize(state, ask("What fished?"), ScriptedLM())
    assert all(text in bent.messages[0].content for text in SAID[:2]) and not any(text in bent.messages[0].content for text in SAID[2:])
    assert bent.because == tuple(f"record:{record.id}" for record in ANN.records[:2])
    assert all(len(fact.text.split()) < sum(len(text.split()) for text in SAID[:2]) for fact in state.facts)


def test_what_is_observed_joins_the_last_segment_or_begins_one_and_is_compressed_too():
    assistant = Assistant(ScriptedLM([]), SeCom(rate=0.5))
    for count, record in enumerate(ANN.records, start=1):
        assistant.observe("ann", record)
        assert [one for segment in segmented(assistant.states["ann"]) for one in segment] == list(ANN.records[:count])
    assert [len(segment) for segment in segmented(assistant.states["ann"])] == [2, 2, 1]
    assert assistant.states["ann"].facts == SeCom(rate=0.5).enroll([ANN], ScriptedLM())[0].facts


def test_a_record_that_comes_late_is_put_where_its_time_is():
    assistant = Assistant(ScriptedLM([]), SeCom())
    assistant.observe("ann", *ANN.records[:1], *ANN.records[2:])
    assistant.observe("ann", ANN.records[1])
    assert [one for segment in segmented(assistant.states["ann"]) for one in segment] == list(ANN.records)


def test_a_cutter_that_is_neither_is_refused():
    with pytest.raises(MethodError, match="'rules' or 'model'"):
        SeCom(cutter="scissors").enroll([ANN], ScriptedLM())
