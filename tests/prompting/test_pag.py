"""PAG with a model that summarizes by script: what it is asked, when, and what a question is told."""

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.pag import PAG
from idiolect.types import State, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, conversation, marks, text_of

QUESTION = "Speak of foxes and of sleep."


def summarizing():
    """Its summary names whom it was written for."""
    return ScriptedLM(lambda request: f"A summary for {'and'.join(sorted({name for name, _ in marks(request.question)}))}.")


def test_a_question_is_told_the_summary_once_and_at_most_k_records_and_comes_last():
    lm = summarizing()
    for k in range(4):
        state = PAG(k=k).enroll([ANN], lm)[0]
        bent = PAG(k=k).personalize(state, ask(QUESTION), lm)
        assert text_of(bent).count("A summary for ann.") == 1
        assert text_of(bent).count("Wrote: ") == len(marks(text_of(bent))) == k
        assert bent.question == QUESTION and bent.messages[-1] == ask(QUESTION).messages[-1]
        assert bent.because[0] == "profile" and len(bent.because) == 1 + k


def test_the_model_is_asked_once_for_each_person_and_never_with_a_question():
    lm = summarizing()
    states = PAG().enroll([ANN, NOBODY, BOB], lm)
    assert len(lm.requests) == 2
    for state in states:
        PAG().personalize(state, ask(QUESTION), lm)
    assert len(lm.requests) == 2 and not lm.scored


def test_each_is_summarized_from_the_newest_of_their_own_records():
    lm = summarizing()
    states = PAG(newest=2, summary_tokens=7).enroll([ANN, BOB], lm)
    assert [marks(request.question) for request in lm.requests] == [{("ann", 4), ("ann", 5)}, {("bob", 3), ("bob", 4)}]
    assert all(request.sampling.max_tokens == 7 for request in lm.requests)
    assert [state.text for state in states] == ["A summary for ann.", "A summary for bob."]


def test_two_people_of_one_name_keep_a_summary_each():
    states = PAG().enroll([User("same", ANN.records), User("same", CYD.records)], summarizing())
    assert [state.text for state in states] == ["A summary for ann.", "A summary for cyd."]


def test_without_records_or_with_an_empty_summary_and_no_k_the_request_is_the_plain_one():
    silent = ScriptedLM(lambda request: " \n ")
    for asked in (ask(QUESTION), conversation()):
        assert PAG().personalize(PAG().enroll([NOBODY], silent)[0], asked, silent) == asked
        assert PAG(k=0).personalize(PAG(k=0).enroll([ANN], silent)[0], asked, silent) == asked


def test_with_an_empty_summary_only_the_records_are_told():
    bent = PAG(k=2).personalize(State(records=ANN.records), ask(QUESTION), ScriptedLM())
    assert len(bent.because) == 2 and all(reason.startswith("record:") for reason in bent.because)
