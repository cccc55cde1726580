"""People who differ: in rank, rate, epochs, seed and when they stop; waves within memory; what a kill leaves."""

import dataclasses
import logging

import numpy as np
import pytest

from idiolect.errors import ModelError, RequestError
from idiolect.training import wave
from idiolect.training.loop import Plan
from idiolect.training.sft import sft, sft_as_completed
from tests.tiny_models import Watched
from tests.training.conftest import near, pairs_of

PLANS = (
    Plan(lr=1e-3, epochs=10),
    Plan(lr=2e-3, epochs=4, batch=2, seed=1),
    Plan(lr=5e-4, epochs=20, weight_decay=0.3, clip=0.01, warmup=0.5),
    Plan(lr=2e-3, epochs=12, held=0.3, patience=2),
)
RANKS = (4, 1, 8, 3)


@pytest.fixture
def people():
    return [pairs_of(f"person {i}", count) for i, count in enumerate((5, 3, 4, 6))]


def unlike(pairs):
    """What is held out contradicts what is taught, so that every epoch makes it less likely."""
    held = set(Plan(held=0.4, seed=0).split(len(pairs))[1])
    return [(request, "the fox and the fox" if place in held else "me me me me") for place, (request, _) in enumerate(pairs)]


def test_people_of_different_ranks_and_plans_are_what_each_is_alone(llama, people):
    together = sft(llama.lm, people, rank=RANKS, alpha=6.0, plan=PLANS)
    for pairs, rank, plan, adapter in zip(people, RANKS, PLANS, together, strict=True):
        assert {a.shape[0] for a, _ in adapter.modules.values()} == {rank} and adapter.scale == 6.0 / rank
        assert near(adapter, sft(llama.lm, [pairs], rank=rank, alpha=6.0, plan=plan)[0])


def test_a_job_stops_when_what_it_holds_out_gets_worse_and_keeps_the_best_it_had(llama, monkeypatch):
    steps, real = [], wave.Adam.step
    monkeypatch.setattr(wave.Adam, "step", lambda self, rates: steps.append(rates.tolist()) or real(self, rates))
    bad, plan = unlike(pairs_of("ann", 5)), Plan(lr=2e-2, epochs=9, batch=3, held=0.4, patience=2)
    stopped, sound = sft(llama.lm, [bad, pairs_of("bob", 5)], plan=[plan, dataclasses.replace(plan, held=0.0)])
    assert sorted(len([one for one in steps if one[place] > 0]) for place in (0, 1)) == [2, 18]
    assert not any(b.any() for _, b in stopped.modules.values())  # the start was the best
    assert any(b.any() for _, b in sound.modules.values())


def test_a_job_whose_held_out_pairs_get_better_goes_to_the_end(llama, monkeypatch):
    seen = []
    monkeypatch.setattr(wave.Job, "saw", lambda self, loss, parameters: seen.append(loss))
    sft(llama.lm, [pairs_of("ann", 8)], plan=Plan(lr=1e-2, epochs=4, held=0.25))
    assert len(seen) == 5 and seen == sorted(seen, reverse=True)  # once before the first epoch, and after each


def test_a_job_whose_held_out_loss_is_not_finite_is_reported_and_keeps_its_start(llama, caplog):
    sound = llama.adapter(1, targets=("q_proj",))
    broken = dataclasses.replace(sound, modules={path: (a, np.full_like(b, np.nan)) for path, (a, b) in sound.modules.items()})
    bad = [(request.bent(adapters={broken: 1.0}), answer) for request, answer in pairs_of("bad", 4)]
    with caplog.at_level(logging.WARNING, "idiolect"):
        adapter, other = sft(llama.lm, [bad, pairs_of("ann", 4)], rank=2, plan=Plan(held=0.3))
    assert not any(b.any() for _, b in adapter.modules.values()) and any(b.any() for _, b in other.modules.values())
    assert ["job 0" in record.getMessage() and "not finite" in record.getMessage() for record in caplog.records] == [True]


def test_progress_counts_what_a_stopped_job_will_not_do(llama):
    told = []
    plan = Plan(lr=2e-2, epochs=9, batch=3, held=0.4)
    sft(llama.lm, [unlike(pairs_of("ann", 5))], plan=plan, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (9, 9)


def test_adapters_are_handed_out_wave_by_wave_and_the_rest_can_be_done_later(llama, people):
    kept, plan = {}, Plan(lr=1e-3, epochs=5, wave=2)
    for job, adapter in sft_as_completed(llama.lm, people, rank=2, plan=plan):
        kept[job] = adapter
        if len(kept) == 2:
            break  # killed here
    left = [job for job in range(len(people)) if job not in kept]
    again = dict(zip(left, sft(llama.lm, [people[job] for job in left], rank=2, plan=plan), strict=True))
    whole = sft(llama.lm, people, rank=2, plan=plan)
    assert all(near((kept | again)[job], adapter) for job, adapter in enumerate(whole)) and len(left) == 2


def test_texts_are_encoded_a_wave_at_a_time(llama, people, monkeypatch):
    encoded, real = [], llama.lm.encode
    monkeypatch.setattr(llama.lm, "encode", lambda request, *args, **given: encoded.append(request) or real(request, *args, **given))
    next(sft_as_completed(llama.lm, people, rank=2, plan=Plan(epochs=1, wave=1)))
    assert len(encoded) == 5  # of the first of those with the most steps


def test_a_wave_holds_no_more_people_than_its_memory_and_learns_the_same(llama, people, monkeypatch):
    sizes, real = [], wave.Wave.__init__
    monkeypatch.setattr(wave.Wave, "__init__", lambda self, *args: sizes.append(len(args[-1])) or real(self, *args))
    plan = Plan(lr=1e-3, epochs=5)
    whole = sft(llama.lm, people, rank=2, plan=plan)
    each = 4 * 4 * sum(a.size + b.size for a, b in whole[0].modules.values())
    less = sft(llama.lm, people, rank=2, plan=dataclasses.replace(plan, memory=2 * each + 1))
    assert sizes == [4, 2, 2] and all(near(one, other) for one, other in zip(whole, less, strict=True))


def test_a_model_that_cannot_be_trained_is_refused_before_any_work(llama, people):
    with pytest.raises(ModelError, match="training needs train"):
        sft(Watched(llama.lm, {"adapters"}), people)


@pytest.mark.parametrize("given", [{"rank": (1, 2)}, {"plan": [Plan()]}])
def test_another_number_of_ranks_or_plans_than_people_is_refused(llama, people, given):
    with pytest.raises(RequestError, match="for 4 jobs"):
        sft(llama.lm, people, **given)


def test_a_rank_of_0_among_others_is_refused(llama, people):
    with pytest.raises(RequestError, match="rank 0"):
        sft(llama.lm, people, rank=(4, 0, 1, 1))


def test_rows_of_a_job_are_not_gathered_where_they_are_shared_evenly():
    import torch

    from idiolect.training.sft import of_rows

    stack = torch.arange(12.0).view(4, 3)
    for jobs in ([0, 1, 2, 3], [1, 1, 2, 2], [0, 0, 1, 3], [2], [3, 1]):
        assert torch.equal(of_rows(stack, torch.tensor(jobs)), stack[jobs])
    assert of_rows(stack, torch.arange(4)).data_ptr() == stack.data_ptr()
    assert np.shares_memory(of_rows(stack, torch.tensor([1, 2])).numpy(), stack.numpy())
