"""LaMP on a model that says back what it was told, and its wirings: tasks, budgets, strictness."""

import pytest

from idiolect.data.lamp import form
from idiolect.errors import DataError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.lamp import LaMP
from idiolect.prompting.rag import RAG
from idiolect.types import History, Record, State, ask
from tests.conformance.people import ODD_TEXTS, conversation

PAPERS = form("LaMP-5")
STATE = State(
    records=History(Record(PAPERS.ask(f"we study {topic}"), f"Of {topic}", float(i)) for i, topic in enumerate(["foxes", "dogs", "dates"]))
)
ASKED = ask(PAPERS.ask("we study dogs again"))
LM = ScriptedLM()


def test_the_task_is_known_by_its_question_and_its_words_stand_before_it():
    bent = LaMP(k=1).personalize(STATE, ASKED, LM)
    assert bent.messages[0].content == '"Of dogs" is a title for "we study dogs". Following the given patterns'
    assert bent.messages[-1] == ASKED.messages[-1] and bent.because == (f"record:{STATE.records[1].id}",)


def test_strict_puts_everything_into_one_message_as_published():
    bent = LaMP(k=1, strict=True).personalize(STATE, ASKED, LM)
    assert [message.content for message in bent.messages] == [
        f'"Of dogs" is a title for "we study dogs" . Following the given patterns {ASKED.question}'
    ]
    assert bent.because == (f"record:{STATE.records[1].id}",) and bent.sampling == ASKED.sampling


def test_strict_keeps_the_turns_that_were_there_before_the_question():
    bent = LaMP(task="LaMP-5", strict=True).personalize(STATE, conversation(), LM)
    assert bent.messages[:-1] == conversation().messages[:-1]


def test_a_question_of_no_task_is_asked_as_rag_asks_it_and_a_task_can_be_named():
    odd = ask("What of the dogs?")
    assert LaMP(k=2).personalize(STATE, odd, LM) == RAG(k=2).personalize(STATE, odd, LM)
    assert "is the score for" in LaMP(task="LaMP-3").personalize(STATE, odd, LM).messages[0].content
    with pytest.raises(DataError, match="LaMP-8"):
        LaMP(task="LaMP-8").personalize(STATE, odd, LM)


@pytest.mark.parametrize("strict", [True, False])
def test_without_a_history_or_without_k_the_question_stands_alone(strict):
    assert LaMP(strict=strict).personalize(State(), ASKED, LM) == ASKED
    assert LaMP(k=0, strict=strict).personalize(STATE, ASKED, LM) == ASKED


def test_a_record_that_does_not_fit_is_no_reason_for_the_answer():
    bent = LaMP(k=3, max_length=48).personalize(STATE, ASKED, LM)
    assert len(bent.because) == 2 == bent.messages[0].content.count("is a title for")


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("task", ["LaMP-1", "LaMP-2-old", "LaMP-7", "LongLaMP-review", "LongLaMP-abstract"])
def test_any_text_is_shown_and_asked(task, strict):
    odd = State(records=History(Record(text, text, float(i)) for i, text in enumerate(ODD_TEXTS)))
    for text in ODD_TEXTS:
        bent = LaMP(task=task, strict=strict).personalize(odd, ask(text), LM)
        assert bent.question == text or strict
