"""Soft prompts: learnt together and alone, where they start, what they may not be, and room in the window."""

import numpy as np
import pytest

from idiolect.errors import ModelError
from idiolect.models.engine import Engine
from idiolect.models.scripted import ScriptedLM
from idiolect.training.loop import Plan
from idiolect.training.soft import soft
from idiolect.types import Prefix, ask
from tests.tiny_models import Bench
from tests.training.conftest import near, pairs_of

LONG = [(ask("the fox " * 100), "and the dog " * 100)]


def nats(lm, pairs, prefix):
    return sum(score.nats for score in lm.score([request.bent(prefix=prefix) for request, _ in pairs], [answer for _, answer in pairs]))


def test_prefixes_trained_together_are_what_each_is_alone(llama, jobs, plan):
    together = soft(llama.lm, jobs, length=3, plan=plan)
    for pairs, prefix in zip(jobs, together, strict=True):
        assert near(prefix, soft(llama.lm, [pairs], length=3, plan=plan)[0])
    assert not near(together[0], together[2])


def test_a_job_without_pairs_keeps_the_start_to_the_bit(llama):
    start = llama.prefix(1, length=4)
    kept, moved = soft(llama.lm, [[], pairs_of("ann", 2)], length=4, start=start)
    assert np.array_equal(kept.vectors, start.vectors)
    assert not np.array_equal(moved.vectors, start.vectors)


def test_without_a_start_vectors_are_as_long_as_embeddings_and_drawn_by_the_seed(llama):
    one, again, other = (soft(llama.lm, [[]], length=64, plan=Plan(seed=seed))[0] for seed in (1, 1, 2))
    assert np.array_equal(one.vectors, again.vectors) and not np.array_equal(one.vectors, other.vectors)
    assert np.linalg.norm(one.vectors, axis=1).mean() == pytest.approx(llama.lm.embedding_norm, rel=0.1)


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
def test_what_was_trained_on_becomes_likelier(kind, request):
    lm, pairs = request.getfixturevalue(kind).lm, pairs_of("ann", 4)
    start = soft(lm, [[]], length=4)[0]
    trained = soft(lm, [pairs], length=4, start=start, plan=Plan(lr=5e-2, epochs=10))[0]
    assert nats(lm, pairs, trained) > 0.9 * nats(lm, pairs, start)


def test_a_row_that_fills_the_window_leaves_room_for_the_prefix(monkeypatch):
    lm, seen = Bench("gpt2", window=64).lm, []  # GPT-2 has no position beyond its window
    real = Engine.answer_logprobs
    monkeypatch.setattr(
        Engine, "answer_logprobs", lambda self, rows, bends: seen.extend(len(row.ids) for row in rows) or real(self, rows, bends)
    )
    soft(lm, [LONG], length=6, plan=Plan(epochs=1))
    assert seen == [64 - 6]


@pytest.mark.parametrize("length", [0, -1, 128, 1000])
def test_a_length_that_does_not_fit_the_window_is_refused(llama, length):
    with pytest.raises(ModelError, match=f"{length} vectors does not fit a window of 256"):
        soft(llama.lm, [pairs_of("ann", 1)], length=length)


@pytest.mark.parametrize("shape", [(3, 32), (4, 31)])
def test_a_start_of_another_shape_is_refused_with_both(llama, shape):
    with pytest.raises(ModelError, match=rf"\({shape[0]}, {shape[1]}\).*\(4, 32\)"):
        soft(llama.lm, [pairs_of("ann", 1)], length=4, start=Prefix(np.zeros(shape, dtype=np.float32)))


def test_a_request_that_has_a_prefix_already_is_refused(llama):
    with pytest.raises(ModelError, match="already has a prefix"):
        soft(llama.lm, [[(ask("Who?").bent(prefix=llama.prefix(1)), "me")]])


def test_a_model_without_weights_is_refused():
    with pytest.raises(ModelError, match=r"soft prompt.*scripted"):
        soft(ScriptedLM(can=["prefix", "train"]), [pairs_of("ann", 2)])
