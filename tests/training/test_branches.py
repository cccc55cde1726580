"""Answers behind one prompt in one row against each in a row of its own, on three architectures; and the last block cut short."""

import pytest
import torch

from idiolect.models import engine as engines
from idiolect.models import tail as tails
from idiolect.models.bends import Bends
from idiolect.training import branches as module
from idiolect.training.branches import branches, logprobs
from idiolect.training.objective import Example, encoded
from idiolect.types import ask

ANSWERS = ("the lazy dog", "me", "the fox and the dog sleep on", "")


def examples(lm, requests):
    return [Example(request, encoded(lm, request, ANSWERS[i % 2 :], 0), i) for i, request in enumerate(requests)]


def apart(lm, made):
    """One row at a time, without branches."""
    rows = [[lm.answer_logprobs([row], lm.bends([example.request]))[0].sum() for row in example.rows] for example in made]
    return [torch.stack(own) for own in rows]


@pytest.mark.parametrize("kind", ["llama", "gpt2", "qwen2"])
@torch.no_grad()
def test_each_answer_is_as_likely_as_in_a_row_of_its_own(kind, request):
    lm = request.getfixturevalue(kind).lm
    for made in ([e] for e in examples(lm, [ask("Who?"), ask("The quick brown fox jumps over what")])):
        one = logprobs(lm.engine, made, lm.bends([made[0].request]), branched=True)
        assert torch.allclose(one[0], apart(lm, made)[0], atol=1e-4)
    assert branches(lm.engine)


@torch.no_grad()
def test_branches_are_bent_by_adapter_prefix_and_steering_as_rows_are(llama):
    plain = [ask("Who?"), ask("The quick brown fox jumps over what"), ask("Write")]
    bent = [
        plain[0].bent(adapters={llama.adapter(1): 1.0}),
        plain[1].bent(prefix=llama.prefix(1)),
        plain[2].bent(steering=[llama.steering(1)]),
    ]
    made = [Example(request, encoded(llama.lm, request, ANSWERS[:3], 0), 0) for request in bent]
    one = logprobs(llama.lm.engine, made, llama.lm.bends(bent), branched=True)
    assert torch.allclose(one, torch.stack(apart(llama.lm, made)), atol=1e-4)
    assert not torch.allclose(one, torch.stack(apart(llama.lm, examples(llama.lm, plain)[:1] * 3))[:, :3], atol=1e-2)


def test_a_model_that_hears_other_branches_is_given_rows_apart(new_llama, monkeypatch):
    monkeypatch.setattr(module, "_mask", lambda there, branch, dtype: torch.zeros(*branch.shape, branch.shape[1])[:, None])
    assert not branches(new_llama.lm.engine)


def test_a_sliding_window_would_count_what_is_hidden_and_has_no_branches(new_llama):
    new_llama.model.config.layer_types = ["full_attention", "sliding_attention"]
    assert not branches(new_llama.lm.engine)


def test_a_prompt_is_cut_alike_for_all_answers(llama):
    rows = encoded(llama.lm, ask("the fox " * 300), ("me", "the dog " * 60), 0)
    assert rows[0].ids[: rows[0].prompt] == rows[1].ids[: rows[1].prompt]
    assert all(len(row.ids) <= llama.lm.window for row in rows) and [row.answer for row in rows] == sorted(row.answer for row in rows)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_the_last_block_goes_on_with_the_answers_alone_and_says_the_same(kind, request, monkeypatch):
    lm = request.getfixturevalue(kind).lm
    block, seen = lm.model.model.layers[-1].mlp, []
    rows = [row for example in examples(lm, [ask("Who?"), ask("The quick brown fox jumps over what")]) for row in example.rows]
    handle = block.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[1]))
    short = lm.answer_logprobs(rows, Bends())[0]
    monkeypatch.setattr(engines, "tail", lambda model, keep: torch.no_grad())
    whole = lm.answer_logprobs(rows, Bends())[0]
    handle.remove()
    assert torch.allclose(short, whole, atol=1e-5)
    assert seen[-2] == max(row.answer for row in rows) + 1 < seen[-1] == max(len(row.ids) for row in rows)


def test_a_last_block_that_does_more_than_its_form_says_is_left_whole(new_llama):
    block = new_llama.model.model.layers[-1]
    real = type(block).forward
    block.__class__ = type("Scaled", (type(block),), {"forward": lambda self, *args, **given: 2 * real(self, *args, **given)})
    rows = examples(new_llama.lm, [ask("Who?")])[0].rows
    made = new_llama.lm.answer_logprobs(rows, Bends())[0]
    assert tails._ALIKE[block] is False
    ids = torch.tensor([rows[0].ids])
    expected = new_llama.model(input_ids=ids).logits[0, :-1].log_softmax(-1).gather(-1, ids[0, 1:, None])[-rows[0].answer :, 0]
    assert torch.allclose(made[0, -rows[0].answer :], expected, atol=1e-4)


@pytest.fixture
def new_llama():
    from tests.tiny_models import Bench

    return Bench("llama")
