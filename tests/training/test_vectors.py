"""Vectors read from activations, against those that transformers gives."""

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError
from idiolect.models.scripted import ScriptedLM
from idiolect.training.vectors import height, last_states
from idiolect.types import ask
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
