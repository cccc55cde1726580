"""Vectors of records, against the model's own states taken one at a time."""

import numpy as np
import pytest
import torch

from idiolect.training.embeddings import of_question, of_records
from idiolect.types import Record, ask
from tests.conformance.people import ANN, BOB
from tests.tiny_models import make_model


def states(bench, record):
    """The residual stream after the first block, of transformers' own: over the prompt, and over the answer."""
    row, model = bench.lm.encode(ask(record.prompt), record.answer), make_model("llama", len(bench.tokenizer))  # a copy: it keeps hooks
    with torch.no_grad():
        stream = model(input_ids=torch.tensor([row.ids]), output_hidden_states=True).hidden_states[1][0].numpy()
    return stream[: row.prompt], stream[row.prompt :]


def test_a_records_vectors_are_the_mean_states_over_what_was_asked_and_what_was_answered(llama):
    made = of_records(llama.lm, ANN.records, depth=0.0)
    assert made.shape == (len(ANN.records), 2, 32) and made.dtype == np.float32
    for vectors, record in zip(made, ANN.records, strict=True):
        asked, answered = states(llama, record)
        assert np.allclose(vectors, [asked.mean(axis=0), answered.mean(axis=0)], atol=1e-5)


def test_depth_says_after_which_block(llama):
    first, low, last = (of_records(llama.lm, ANN.records[:1], depth) for depth in (0.0, 0.3, 1.0))
    assert np.array_equal(first, low) and not np.allclose(first, last)


def test_company_does_not_change_a_records_vectors(llama):
    long = Record("of foxes and of dogs " * 9, "and of the dates on which they sleep " * 4)
    alone = of_records(llama.lm, [ANN.records[0]], 0.5)[0]
    among = of_records(llama.lm, [long, ANN.records[0], *BOB.records], 0.5)[1]
    assert np.allclose(alone, among, atol=1e-5)


def test_a_question_has_the_vector_that_it_has_in_a_record(llama):
    record = ANN.records[0]
    assert np.allclose(of_question(llama.lm, record.prompt, 0.5), of_records(llama.lm, [record], 0.5)[0, 0], atol=1e-5)


def test_no_answer_has_a_vector_of_zeros_and_no_records_have_none(llama):
    made = of_records(llama.lm, [Record("Of foxes?", "")], 0.5)[0]
    assert made[0].any() and not made[1].any()
    assert of_records(llama.lm, [], 0.5).shape == (0, 2, 32)


@pytest.mark.parametrize("text", ["fox " * 900, "\x00", "\ud83d"])
def test_any_text_has_finite_vectors(llama, text):
    assert np.isfinite(of_records(llama.lm, [Record(text, text)], 0.5)).all()
