"""The lean way for a single token: the model's own logits, and the model's own way for whatever is not as usual."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from idiolect.models.decode import Flight, Reading
from idiolect.models.local import LocalLM
from idiolect.types import Memory, ask
from tests.tiny_models import failing


def boarded(lm, requests):
    """A flight with these requests' rows in it, their first tokens written."""
    flight, reading = Flight(lm.engine), Reading(lm.engine, [lm._group(request) for request in requests])
    reading.read()
    reading.begin()
    flight.join(reading)
    return flight


def steps(lm, requests, count=4):
    """Logits of the next tokens after each of `count` tokens that are the same whoever computes: (count, rows, vocabulary)."""
    made = []
    with torch.no_grad():
        flight = boarded(lm, requests)
        for number in range(count):
            flight.advance([10 + number + place for place in range(len(requests))])
            made.append(flight.logits)
    return torch.stack(made)


def counted(lm, monkeypatch):
    """The list that grows with every lean step."""
    taken, step = [], lm.engine.lean.step
    monkeypatch.setattr(lm.engine.lean, "step", lambda *args: taken.append(1) or step(*args))
    return taken


def slow(lm):
    """The same model, always on its own way."""
    made = LocalLM(lm.model, lm.tokenizer, "slow", window=lm.window)
    made.engine.lean.known = False
    return made


def test_each_bend_gives_the_logits_of_the_models_own_way(bench, monkeypatch):
    requests, taken = [replace(request, guide=None) for request in bench.assorted(16)], counted(bench.lm, monkeypatch)
    made = steps(bench.lm, requests)
    assert len(taken) == (0 if bench.kind == "gpt2" else 4)
    assert torch.allclose(made, steps(slow(bench.lm), requests), atol=1e-4)


def test_the_states_that_a_memory_is_asked_with_are_the_models_own(llama, monkeypatch):
    lm, plain, taken = llama.lm, ask("Tell me of the fox", max_tokens=8), counted(llama.lm, monkeypatch)
    ((keys, values),) = lm.traces([plain], ["the lazy dog sleeps on"])
    asked = plain.bent(memory=Memory(keys, np.zeros((len(values), 1), dtype=np.int32), values, near=0.6, temperature=5.0))
    reply = lm.generate([asked])[0]
    assert len(taken) == reply.tokens - (reply.finish == "length") and reply.text != lm.generate([plain])[0].text
    assert reply == slow(lm).generate([asked])[0]


def test_heads_that_share_keys_and_turns_that_are_scaled_are_the_models_own(llama):
    sizes = {
        "vocab_size": len(llama.tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "initializer_range": 0.25,
    }
    heads = {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 6, "attention_bias": True, "mlp_bias": True}
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    turn = {"rope_type": "llama3", "rope_theta": 1e4, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    turn["original_max_position_embeddings"] = 32
    torch.manual_seed(0)
    lm = LocalLM(LlamaForCausalLM(LlamaConfig(**sizes, **heads, **ends, rope_parameters=turn)), llama.tokenizer, "grouped", window=256)
    for parameter in lm.model.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)  # biases too
    requests = [request for request in llama.assorted(6) if not request.needs]
    assert lm.engine.lean.known and torch.allclose(steps(lm, requests), steps(slow(lm), requests), atol=1e-4)


@pytest.mark.parametrize("what", ["hook", "own forward", "training", "attention", "gradients"])
def test_a_model_that_is_not_as_usual_goes_its_own_way(llama, monkeypatch, what):
    lm = LocalLM(copy.deepcopy(llama.model), llama.tokenizer, "own", window=256)
    taken, requests = counted(lm, monkeypatch), [request for request in llama.assorted(3) if not request.needs]
    if what == "hook":
        lm.model.model.layers[1].mlp.register_forward_hook(lambda module, args, output: output * 0)
    if what == "own forward":
        lm.model.model.norm.forward = lambda x: x * 2
    if what == "training":
        lm.model.train()
    if what == "attention":
        lm.model.set_attn_implementation("eager")
    if what == "gradients":
        with torch.no_grad():
            flight = boarded(lm, requests)
        flight.advance([1] * len(requests))
    assert torch.allclose(steps(lm, requests), steps(slow(lm), requests), atol=1e-5) or what == "gradients"
    assert len(taken) == (4 if what == "gradients" else 0)


def test_a_model_that_breaks_down_in_the_middle_of_an_answer_does_so_here_too(llama):
    with pytest.raises(RuntimeError, match="broke down"), failing(llama.lm, after=2):
        llama.lm.generate(llama.assorted(1))
