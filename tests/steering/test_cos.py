"""CoS at the strengths whose result is known, and its formula by hand."""

import pytest
import torch

from idiolect.models.chat import render
from idiolect.prompting.rag import RAG
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
