"""CoS at the strengths whose result is known, and its formula by hand."""

import pytest
import torch

from idiolect.errors import MethodError
from idiolect.models.chat import render
from idiolect.prompting.rag import RAG
from idiolect.retrieval import rank
from idiolect.steering.cos import CoS
from idiolect.types import State, ask
from tests.conformance.people import ANN, conversation

MINE = State(records=ANN.records)
QUESTIONS = [ask(f"Write a title on {topic}:", max_tokens=12) for topic in ("foxes", "dogs and dates", "the models of people")]


def written(lm, method):
    return [lm.generate([method.personalize(MINE, asked, lm)])[0].text for asked in QUESTIONS]


def test_strength_0_is_rag_token_for_token(llama):
    with_records = written(llama.lm, RAG(k=3))
    assert written(llama.lm, CoS(k=3, strength=0.0)) == with_records
    assert with_records != written(llama.lm, RAG(k=0))  # or both tests would hold of anything


def test_strength_minus_1_is_the_answer_without_context_token_for_token(llama):
    assert written(llama.lm, CoS(k=3, strength=-1.0)) == written(llama.lm, RAG(k=0))


def test_more_strength_writes_otherwise(llama):
    assert written(llama.lm, CoS(k=3, strength=3.0)) not in (written(llama.lm, RAG(k=3)), written(llama.lm, RAG(k=0)))


@pytest.mark.parametrize("strength", [-1.0, -0.4, 0.0, 0.5, 2.0])
def test_a_token_has_the_probability_that_the_paper_gives_it(llama, strength):
    asked = QUESTIONS[0]
    bent = CoS(k=2, strength=strength).personalize(MINE, asked, llama.lm)
    rows = [llama.logits(render(llama.tokenizer, request.messages))[-1] for request in (bent, asked)]
    context, without = (torch.log_softmax(row, dim=-1) for row in rows)
    expected = torch.log_softmax(context + strength * (context - without), dim=-1)
    letters = [letter for letter in "abcxyz" if len(llama.tokenizer(letter, add_special_tokens=False)["input_ids"]) == 1]
    assert letters
    for letter in letters:
        token = llama.tokenizer(letter, add_special_tokens=False)["input_ids"][0]
        assert llama.lm.score([bent], [letter])[0].nats == pytest.approx(float(expected[token]), abs=1e-4)


def test_without_anything_to_quote_there_is_no_guide(llama):
    for state, method in ((State(), CoS()), (MINE, CoS(k=0))):
        assert method.personalize(state, conversation(), llama.lm) == conversation()


def test_the_companion_is_the_request_as_it_was_asked_with_its_own_bends(llama):
    asked = conversation().bent(adapters={llama.adapter(1): 0.5})
    bent = CoS(k=2, strength=0.5).personalize(MINE, asked, llama.lm)
    assert bent.guide.companions == (asked,) and bent.guide.weights == (1.5, -0.5) and bent.guide.rule == "geometric"
    assert bent.adapters == asked.adapters and bent.sampling == asked.sampling and bent.messages[1:] == asked.messages[1:]
    assert len(bent.because) == 2


def test_of_several_contexts_a_token_has_the_probability_that_the_paper_gives_it(llama):
    asked, strength = QUESTIONS[0], 0.8
    bent = CoS(k=3, strength=strength, contexts="each").personalize(MINE, asked, llama.lm)
    contexts = [bent, *bent.guide.companions[:-1]]
    assert len({request.messages for request in contexts}) == 3 and bent.guide.companions[-1] == asked
    rows = [llama.logits(render(llama.tokenizer, request.messages))[-1] for request in (*contexts, asked)]
    *each, without = (torch.log_softmax(row, dim=-1) for row in rows)
    expected = torch.log_softmax(without + sum((1 + strength) / 3 * (one - without) for one in each), dim=-1)
    token = llama.tokenizer("a", add_special_tokens=False)["input_ids"][0]
    assert llama.lm.score([bent], ["a"])[0].nats == pytest.approx(float(expected[token]), abs=1e-4)


@pytest.mark.parametrize("strength", [-1.0, -0.4, 0.0, 1.5])
def test_one_context_means_the_same_in_both_forms(llama, strength):
    one, each = (CoS(k=1, strength=strength, contexts=contexts).personalize(MINE, QUESTIONS[0], llama.lm) for contexts in ("one", "each"))
    assert one == each


def test_each_record_stands_in_one_context_and_all_are_named(llama):
    bent = CoS(k=3, contexts="each").personalize(MINE, QUESTIONS[0], llama.lm)
    assert set(bent.because) == {f"record:{r.id}" for r in rank(MINE.records, "bm25").search(QUESTIONS[0].question, 3)}
    assert all(len(request.because) == 1 for request in bent.guide.companions[:-1])


def test_another_number_of_contexts_is_refused(llama):
    with pytest.raises(MethodError, match="'one' or 'each', not 'two'"):
        CoS(contexts="two").personalize(MINE, QUESTIONS[0], llama.lm)
