"""Vectors read from activations, against those that transformers gives."""

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError
from idiolect.models.scripted import ScriptedLM
from idiolect.training.vectors import height, last_states, size, strongest
from idiolect.types import Score, Steering, ask
from tests.tiny_models import make_model

QUESTIONS = ("Who?", "The quick brown fox jumps over what", "Write")
ANSWERS = ("me", "the lazy dog and the café", "sleeps")


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_a_last_state_is_the_hidden_state_of_transformers_at_that_token(kind, request):
    bench = request.getfixturevalue(kind)
    made = last_states(bench.lm, [ask(question) for question in QUESTIONS], ANSWERS, 0)
    model = make_model(kind, len(bench.tokenizer))  # a copy: asked for its hidden states, it keeps hooks
    for question, answer, state in zip(QUESTIONS, ANSWERS, made, strict=True):
        ids = bench.tokenizer(f"<|user|>{question}<|end|><|assistant|>{answer}", add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[1]  # [0] is the embeddings
        assert state.shape == (32,) and np.abs(state - hidden[0, -1].numpy()).max() < 1e-4


def test_an_answer_without_tokens_has_a_state_of_zeros(llama):
    empty, full = last_states(llama.lm, [ask("Who?")] * 2, ["", "me"], 1)
    assert empty.shape == (32,) and not empty.any() and full.any()


def test_the_height_is_the_number_of_blocks(llama):
    assert height(llama.lm) == 2


@pytest.mark.parametrize("read", [height, lambda lm: last_states(lm, [ask("Who?")], ["me"], 0)])
def test_a_model_whose_activations_are_out_of_reach_is_refused(read):
    with pytest.raises(ModelError, match=r"activations.*scripted"):
        read(ScriptedLM(can=["steering"]))


def test_the_strength_that_makes_answers_likeliest_is_taken_and_of_equals_the_weakest(monkeypatch):
    lm, pairs = ScriptedLM(can=["steering", "logprobs"]), [(ask("Who?"), "me"), (ask("Where?"), "")]
    tried = []

    def score(requests, answers):
        tried.extend(answers)
        return [Score((-abs(sum(s.vector[0] for s in r.steering) - liked) * scale,), 1) for r in requests]

    monkeypatch.setattr(lm, "score", score)
    for liked, scale, expected in ((1.9, 1.0, 2.0), (-3.0, 1.0, 0.0), (2.0, 1e-5, 0.0)):
        assert strongest(lm, pairs, (0.0, 1.0, 2.0), lambda times: [Steering(0, np.array([times]))]) == expected
    assert set(tried) == {"me", " "}
    assert strongest(lm, [], (2.0, 1.0), lambda times: []) == 1.0


def test_the_size_of_the_stream_is_measured_where_it_is_asked_for(llama):
    first, last = (size(llama.lm, layer) for layer in (0, 1))
    states = llama.lm.hidden([ask("What did you do today?")], ["I wrote a letter to a friend."], 1)[0]
    assert last == pytest.approx(np.sqrt((states**2).mean()), rel=1e-5) and first != pytest.approx(last, rel=1e-2)
