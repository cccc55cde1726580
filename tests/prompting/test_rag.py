"""RAG on a model that says back all it was told."""

from idiolect.assistant import Assistant
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.types import Record, State, User, ask
from idiolect.wording import QUOTED
from tests.conformance.people import conversation

FOXES = User(
    "ann", [Record(f"A note on {topic}", f"my {topic} note", time) for time, topic in enumerate(["foxes", "dogs", "cafés", "dates"])]
)


def echoing():
    return ScriptedLM(lambda request: "\n\n".join(message.content for message in request.messages))


def said(method, question, user=FOXES):
    assistant = Assistant(echoing(), method)
    assistant.enroll([user])
    return assistant.replies([user.id], [ask(question, max_tokens=500)])[0]


def test_the_nearest_record_is_quoted_once_before_the_question():
    reply = said(RAG(k=1), "What of the dogs?")
    assert reply.text == f"{QUOTED}\n\nAbout: A note on dogs\nWrote: my dogs note\n\nWhat of the dogs?"
    assert reply.because == (f"record:{FOXES.records[1].id}",)


def test_at_most_k_records_are_quoted_and_the_question_comes_last():
    for k in range(5):
        text = said(RAG(k=k), "Of dogs and dates?").text
        assert text.count("Wrote: ") == k and text.endswith("Of dogs and dates?")


def test_k_beyond_the_history_quotes_all_of_it_oldest_first():
    text = said(RAG(k=100), "Of dates and foxes?").text
    places = [text.find(record.answer) for record in FOXES.records]
    assert -1 not in places and places == sorted(places) and text.count("Wrote: ") == 4


def test_without_a_history_or_without_k_the_request_is_the_plain_one():
    for asked in (ask("Of dogs?"), conversation()):
        assert RAG().personalize(State(), asked, echoing()) == asked
        assert RAG(k=0).personalize(State(records=FOXES.records), asked, echoing()) == asked


def test_the_ranker_named_is_the_one_that_chooses():
    text = said(RAG(k=1, ranker="recency"), "What of the dogs?").text
    assert "my dates note" in text and "my dogs note" not in text


def test_what_a_system_message_says_already_stays_before_the_records():
    bent = RAG(k=1).personalize(State(records=FOXES.records), conversation(), echoing())
    assert bent.messages[0].content.startswith(f"Answer with a title.\n\n{QUOTED}")
    assert bent.messages[1:] == conversation().messages[1:]
