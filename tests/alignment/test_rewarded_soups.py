"""Rewarded soups: exact on a quadratic toy, bit for bit at the corners, and what the released way of merging does instead."""

import numpy as np
import pytest

from idiolect.alignment.rewarded_soups import RewardedSoups
from idiolect.errors import MethodError, RequestError
from idiolect.models.algebra import delta, factorwise, mixture
from idiolect.training.rewards import REWARDS, counted
from idiolect.training.specialized import kept
from idiolect.types import Adapter, State, ask
from tests.conformance.people import ANN, EVERYBODY

QUESTION = ask("Write a title on foxes:", max_tokens=8)
SMALL = {"rank": 2, "epochs": 2, "newest": 2, "drawn": 3, "asked": 4, "answer_tokens": 4}


def soup(parts, objectives=("brief", "thorough"), **settings):
    made = RewardedSoups(objectives=objectives, **settings)
    made.shared = kept(scale(len(objectives)), parts)
    return made


def scale(count):
    from idiolect.training.rewards import Scale

    return Scale(np.zeros(count), np.ones(count))


def change(request):
    """path -> the change of weights that a request carries."""
    whole = mixture(request.adapters)
    return {path: delta(whole, path) for path in whole.modules}


def gaussian(seed, noise=None, rank=8, width=64):
    """An adapter of drawn factors; with `noise` its A is the one of seed 0 and a little more."""
    chance = np.random.default_rng(seed)
    a, b = chance.normal(size=(rank, width)), chance.normal(size=(width, rank))
    if noise is not None:
        a = np.random.default_rng(0).normal(size=(rank, width)) + noise * a
    return Adapter({"m": (a.astype(np.float32), b.astype(np.float32))}, 1.0, f"{seed}")


def test_a_weight_of_one_returns_the_adapter_bit_for_bit(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    for merge in ("deltas", "factors"):
        made = soup(parts, merge=merge).personalize(State(), QUESTION.weighing({"thorough": 1.0}), llama.lm)
        assert made.adapters == ((parts[1], 1.0),)


def test_the_change_is_the_weighted_sum_of_the_changes(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    made = change(soup(parts).personalize(State(), QUESTION.weighing({"brief": 0.3, "thorough": 0.7}), llama.lm))
    for path, found in made.items():
        assert np.allclose(found, 0.3 * delta(parts[0], path) + 0.7 * delta(parts[1], path), atol=1e-6)


@pytest.mark.parametrize("merge", ["deltas", "factors"])
def test_a_soup_of_copies_is_the_copy(llama, merge):
    copies = [Adapter(llama.adapter(1).modules, 0.5, name) for name in "ab"]
    made = change(soup(copies, merge=merge).personalize(State(), QUESTION.weighing({"brief": 0.4, "thorough": 0.6}), llama.lm))
    assert all(np.allclose(found, delta(copies[0], path), atol=1e-5) for path, found in made.items())


def test_on_quadratic_rewards_with_one_curvature_the_soups_trace_the_exact_front():
    chance = np.random.default_rng(0)
    half = chance.normal(size=(6, 6))
    curvature, best = half @ half.T + np.eye(6), chance.normal(size=(3, 6))  # each reward is -(x - best)' curvature (x - best)

    def rewards(x):
        return np.array([-(x - own) @ curvature @ (x - own) for own in best])

    parts = [Adapter({"m": (np.eye(6, dtype=np.float32), np.diag(own).astype(np.float32))}) for own in best]
    method = soup(parts, ("brief", "thorough", "simple"))
    for weights in np.vstack([chance.dirichlet(np.ones(3), size=5), np.eye(3)]):
        asked = QUESTION.weighing(dict(zip(method.objectives, weights, strict=True)))
        x = np.diag(change(method.personalize(State(), asked, None))["m"])
        slope = sum(w * -2 * curvature @ (x - own) for w, own in zip(weights, best, strict=True))
        assert np.abs(slope).max() < 1e-4  # the best there is for these weights
        moved = x + 0.1 * chance.normal(size=(200, 6))
        assert max(weights @ rewards(other) for other in moved) < weights @ rewards(x)


@pytest.mark.parametrize(("noise", "apart"), [(None, 0.71), (0.05, 0.04)])
def test_averaging_factors_is_far_from_averaging_changes_unless_all_start_from_one_a(noise, apart):
    errors = []
    for seed in range(1, 41, 2):
        pair = [gaussian(seed, noise), gaussian(seed + 1, noise)]
        shares = dict.fromkeys(pair, 0.5)
        exact, factored = delta(mixture(shares), "m"), delta(factorwise(shares, strict=True), "m")
        errors.append(np.linalg.norm(factored - exact) / np.linalg.norm(exact))
    assert np.mean(errors) == pytest.approx(apart, abs=0.02)


def test_the_released_merge_is_quadratic_in_a_share():
    one, nothing = gaussian(1), Adapter({"m": (np.zeros((8, 64), np.float32), np.zeros((64, 8), np.float32))})
    made = soup([one, nothing], merge="factors").personalize(State(), QUESTION.weighing({"brief": 0.5, "thorough": 0.5}), None)
    assert np.allclose(change(made)["m"], 0.25 * delta(one, "m"), atol=1e-4)


def test_other_weights_and_merges_are_refused(llama):
    with pytest.raises(RequestError, match="this method learnt brief, thorough"):
        soup([]).personalize(State(), QUESTION.weighing({"simple": 1.0}), llama.lm)
    with pytest.raises(MethodError, match="'deltas' or 'factors'"):
        soup([], merge="mean").personalize(State(), QUESTION, llama.lm)


def test_who_writes_briefly_weighs_brevity_more(llama):
    from idiolect.types import Record, User

    method = RewardedSoups(**SMALL)
    method.fit(EVERYBODY, llama.lm)
    short = User("s", [Record("On the red fox and the dog", "no", float(n)) for n in range(3)])
    long = User(
        "l", [Record("On the red fox and the dog", "the red fox and the dog sleep on and on and on " * 2, float(n)) for n in range(3)]
    )
    few, many = method.enroll([short, long], llama.lm)
    assert few.numbers["brief"] > 0.5 > many.numbers["brief"]
    assert method.observe(State(), short, list(short.records), None).numbers == few.numbers


def test_fitted_the_experts_start_from_one_a_and_answers_name_their_weights(llama):
    method = RewardedSoups(**SMALL)
    method.fit(EVERYBODY, llama.lm)
    state = method.enroll([ANN], llama.lm)[0]
    bent = method.personalize(state, QUESTION.weighing({"brief": 0.25, "thorough": 0.75}), llama.lm)
    assert "weight:brief 0.25" in bent.sources and "adapter:thorough x0.75" in bent.sources
    assert set(REWARDS) >= set(method.objectives) and counted(method.objectives, ["q"], ["a"]).shape == (1, 2)
