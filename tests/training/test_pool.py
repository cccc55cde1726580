"""The pool: which answers are in it, told what was earlier, on one scale, and that what is taught is put as it will be asked."""

import numpy as np
import pytest

from idiolect.models.algebra import delta
from idiolect.models.scripted import ScriptedLM
from idiolect.training.loop import Plan
from idiolect.training.pool import Asked, Pool, answered, conditioned, furthered, gathered, pooled
from idiolect.training.rewards import Scale
from idiolect.training.specialized import Draws
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB, EVERYBODY, marks, text_of

NAMES = ("brief", "thorough")
ALL = Draws(questions=99, newest=99, each=2, tokens=4)
JUDGED = User(
    "eve",
    [
        Record("On foxes?", "own text", 0.0),
        Record("On foxes?", "taken", 1.0, kind="choice", other="left"),
        Record("On dogs?", "as left", 2.0, kind="edit", other="the draft"),
        Record("On owls?", "4", 3.0, kind="rating", other="a rated reply"),
    ],
)


def test_every_answer_that_records_hold_is_in_it_and_no_score_is():
    assert [text for _, text in gathered([JUDGED], 0, ALL)] == ["own text", "taken", "left", "as left", "the draft", "a rated reply"]


def test_what_is_quoted_is_strictly_earlier_the_persons_own_and_never_a_rated_reply():
    near = {one.question: {record.answer for record in one.near} for one, _ in gathered([JUDGED], 9, ALL)}
    assert near["On owls?"] == {"own text", "as left"} and near["On dogs?"] == {"own text"}
    for asked, text in gathered(EVERYBODY, 4, ALL):
        ((who, number),) = marks(text)
        assert all(name == who and earlier < number for name, earlier in marks(repr(asked.near)))


def test_drawn_answers_stand_beside_the_others_and_blank_ones_nowhere():
    lm = ScriptedLM(lambda asked: "" if asked.sampling.seed else "a drawn answer", can=())
    pool = pooled(lm, [JUDGED], NAMES, 0, ALL)
    assert pool.answers.count("a drawn answer") == 3 and "" not in pool.answers  # a question that was put twice is one question
    assert [len(places) for places in pool.groups.values()] == [4, 3, 2]
    without = pooled(lm, [JUDGED], NAMES, 0, Draws(each=0))
    assert "a drawn answer" not in without.answers


def test_rewards_are_in_spreads_from_the_mean_of_the_pool_and_stay_so_for_later_answers():
    pool = pooled(ScriptedLM(lambda asked: "x " * 40, can=()), EVERYBODY, NAMES, 0, ALL)
    assert np.allclose(pool.rewards.mean(axis=0), 0) and np.allclose(pool.rewards.std(axis=0), 1)
    later = pool.of([(Asked("On foxes?"), "one"), (Asked("On foxes?"), "  ")])
    assert later.answers == ("one",) and later.scale == pool.scale and later.rewards[0, 0] > 1
    assert np.allclose(pool.among([2]).plus(pool.among([0])).rewards, pool.rewards[[2, 0]])


def test_an_empty_pool_has_rewards_of_no_answers():
    pool = pooled(ScriptedLM([], can=()), [User("nobody")], NAMES, 1, ALL)
    assert pool.rewards.shape == (0, 2) and not pool.groups
    assert answered(ScriptedLM([], can=()), pool, [], [], ALL).answers == ()


def test_a_question_is_put_at_use_as_it_was_taught(llama):
    adapter = llama.adapter(1)
    state = State(records=ANN.records.newest(1))
    taught = Asked("Of foxes?", tuple(state.records)).put("<brief> 1.0", adapter)
    used = conditioned(ask("Of foxes?"), "<brief> 1.0", state, 1, llama.lm, adapter)
    assert used.messages == taught.messages and used.adapters == taught.adapters
    assert used.because[0] == "condition:<brief> 1.0" and f"record:{ANN.records[-1].id}" in used.because


def test_a_score_that_was_given_is_never_quoted(llama):
    state = State(records=JUDGED.records)
    assert "rated" not in text_of(conditioned(ask("On owls?"), "", state, 9, llama.lm, llama.adapter(1)))


def test_what_is_learnt_over_an_adapter_is_added_to_it_exactly(llama):
    pairs = [(Asked(f"Question {n}?").put("", None), "an answer") for n in range(4)]
    plan = Plan(lr=1e-2, epochs=2)
    first = furthered(llama.lm, pairs, None, 2, ("q_proj",), plan)
    over = [(Asked(f"Question {n}?").put("", first), "another") for n in range(4)]
    both = furthered(llama.lm, over, first, 2, ("q_proj",), plan)
    path = next(iter(first.modules))
    assert both.modules[path][0].shape[0] == 4
    step = delta(both, path) - delta(first, path)
    assert np.abs(step).max() > 1e-4 and np.linalg.matrix_rank(step, tol=1e-6) <= 2


def test_pools_are_made_of_many_people_at_once_in_their_order():
    assert gathered([ANN, BOB], 1, ALL) == gathered([ANN], 1, ALL) + gathered([BOB], 1, ALL)


@pytest.mark.parametrize("most", [0, 3])
def test_the_pool_has_no_more_questions_than_it_may(most):
    assert len(gathered(EVERYBODY, 0, Draws(questions=most, newest=99))) == most


def test_a_bare_scale_leaves_rewards_in_their_own_units():
    bare = Pool(("brief",), Scale.of(np.zeros((0, 1)))).of([(Asked("q"), "one two three")])
    assert bare.rewards[0, 0] == pytest.approx(-np.log(4))
