"""Many jobs in one pass against each alone; what stops one job and not the others; what a step is made of."""

import dataclasses
import logging

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError, RequestError
from idiolect.models.engine import Engine
from idiolect.models.scripted import ScriptedLM
from idiolect.training import loop
from idiolect.training.adam import Adam
from idiolect.training.loop import Plan
from idiolect.training.sft import sft
from idiolect.types import Adapter, ask
from tests.training.conftest import arrays, near, pairs_of


def nan_adapter(bench):
    sound = bench.adapter(1, targets=("q_proj",))
    return Adapter({path: (a, np.full_like(b, np.nan)) for path, (a, b) in sound.modules.items()})


def passes(monkeypatch):
    """The rows of each forward pass of training, as they come."""
    seen, real = [], Engine.answer_logprobs
    monkeypatch.setattr(Engine, "answer_logprobs", lambda self, rows, bends: seen.append(list(rows)) or real(self, rows, bends))
    return seen


def rates_of(monkeypatch, llama, plan, count):
    """The rates of one job of `count` pairs, step by step, in units of the plan's."""
    seen, real = [], Adam.step
    monkeypatch.setattr(Adam, "step", lambda self, rates: seen.append(float(rates[0])) or real(self, rates))
    sft(llama.lm, [pairs_of("ann", count)], rank=2, plan=plan)
    return [rate / plan.lr for rate in seen]


def test_jobs_of_different_sizes_trained_together_are_what_each_is_alone(llama, jobs, plan):
    together = sft(llama.lm, jobs, rank=4, plan=plan)
    for pairs, adapter in zip(jobs, together, strict=True):
        alone = sft(llama.lm, [pairs], rank=4, plan=plan)[0]
        assert near(adapter, alone)
    assert np.abs(arrays(together[0]) - arrays(together[2])).max() > 1e-3  # or the test would compare nothing


def test_neither_waves_nor_the_order_of_the_jobs_change_what_is_learnt(llama, jobs, plan):
    once = sft(llama.lm, jobs, rank=2, plan=plan)
    waves = sft(llama.lm, jobs[::-1], rank=2, plan=dataclasses.replace(plan, wave=2))[::-1]
    assert all(near(one, other) for one, other in zip(once, waves, strict=True))


def test_a_step_beyond_the_token_budget_is_taken_in_parts_and_is_the_same_step(llama, jobs, plan, monkeypatch):
    seen = passes(monkeypatch)
    whole = sft(llama.lm, jobs, rank=2, plan=plan)
    steps = len(seen)
    seen.clear()
    parts = sft(llama.lm, jobs, rank=2, plan=dataclasses.replace(plan, tokens=120))
    assert len(seen) > 2 * steps
    assert all(len(rows) * max(len(row.ids) for row in rows) <= 120 for rows in seen)
    assert all(near(one, other) for one, other in zip(whole, parts, strict=True))


def test_every_epoch_sees_every_example_once_and_in_another_order(llama, monkeypatch):
    pairs = pairs_of("ann", 7)
    names = {llama.lm.encode(*pair, end=True).ids: i for i, pair in enumerate(pairs)}
    seen = passes(monkeypatch)
    sft(llama.lm, [pairs], rank=2, plan=Plan(epochs=4, batch=1))
    order = [names[row.ids] for rows in seen for row in rows]
    epochs = [tuple(order[at : at + 7]) for at in range(0, 28, 7)]
    assert len(order) == 28 and all(sorted(epoch) == list(range(7)) for epoch in epochs)
    assert len(set(epochs)) == 4


def test_the_rate_warms_up_and_falls_to_the_end_and_is_never_0(llama, monkeypatch):
    made = rates_of(monkeypatch, llama, Plan(epochs=10, batch=4, warmup=0.2), 3)
    assert made == pytest.approx([0.5, 1.0, 1.0, 7 / 8, 6 / 8, 5 / 8, 4 / 8, 3 / 8, 2 / 8, 1 / 8])


def test_without_warm_up_the_rate_falls_from_the_first_step(llama, monkeypatch):
    assert rates_of(monkeypatch, llama, Plan(epochs=4, warmup=0.0), 2) == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_progress_counts_the_steps_of_all_jobs(llama, jobs, plan):
    told = []
    sft(llama.lm, jobs, rank=2, plan=dataclasses.replace(plan, wave=2), progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (60, 60) and [done for done, _ in told] == sorted({done for done, _ in told})


def test_a_job_that_is_not_finite_from_the_start_keeps_its_start_and_the_others_go_on(llama, plan, caplog):
    broken = [(request.bent(adapters={nan_adapter(llama): 1.0}), answer) for request, answer in pairs_of("bad", 3)]
    sound = pairs_of("ann", 6)
    with caplog.at_level(logging.WARNING, "idiolect"):
        adapters = sft(llama.lm, [broken, sound], rank=2, plan=plan)
    assert np.isfinite(arrays(adapters[0])).all() and all(not b.any() for _, b in adapters[0].modules.values())
    assert near(adapters[1], sft(llama.lm, [sound], rank=2, plan=plan)[0])
    assert ["job 0" in record.getMessage() and "not finite" in record.getMessage() for record in caplog.records] == [True]


def test_a_job_that_breaks_later_keeps_what_it_had_and_trains_no_more(llama, plan, caplog, monkeypatch):
    bad, sound, real, steps = pairs_of("bad", 2), pairs_of("ann", 6), Engine.answer_logprobs, []
    theirs = {llama.lm.encode(*pair, end=True).ids for pair in bad}

    def breaks_at_the_fourth(self, rows, bends):
        logp, mask = real(self, rows, bends)
        steps.append(any(row.ids in theirs for row in rows))
        factors = torch.tensor([float("nan") if row.ids in theirs and len(steps) == 4 else 1.0 for row in rows])
        return logp * factors[:, None], mask

    monkeypatch.setattr(Engine, "answer_logprobs", breaks_at_the_fourth)
    with caplog.at_level(logging.WARNING, "idiolect"):
        adapters = sft(llama.lm, [sound, bad], rank=2, plan=plan)
    assert steps == [True] * 4 + [False] * 16
    assert np.isfinite(arrays(adapters[1])).all() and any(b.any() for _, b in adapters[1].modules.values())
    assert [record.getMessage().startswith("job 1: ") for record in caplog.records] == [True]
    monkeypatch.undo()
    assert near(adapters[0], sft(llama.lm, [sound], rank=2, plan=plan)[0])


def test_a_caller_that_has_switched_gradients_off_trains_all_the_same(llama, plan):
    with torch.no_grad():
        adapter = sft(llama.lm, [pairs_of("ann", 4)], rank=2, plan=plan)[0]
    assert np.array_equal(arrays(adapter), arrays(sft(llama.lm, [pairs_of("ann", 4)], rank=2, plan=plan)[0]))


def test_an_answer_longer_than_the_window_is_trained_on_as_far_as_it_fits(llama, monkeypatch):
    seen = passes(monkeypatch)
    sft(llama.lm, [[(ask("the fox " * 300), "and the dog " * 300)]], rank=2, plan=Plan(epochs=1))
    assert len(seen[0][0].ids) <= llama.lm.window and seen[0][0].answer == llama.lm.window // 2 + 1  # and the end token


@pytest.mark.parametrize(
    "wrong", [{"batch": 0}, {"wave": 0}, {"tokens": 0}, {"epochs": -1}, {"lr": -1.0}, {"clip": -1.0}, {"warmup": 1.5}, {"warmup": -0.1}]
)
def test_a_plan_out_of_range_is_refused_with_its_values(wrong):
    with pytest.raises(RequestError, match=f"{next(iter(wrong))}={next(iter(wrong.values()))}"):
        Plan(**wrong)


def test_a_model_without_weights_is_refused_by_name():
    with pytest.raises(ModelError, match=r"fine-tuning.*'far away'"):
        loop.local(ScriptedLM(name="far away"), "fine-tuning")


def test_what_wraps_a_model_is_looked_through(llama):
    class Wrapped:
        inner = llama.lm

    assert loop.local(Wrapped(), "fine-tuning") is llama.lm
