"""The stacked optimizer against torch's own, and jobs against one another."""

import pytest
import torch

from idiolect.training.adam import Adam

SHAPES = {"a": (3, 4), "b": (5,)}
RATE, DECAY, CLIP = 1e-2, 0.1, 1.0


def started(jobs, seed=0):
    drawn = torch.Generator().manual_seed(seed)
    return {name: torch.randn(*shape, generator=drawn).repeat(jobs, *[1] * len(shape)).requires_grad_() for name, shape in SHAPES.items()}


def gradients(step, size=1.0):
    """Of one job: those of even steps are long enough to be clipped."""
    drawn = torch.Generator().manual_seed(100 + step)
    return {name: size * (3.0 if step % 2 == 0 else 0.1) * torch.randn(*shape, generator=drawn) for name, shape in SHAPES.items()}


def walk(steps, jobs=1, rates=None, change=lambda job, step, grad: grad):
    """Parameters after `steps`: job j gets `change(j, step, gradient)` and the rate `rates(j, step)`."""
    parameters = started(jobs)
    optimizer, left_out = Adam(parameters, DECAY, CLIP), []
    for step in range(steps):
        for name, p in parameters.items():
            p.grad = torch.stack([change(job, step, gradients(step)[name]) for job in range(jobs)])
        left_out.append(optimizer.step(torch.tensor([RATE if rates is None else rates(job, step) for job in range(jobs)])))
    return {name: p.detach() for name, p in parameters.items()}, left_out


def same(some, job, others, other=0, atol=0.0):
    return all(torch.allclose(some[name][job], others[name][other], rtol=0, atol=atol) for name in SHAPES)


def test_one_job_at_a_constant_rate_moves_as_torch_moves_it():
    theirs = {name: p[0].detach().clone().requires_grad_() for name, p in started(1).items()}
    adamw = torch.optim.AdamW(theirs.values(), lr=RATE, weight_decay=DECAY)
    for step in range(30):
        for name, p in theirs.items():
            p.grad = gradients(step)[name].clone()
        torch.nn.utils.clip_grad_norm_(theirs.values(), CLIP)
        adamw.step()
    ours, _ = walk(30)
    assert same(ours, 0, {name: p.detach()[None] for name, p in theirs.items()}, atol=2e-6)


def test_a_job_of_rate_0_stays_and_the_others_move_as_they_would_alone():
    together, left_out = walk(5, jobs=3, rates=lambda job, step: 0.0 if job == 1 else RATE)
    alone, _ = walk(5)
    assert same(together, 1, started(1))
    assert same(together, 0, alone, atol=1e-7) and same(together, 2, alone, atol=1e-7)
    assert left_out == [[]] * 5


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_that_is_not_finite_moves_nothing_of_its_job_and_all_of_the_others(bad):
    def broken(job, step, grad):
        return torch.full_like(grad, bad) if job == 1 and step == 2 and grad.dim() == 1 else grad

    together, left_out = walk(3, jobs=2, change=broken)
    assert left_out == [[], [], [1]]
    assert same(together, 1, walk(2)[0], atol=1e-7)
    assert same(together, 0, walk(3)[0], atol=1e-7)


def test_each_job_counts_its_own_steps():
    late, _ = walk(8, jobs=2, rates=lambda job, step: RATE if job == 0 or step >= 6 else 0.0)
    fresh = started(1)
    optimizer = Adam(fresh, DECAY, CLIP)
    for step in (6, 7):
        for name, p in fresh.items():
            p.grad = gradients(step)[name][None]
        optimizer.step(torch.tensor([RATE]))
    assert same(late, 1, {name: p.detach() for name, p in fresh.items()}, atol=1e-7)
    assert same(late, 0, walk(8)[0], atol=1e-7)


def test_a_long_gradient_of_one_job_clips_no_other():
    together, _ = walk(4, jobs=2, change=lambda job, step, grad: grad * (1e4 if job == 0 else 1.0))
    assert same(together, 1, walk(4)[0], atol=1e-7)


def test_without_any_gradient_only_the_decay_is_left():
    parameters = started(1)
    Adam(parameters, DECAY, CLIP).step(torch.tensor([RATE]))
    assert all(torch.allclose(p, started(1)[name] * (1 - RATE * DECAY)) for name, p in parameters.items())
