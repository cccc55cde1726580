"""PAS: alpha is chosen on held-out items by what has not seen them, a planted preference is found, and little teaches nothing."""

import numpy as np
import pytest

from idiolect.steering import pas
from idiolect.steering.pas import PAS
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, NOBODY, conversation

SMALL = {"answer_tokens": 4, "heads": 3}
CHOICES = User("ann", [Record(f"Which {i}?", "the fox " * (1 + i % 2), i, kind="choice", other="a dog, a dog") for i in range(12)])


def test_a_preference_is_learnt_and_answers_lean_towards_it(llama):
    method = PAS(alphas=(4.0,), **SMALL)
    state = method.enroll([CHOICES], llama.lm)[0]
    assert state.numbers["alpha"] == 4.0 and state.arrays["places"].shape == (2, 2)  # a quarter of 8 heads
    bent = method.personalize(state, ask("Which 9?"), llama.lm)
    assert {(s.site, s.scope) for s in bent.steering} == {("heads", "all")}
    assert llama.lm.score([bent], ["the fox"])[0].nats != llama.lm.score([ask("Which 9?")], ["the fox"])[0].nats


def test_alpha_is_chosen_on_items_that_neither_probes_nor_directions_saw(llama, monkeypatch):
    learnt, tried = [], []
    real, judge = pas.accuracies, pas.strongest
    monkeypatch.setattr(pas, "accuracies", lambda seen, own, records, seed: learnt.append(set(records)) or real(seen, own, records, seed))
    monkeypatch.setattr(pas, "strongest", lambda lm, pairs, *rest: tried.append([r.question for r, _ in pairs]) or judge(lm, pairs, *rest))
    PAS(**SMALL).enroll([CHOICES], llama.lm)
    assert len(tried[0]) == 3 and {int(q.split()[1][:-1]) for q in tried[0]} == set(range(12)) - learnt[0]
    assert learnt[1] == set(range(12))  # what is kept has seen them all


def test_the_alpha_that_makes_held_out_items_likeliest_is_taken(llama, monkeypatch):
    from idiolect.types import Score

    def score(requests, answers):
        lengths = [sum(float(np.abs(s.vector).sum()) for s in request.steering) for request in requests]
        return [Score((-abs(length - liked[0]),), 1) for length in lengths]

    monkeypatch.setattr(llama.lm, "score", score)
    liked, alphas = [0.0], []
    for wanted in (0.0, 1e9):
        liked[0] = wanted
        alphas.append(PAS(**SMALL).enroll([CHOICES], llama.lm)[0].numbers["alpha"])
    assert alphas == [0.0, 8.0]


def test_alpha_0_bends_nothing(llama):
    state = State(numbers={"alpha": 0.0}, arrays={"places": np.zeros((1, 2), "f4"), "shift": np.ones((1, 8), "f4")})
    assert PAS().personalize(state, conversation(), llama.lm) == conversation()


@pytest.mark.parametrize("user", [NOBODY, User("one", ANN.records[:3])])
def test_who_showed_too_little_is_not_steered(llama, user):
    state = PAS(**SMALL).enroll([user], llama.lm)[0]
    assert not state.arrays and PAS().personalize(state, conversation(), llama.lm) == conversation()


def test_who_rates_everything_alike_is_not_steered(llama):
    same = User("same", [Record(f"{i}?", "5", i, kind="rating", other=f"reply {i}") for i in range(8)])
    apart = User("apart", [Record(f"{i}?", str(1 + 4 * (i % 2)), i, kind="rating", other=f"reply {i}") for i in range(8)])
    one, other = PAS(alphas=(1.0,), **SMALL).enroll([same, apart], llama.lm)
    assert not one.arrays and other.arrays
