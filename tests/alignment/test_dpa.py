"""DPA: the answer that goes furthest in a direction is the one that is learnt, whatever the direction's length; and it is obeyed."""

import numpy as np
import pytest

from idiolect.alignment import dpa
from idiolect.alignment.dpa import DPA
from idiolect.training.conditions import read_aim
from idiolect.training.pool import Asked, Pool
from idiolect.training.rewards import Scale
from idiolect.training.specialized import Drawn
from idiolect.types import State, ask
from tests.alignment.test_ric import ALL, BRIEF, JUDGES, THOROUGH, TOPICS, margins
from tests.conformance.people import EVERYBODY

NAMES = ("brief", "thorough")
SMALL = {"k": 0, "rounds": 1, "rank": 8, "modules": ALL, "lr": 1e-2, "epochs": 60}
ANSWERS = ["foxes and owls", "no", "nothing much at all to say here"]  # thorough, brief, neither


@pytest.fixture
def echoing(monkeypatch):
    """In place of what the model draws: ANSWERS, always; the requests that were put, round by round."""
    put = []

    def drawn(lm, requests, objectives, draws):
        put.append(list(requests))
        return Drawn(tuple(requests), tuple(tuple(ANSWERS[: draws.each]) for _ in requests), np.zeros((len(requests), draws.each, 2)))

    monkeypatch.setattr(dpa, "drawn", drawn)
    monkeypatch.setattr("idiolect.training.pool.drawn", drawn)
    return put


def pool_of(question="What of foxes and owls?"):
    bare = Pool(NAMES, Scale.of(np.zeros((0, 2)))).of([(Asked(question), text) for text in ANSWERS])
    return Pool(NAMES, Scale.of(bare.rewards), bare.asked, bare.answers)


def test_the_answer_that_goes_furthest_in_the_direction_is_elected(echoing):
    pool, method = pool_of(), DPA(**SMALL, towards=20, drawn=3)
    worth = dict(zip(pool.answers, pool.rewards, strict=True))
    elected = method.elected(pool, None, 1, None)
    assert len(elected) == 20 and {answer for _, answer in elected} == {"foxes and owls", "no"}
    for asked, answer in elected:
        told = np.array(list(read_aim(asked.messages[0].content).values()))
        assert np.linalg.norm(told) == pytest.approx(100, abs=1) and (told >= 0).all()
        assert worth[answer] @ told >= max(own @ told for own in worth.values()) - 2  # hundredths are rounded, and length is nothing


def test_an_answer_that_records_hold_is_elected_where_none_that_is_drawn_goes_as_far(echoing):
    pool = pool_of().of([(Asked("What of foxes, owls and kettles?"), "foxes and owls and kettles")])
    method = DPA(**SMALL, towards=9, drawn=2)
    elected = method.elected(pool, None, 1, None)
    known = [answer for asked, answer in elected if read_aim(asked.messages[0].content)["thorough"] >= 98]
    assert known and set(known) == {"foxes and owls and kettles"}


def test_directions_are_other_ones_in_every_round_and_a_later_one_asks_the_last_model(echoing, llama):
    DPA(**{**SMALL, "rounds": 2, "epochs": 1}, towards=1, drawn=2, questions=3).fit(JUDGES, llama.lm)
    _, first, second = echoing  # the pool's own, and the rounds'
    assert [bool(asked.adapters) for asked in first + second] == [False] * len(first) + [True] * len(second)
    told = [[asked.messages[0].content for asked in round_] for round_ in (first, second)]
    assert told[0] != told[1] and [asked.question for asked in first] == [asked.question for asked in second]


def test_a_direction_that_was_learnt_is_obeyed(monkeypatch, echoing, llama):
    monkeypatch.setattr("tests.alignment.test_dpa.ANSWERS", ["no", "no"])
    monkeypatch.setattr(dpa, "directions", lambda count, objectives, chance: np.eye(2)[np.arange(count) % 2])
    method = DPA(**SMALL, towards=2, drawn=2)
    method.fit(JUDGES[:1], llama.lm)
    assert (margins(method, llama.lm, BRIEF) - margins(method, llama.lm, THOROUGH) > 5).all()  # nats


@pytest.mark.parametrize(
    ("weights", "told"), [(BRIEF, (100, 0)), ({"brief": 0.5, "thorough": 0.5}, (71, 71)), ({"brief": 3, "thorough": 4}, (60, 80))]
)
def test_weights_are_told_as_a_direction_of_length_one_hundred(echoing, llama, weights, told):
    method = DPA(**{**SMALL, "epochs": 1}, drawn=2)
    method.fit(JUDGES, llama.lm)
    bent = method.personalize(State(), ask(f"What of {TOPICS[0]}?").weighing(weights), llama.lm)
    assert tuple(read_aim(bent.messages[0].content).values()) == told


def test_without_a_round_nothing_is_taught_or_told(llama):
    method = DPA(rounds=0, newest=2, questions=3, drawn=2, answer_tokens=2, k=0)
    method.fit(EVERYBODY, llama.lm)
    assert method.personalize(State(), ask("q").weighing(BRIEF), llama.lm) == ask("q").weighing(BRIEF)
