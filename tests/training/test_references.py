"""What answers are compared with: the model's own numbers, an adapter's, another model's, and who cannot be a reference."""

import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.models.local import LocalLM
from idiolect.training.objective import Example, encoded
from idiolect.training.references import noted, references
from idiolect.types import ask
from tests.tiny_models import make_model, make_tokenizer

JOBS = [[(ask("Of the fox?"), "it sleeps", "a dog")], [(ask("Of the dog?"), "it runs on", "no"), (ask("Else?"), "a", "title here")]]


def keys(lm, jobs):
    return [Example(request, encoded(lm, request, answers, 0), 0).key for items in jobs for request, *answers in items]


def by_hand(lm, adapter=None):
    """End tokens included, one row at a time."""
    made = []
    for items in JOBS:
        for request, *answers in items:
            bent = request.bent(adapters={adapter: 1.0} if adapter else {})
            rows = [lm.encode(bent, answer, end=True) for answer in answers]
            with torch.no_grad():
                made.append([float(lm.answer_logprobs([row], lm.bends([bent]))[0].sum()) for row in rows])
    return made


@pytest.mark.parametrize("bends", [False, True])
def test_they_are_the_log_probabilities_of_each_answer_with_its_end_token(llama, bends):
    adapter = llama.adapter(1) if bends else None
    made = references(llama.lm, JOBS, adapter)
    assert [made[key].tolist() for key in keys(llama.lm, JOBS)] == [pytest.approx(own, abs=1e-4) for own in by_hand(llama.lm, adapter)]


def test_another_model_of_the_same_tokenizer_is_put_the_same_token_ids(llama):
    other = LocalLM(make_model("llama", len(llama.tokenizer), seed=1), llama.tokenizer, "other")
    made = references(llama.lm, JOBS, by=other)
    assert [made[key].tolist() for key in keys(llama.lm, JOBS)] == [pytest.approx(own, abs=1e-4) for own in by_hand(other)]
    assert made[keys(llama.lm, JOBS)[0]].tolist() != pytest.approx(by_hand(llama.lm)[0], abs=1e-2)


def test_a_model_of_another_tokenizer_is_refused_by_name(llama):
    tokenizer = make_tokenizer()
    tokenizer.add_tokens(["zebra"])
    other = LocalLM(make_model("llama", len(tokenizer)), tokenizer, "foreign")
    with pytest.raises(ModelError, match="'foreign' cannot be the reference of 'llama'"):
        references(llama.lm, JOBS, by=other)


def test_a_model_with_too_small_a_window_is_refused_with_the_lengths(llama):
    small = LocalLM(make_model("llama", len(llama.tokenizer), window=8), llama.tokenizer, "small")
    with pytest.raises(ModelError, match="'small' reads 8 tokens"):
        references(llama.lm, JOBS, by=small)


def test_numbers_are_found_by_what_is_asked_and_answered(llama):
    made = noted(llama.lm, JOBS, [[0.5], [1.0, -2.0]])
    assert [float(made[key]) for key in keys(llama.lm, JOBS)] == [0.5, 1.0, -2.0]


def test_equal_items_may_have_equal_numbers_and_no_others(llama):
    assert len(noted(llama.lm, [JOBS[0], JOBS[0]], [[0.3], [0.3]])) == 1
    with pytest.raises(RequestError, match="train its jobs apart"):
        noted(llama.lm, [JOBS[0], JOBS[0]], [[0.3], [0.4]])
