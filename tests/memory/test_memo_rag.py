"""MemoRAG with a scripted memory model, and with clues that are counted."""

import pytest

from idiolect.errors import MethodError
from idiolect.memory.memo_rag import MemoRAG
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.types import History, Record, State, ask

TOPICS = (
    "herons by the river",
    "trains to the north",
    "buns with saffron",
    "foxes under bridges",
    "rain in Vauxhall",
    "models of language",
)
STATE = State(records=History(Record(f"A note on {topic}", f"my note on {topic}", float(time)) for time, topic in enumerate(TOPICS)))
QUESTION = "What would I eat beside the river?"


def quoted(bent):
    return [topic for topic in sorted(TOPICS, key=bent.messages[0].content.find) if topic in bent.messages[0].content]


def test_the_records_are_the_union_of_what_question_and_clues_find_in_the_order_of_time():
    lm = ScriptedLM(["1. the buns that had saffron in them\n2. short clue", "Where do foxes sleep under bridges?"])
    bent = MemoRAG(k=1, writer="model").personalize(STATE, ask(QUESTION), lm)
    assert quoted(bent) == [TOPICS[0], TOPICS[2], TOPICS[3]]
    assert {reason.removeprefix("record:") for reason in bent.because} == {STATE.records[i].id for i in (0, 2, 3)}
    assert all("my note on models" in asked.messages[0].content for asked in lm.requests)  # it reads the whole history


@pytest.mark.parametrize("replies", [["", ""], ["no clue here", "none"]])
def test_without_a_clue_of_more_than_three_words_it_is_plain_retrieval(replies):
    bent = MemoRAG(k=2, writer="model").personalize(STATE, ask(QUESTION), ScriptedLM(replies))
    assert bent.messages == RAG(k=2).personalize(STATE, ask(QUESTION), ScriptedLM()).messages


def test_a_history_whose_words_do_not_recur_gives_no_counted_clues():
    bent = MemoRAG(k=2).personalize(STATE, ask("Of rivers and Vauxhall?"), ScriptedLM([]))
    assert bent.messages == RAG(k=2).personalize(STATE, ask("Of rivers and Vauxhall?"), ScriptedLM()).messages


def test_counted_clues_reach_records_that_share_no_word_with_the_question():
    told = [
        "heron feeds on frogs in reeds at dawn",
        "heron again among reeds, frogs, dawn mist",
        "reeds and frogs and mist at dawn",
        "trains run late",
    ]
    others = [f"unrelated matter {word} number {word}" for word in "alpha beta gamma delta epsilon zeta".split()]
    records = History(Record("", text, float(time)) for time, text in enumerate([*told, *others]))
    bent = MemoRAG(k=3, clues=1).personalize(State(records=records), ask("heron?"), ScriptedLM([]))
    assert told[2] in bent.messages[0].content and not {"heron"} & set(told[2].split())
    assert told[2] not in MemoRAG(k=2, clues=0).personalize(State(records=records), ask("heron?"), ScriptedLM([])).messages[0].content


def test_a_writer_that_is_neither_is_refused():
    with pytest.raises(MethodError, match="'model' or 'counted'"):
        MemoRAG(writer="magic").personalize(STATE, ask(QUESTION), ScriptedLM())
