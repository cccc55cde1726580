"""CueCoT: what is inferred before the answer, of whom, and what of a reply in one go is given."""

import pytest

from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.cue_cot import AT_ONCE, CUES, CueCoT
from idiolect.types import Reply, State, ask
from tests.conformance.people import ANN, conversation, marks, text_of

STATE = State(records=ANN.records)
QUESTION = ask("Why do my foxes not sleep?", max_tokens=7)


def inferring():
    return ScriptedLM(lambda request: "calm" if "personality" in request.question else "worried" if "emotion" in request.question else "")


def test_each_cue_is_asked_for_in_a_step_of_its_own_and_the_answer_is_told_them():
    lm = inferring()
    bent = CueCoT(k=2).personalize(STATE, QUESTION, lm)
    assert len(lm.requests) == 3 and bent.question == QUESTION.question
    assert bent.messages[0].content.startswith(f"{CUES}\npersonality: calm\nemotion: worried\n\n")
    assert bent.because[:2] == ("cue:personality", "cue:emotion") and len(marks(text_of(bent))) == 2


def test_cues_are_read_from_the_whole_dialogue_and_the_persons_own_records():
    lm = inferring()
    CueCoT(k=3, cues=("emotion",)).personalize(STATE, conversation(), lm)
    [asked] = lm.requests
    assert "user: One on foxes?\nassistant: Of foxes\nuser: Write a title" in asked.question and "Answer with a title." not in text_of(
        asked
    )
    assert {name for name, _ in marks(text_of(asked))} == {"ann"} and len(marks(text_of(asked))) == 3


def test_without_cues_it_quotes_and_without_records_nothing_is_inferred():
    lm = inferring()
    assert not lm.requests and CueCoT().personalize(State(), conversation(), lm) == conversation()
    bent = CueCoT(cues=(), k=1).personalize(STATE, QUESTION, lm)
    assert len(bent.because) == 1 and CUES not in text_of(bent) and not lm.requests


def test_in_one_step_cues_and_answer_come_at_once_and_the_answer_is_given():
    lm = ScriptedLM(["Cues: calm, worried\nAnswer: They are awake.\nMore."])
    asked = QUESTION.sampled(stop=("\n",), max_tokens=40)
    reply = CueCoT(steps="one", cue_tokens=10).personalize(STATE, asked, lm)
    assert isinstance(reply, Reply) and reply.text == "They are awake."
    [put] = lm.requests
    assert put.sampling.max_tokens == 40 + 3 * 10 and put.sampling.stop == ()
    assert AT_ONCE.format(cues="personality, emotion, psychology") in text_of(put) and put.question == QUESTION.question


@pytest.mark.parametrize("said, given", [("no form at all", "no form at all"), ("Cues: calm. Answer:", "Cues: calm. Answer:"), ("", "")])
def test_a_reply_in_another_form_is_given_whole(said, given):
    assert CueCoT(steps="one").personalize(STATE, QUESTION, ScriptedLM([said])).text == given


def test_steps_that_there_are_not_are_refused():
    with pytest.raises(MethodError, match="not in 'three'"):
        CueCoT(steps="three").personalize(STATE, QUESTION, ScriptedLM())
