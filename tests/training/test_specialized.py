"""Answers drawn and ranked by objectives, and an adapter for each of them that goes its own objective's way."""

import numpy as np
import pytest

from idiolect.errors import MethodError, RequestError
from idiolect.training.loop import Plan
from idiolect.training.specialized import Drawn, Draws, adapters, drawn, kept, pooled, questions, ranked, specialized
from idiolect.types import State, ask
from tests.conformance.people import EVERYBODY

FEW = Draws(questions=5, newest=2, each=4, tokens=8)
BOTH = ("brief", "simple")
POOL = Drawn((ask("a"), ask("b")), (("x", "", "y z"), ("p", "q", "r")), np.array([[[1.0], [9.0], [0.5]], [[2.0], [2.0], [2.0]]]))


def test_the_best_answer_that_says_something_is_preferred_to_the_worst():
    assert POOL.pairs(0) == [(ask("a"), "x", "y z")]  # the empty answer is worth most and is not taken; all of b's are worth the same
    assert POOL.places(0) == [(0, 2)]


def test_the_scale_is_that_of_all_answers():
    assert POOL.scale.mean == pytest.approx([16.5 / 6])


def test_the_same_draws_give_the_same_answers_and_another_seed_gives_others(llama):
    asked = questions(EVERYBODY, FEW)
    first, again = (drawn(llama.lm, asked, BOTH, FEW) for _ in range(2))
    other = drawn(llama.lm, asked, BOTH, Draws(5, 2, 4, 8, seed=1))
    assert first.answers == again.answers != other.answers
    assert len(asked) == 5 and first.rewards.shape == (5, 4, 2)


def test_one_answer_or_an_unknown_objective_is_refused(llama):
    with pytest.raises(RequestError, match="draw 2 or more"):
        drawn(llama.lm, [ask("a")], BOTH, Draws(each=1))
    with pytest.raises(MethodError, match="no objective"):
        drawn(llama.lm, [ask("a")], ("funny",), FEW)


def test_each_adapter_makes_its_own_objectives_choices_likelier_and_all_start_alike(llama):
    pool = pooled(llama.lm, EVERYBODY, BOTH, Draws(6, 4, 6, 8))
    made = ranked(llama.lm, pool, BOTH, rank=4, plan=Plan(lr=5e-3, epochs=6, batch=6, weight_decay=0.0))

    def margins(adapter, objective):
        pairs = pool.pairs(objective)
        bent = [request.bent(adapters={adapter: 1.0} if adapter else {}) for request, *_ in pairs]
        ahead, behind = (llama.lm.score(bent, [pair[which] for pair in pairs]) for which in (1, 2))
        return np.mean([one.nats - other.nats for one, other in zip(ahead, behind, strict=True)])

    for place, adapter in enumerate(made):
        assert margins(adapter, place) > margins(None, place) + 1
    assert [adapter.name for adapter in made] == list(BOTH)
    starts = ranked(llama.lm, pool, BOTH, rank=4, plan=Plan(lr=0.0, epochs=1))
    assert starts[0] == starts[1]


def test_specialized_is_drawing_and_ranking_in_one_go(llama):
    plan = Plan(epochs=1, batch=2)
    made = specialized(llama.lm, EVERYBODY, BOTH, FEW, rank=2, plan=plan)
    assert made == ranked(llama.lm, pooled(llama.lm, EVERYBODY, BOTH, FEW), BOTH, rank=2, plan=plan)


def test_nobody_teaches_adapters_that_change_nothing(llama):
    made = specialized(llama.lm, [], BOTH, FEW, rank=2)
    assert len(made) == 2 and not any(b.any() for adapter in made for _, b in adapter.modules.values())


def test_what_is_kept_is_the_scale_and_the_adapters_in_their_order(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    state = kept(POOL.scale, parts, more=np.ones(3))
    assert adapters(state) == parts and set(state.arrays) == {"mean", "spread", "more"} and adapters(State()) == []
