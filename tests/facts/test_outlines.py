"""Outlines: lists read out of what a model writes, words that recur, profiles counted, and texts asked for once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idiolect.errors import MethodError
from idiolect.facts.outlines import asking, by_model, items, near, portrait, recurring, said, written
from idiolect.models.scripted import ScriptedLM
from idiolect.prompt import profile
from idiolect.types import History, Record
from idiolect.wording import PROFILE
from tests.conformance.people import ANN

LISTS = {
    "bullets": "- topics: tea\n* work: nurse\n",
    "numbers": "1. topics: tea\n2) work: nurse",
    "json": json.dumps(["topics: tea", "work: nurse"]),
    "fenced json": '```json\n["topics: tea", "work: nurse"]\n```',
    "twice": "topics: tea\n\nwork: nurse\nTopics: Tea,",
}


@pytest.mark.parametrize("form", LISTS)
def test_a_list_is_read_in_whatever_form_it_comes(form):
    assert items(LISTS[form]) == ["topics: tea", "work: nurse"]


@given(st.one_of(st.text(), st.lists(st.text(), max_size=4).map(json.dumps), st.text("-*[]\"',; 1.)`a\n")))
def test_what_is_read_and_written_out_reads_the_same_again(text):
    once = items(text)
    assert items("\n".join(once)) == once


def test_words_count_once_a_text_and_only_where_they_recur():
    texts = ["foxes foxes sleep", "the foxes of with", "dogs sleep 2024", "dogs with 2024", "with ants"]
    assert recurring(texts) == ["dogs", "foxes", "sleep"]
    assert recurring(texts, most=1) == ["dogs"] and recurring(texts, least=3) == []
    assert "fixed" not in recurring([f"fixed thing{i % 3}" for i in range(12)])


def test_people_who_score_are_described_by_their_scores_and_others_by_how_they_write():
    scored = [Record(f"Film {i}: {'space robots' if i % 2 else 'quiet village'}", "5" if i % 2 else "2", i) for i in range(6)]
    text = portrait([*scored, Record("Film: space robots", "5", 7)])
    assert "mostly 5, on average 3.7, from 2 to 5" in text
    assert "Rates high: robots, space." in text and "Rates low: quiet, village." in text
    assert portrait(ANN.records).startswith(PROFILE) and portrait([]) == ""


def test_the_records_stand_before_the_instruction_which_is_the_question():
    asked = asking("Describe them.", ANN.records[:2], ScriptedLM(), 9, profile("Points: few."))
    assert asked.question == "Describe them." and asked.sampling.max_tokens == 9
    told = asked.messages[0].content
    assert all(record.answer in told for record in ANN.records[:2]) and told.endswith("Points: few.")
    assert asking("Describe them.", [], ScriptedLM(), 9) is None


def test_all_texts_are_asked_for_in_one_call_and_nobodys_is_empty():
    class Counting(ScriptedLM):
        calls = 0

        def generate(self, requests):
            self.calls += 1
            return super().generate(requests)

    lm = Counting(lambda request: f" about {request.question} ")
    asked = [asking("one", ANN.records, lm, 5), None, asking("two", ANN.records, lm, 5)]
    assert written(lm, asked) == ["about one", "", "about two"] and lm.calls == 1


def test_a_ranker_is_made_once_for_a_history_and_none_for_no_records_to_find():
    records = History(ANN.records)
    found = near(records, ANN.records[2].prompt, 1)
    assert found == [ANN.records[2]]
    made = records.made(("rank", "bm25"), lambda own: pytest.fail("made again"))
    assert made.search(ANN.records[2].prompt, 1) == found == near(records, ANN.records[2].prompt, 1)
    assert near(History(), "q", 3) == [] == near(records, "q", 0)


def test_a_writer_that_is_neither_model_nor_counts_is_refused():
    assert by_model("model") and not by_model("counted")
    with pytest.raises(MethodError, match="'model' or 'counted', not by 'oracle'"):
        by_model("oracle")


def test_what_is_said_is_the_answers_alone():
    assert said(ANN.records[:2]) == [record.answer for record in ANN.records[:2]]
