"""CPO: which of two answers is preferred under which ratings, in the paper's sense and not the released code's, and that it is obeyed."""

import numpy as np
import pytest

from idiolect.alignment import cpo
from idiolect.alignment.cpo import CPO
from idiolect.training.conditions import read_ratings
from idiolect.training.pool import Asked, Pool
from idiolect.training.rewards import Scale
from idiolect.types import Adapter, State, ask
from tests.alignment.test_ric import ALL, BRIEF, JUDGES, margins

NAMES = ("brief", "thorough")
MORE, LESS = {"brief": 0.8, "thorough": 0.2}, {"brief": 0.2, "thorough": 0.8}
BARE = Adapter({}, name="sft")
ANSWERS = ("five", "three", "one", "another")


def pool_of(answers=ANSWERS):
    return Pool(NAMES, Scale.of(np.zeros((0, 2))), (Asked("q"),) * len(answers), answers)


def preferred(given, wanted, monkeypatch, **settings):
    """The pairs, better first, of answers with these ratings where `wanted` is told."""
    method = CPO(**settings)
    monkeypatch.setattr(CPO, "_some", lambda self, own, chance: np.array(wanted))
    pool = pool_of(ANSWERS[: len(given)])
    made = method.preferred(pool, np.array(given), np.random.default_rng(0), BARE)
    return {(better, worse) for _, better, worse in made}, made


def test_asked_for_five_the_five_is_preferred_to_the_three_and_the_three_to_the_one(monkeypatch):
    """R is 0, -2 and -4; the released code's misplaced parenthesis gives -10, -8 and -6, and with them every pair turned round."""
    pairs, _ = preferred([[5, 3], [3, 3], [1, 3]], [5.0, np.nan], monkeypatch)
    assert pairs == {("five", "three"), ("five", "one"), ("three", "one")}


def test_asked_for_three_the_three_is_preferred_and_the_five_and_the_one_are_equally_far(monkeypatch):
    pairs, _ = preferred([[5, 3], [3, 3], [1, 3]], [3.0, np.nan], monkeypatch)
    assert pairs == {("three", "five"), ("three", "one")}  # five and one are of equal R: no pair


def test_with_nothing_controlled_the_sum_of_ratings_decides(monkeypatch):
    pairs, _ = preferred([[5, 1], [3, 4], [1, 1]], [np.nan, np.nan], monkeypatch)
    assert pairs == {("three", "five"), ("five", "one"), ("three", "one")}


def test_strength_trades_what_is_wanted_against_what_is_free(monkeypatch):
    given, wanted = [[5, 1], [4, 3]], [5.0, np.nan]
    assert preferred(given, wanted, monkeypatch, strength=1.0)[0] == {("three", "five")}  # 0 + 1 against -1 + 3
    assert preferred(given, wanted, monkeypatch, strength=4.0)[0] == {("five", "three")}  # 0 + 1 against -4 + 3


def test_pairs_are_told_the_ratings_and_stand_over_the_first_stage(monkeypatch):
    _, made = preferred([[5, 2], [3, 2]], [5.0, 2.0], monkeypatch)
    for asked, _, _ in made:
        assert read_ratings(asked.messages[0].content) == {"brief": 5, "thorough": 2} and asked.adapters == ((BARE, 1.0),)
    _, made = preferred([[5, 2], [3, 2]], [np.nan, np.nan], monkeypatch)
    assert [message.role for message in made[0][0].messages] == ["user"]


def test_no_more_pairs_than_asked_for_are_made(monkeypatch):
    assert len(preferred([[5, 1], [3, 4], [1, 1], [2, 1]], [np.nan, np.nan], monkeypatch, pairs=4)[1]) == 4


def test_both_stages_and_the_answer_spell_a_token_alike(llama, monkeypatch):
    told, method = [], CPO(k=0, drawn=0, rank=2, epochs=1)
    for name in ("furthered", "prefer"):
        real = getattr(cpo, name)
        monkeypatch.setattr(cpo, name, lambda lm, rows, *a, real=real, **o: told.append(rows) or real(lm, rows, *a, **o))
    method.fit(JUDGES, llama.lm)
    first, second = told[0], told[1][0]
    used = method.personalize(State(), ask("q").weighing({"brief": 1, "thorough": 3}), llama.lm).messages[0].content
    assert read_ratings(used) == {"brief": 3, "thorough": 5} and used == "<brief: 3> <thorough: 5>"
    for row in [*first, *second]:
        told_ = row[0].messages[0].content if row[0].messages[0].role == "system" else ""
        assert " ".join(f"<{name}: {value}>" for name, value in read_ratings(told_).items()) == told_


def test_an_objective_that_weighs_nothing_is_not_controlled(llama):
    method = CPO(k=0, drawn=0, rank=2, epochs=1)
    method.fit(JUDGES, llama.lm)
    assert method.personalize(State(), ask("q").weighing(BRIEF), llama.lm).messages[0].content == "<brief: 5>"


def test_any_number_of_ratings_is_controlled_as_often_as_any_other():
    chance = np.random.default_rng(0)
    counts = [int((~np.isnan(CPO()._some(np.array([1, 2, 3]), chance))).sum()) for _ in range(4000)]
    assert np.bincount(counts) / 4000 == pytest.approx([0.25] * 4, abs=0.03)


def test_ratings_that_were_asked_for_are_obeyed(llama):
    method = CPO(k=0, drawn=0, rank=8, modules=ALL, lr=2e-2, epochs=30, pairs=32)
    method.fit(JUDGES, llama.lm)
    told = [method.personalize(State(), ask("q").weighing(own), llama.lm).messages[0].content for own in (MORE, LESS)]
    assert told == ["<brief: 5> <thorough: 3>", "<brief: 3> <thorough: 5>"]
    assert (margins(method, llama.lm, MORE) - margins(method, llama.lm, LESS) > 5).all()  # nats
