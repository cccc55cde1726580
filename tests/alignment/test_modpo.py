"""MODPO: the rewards that stand beside each preference, which weights are trained, and whose are taken."""

import numpy as np
import pytest

from idiolect.alignment import modpo
from idiolect.alignment.modpo import MODPO
from idiolect.errors import MethodError, RequestError
from idiolect.training.directions import lattice
from idiolect.training.rewards import Scale, counted
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN
from tests.training.conftest import near

SMALL = {"rank": 2, "answer_tokens": 4, "newest": 4, "shared_pairs": 8, "k": 0}
CHOOSER = User("cho", [Record(f"Of the fox {i}?", f"it sleeps {'on ' * i}", i, "", "choice", f"the fox {i} runs " * 2) for i in range(4)])


@pytest.fixture(scope="module")
def method(shared_llama):
    made = MODPO(**SMALL)
    made.fit([CHOOSER], shared_llama.lm)
    return made


def adapter_of(method, lm, state=State(), **weights):
    [(adapter, _)] = method.personalize(state, ask("q").weighing(weights), lm).adapters
    return [part.adapter for part in method.shared.parts].index(adapter)


def test_weights_are_whole_parts_of_the_steps_and_1_together():
    assert [list(one) for one in lattice(2, 2)] == [[0, 1], [0.5, 0.5], [1, 0]]
    assert len(lattice(3, 4)) == 15 and all(one.sum() == pytest.approx(1) for one in lattice(3, 4))


def test_beside_each_preference_stands_what_the_chosen_answer_is_worth_more_by_the_weighed_objectives(llama, monkeypatch):
    seen = []
    monkeypatch.setattr(
        modpo, "prefer", lambda lm, jobs, objective, **_: seen.append((jobs, objective)) or [llama.adapter(n) for n in range(3)]
    )
    MODPO(**SMALL, kept=0.25).fit([CHOOSER], llama.lm)
    [(jobs, objective)] = seen
    names, questions = ("brief", "thorough"), [r.prompt for r in CHOOSER.records]
    chosen, left = (counted(names, questions, [getattr(r, side) for r in CHOOSER.records]) for side in ("answer", "other"))
    scale = Scale.of(np.concatenate([chosen, left]))
    lead = scale.z(chosen) - scale.z(left)
    wanted = [0.75 * own @ one for one in lattice(2, 2) for own in lead]
    assert [float(one) for one in objective.rewards.values()] == pytest.approx(wanted) and objective.weight == 0.25
    assert [dict(job[0][0].weights) for job in jobs] == [{"brief": b, "thorough": 1 - b} for b in (0, 0.5, 1)]


def test_where_preferences_count_all_every_weight_is_dpo_and_otherwise_each_is_another(llama, method):
    alike = MODPO(**SMALL, kept=1.0)
    alike.fit([CHOOSER], llama.lm)
    first, _, last = (part.adapter for part in alike.shared.parts)
    assert near(first, last)
    first, _, last = (part.adapter for part in method.shared.parts)
    assert not near(first, last)


def test_the_weights_asked_for_choose_the_nearest_that_was_trained(method, llama):
    asked = [adapter_of(method, llama.lm, brief=b, thorough=1 - b) for b in (0.0, 0.2, 0.4, 0.7, 0.8, 1.0)]
    assert asked == [0, 0, 1, 1, 2, 2]


def test_without_weights_asked_for_the_persons_own_are_taken_and_a_request_overrules_them(method, llama):
    short, long = User("s", [Record("Of foxes?", "no", 0.0)]), User("l", [Record("Of foxes and dogs?", "foxes dogs " * 30, 0.0)])
    brief, thorough = method.enroll([short, long], llama.lm)
    assert brief.numbers["brief"] > 0.75 and thorough.numbers["brief"] < 0.25
    assert [adapter_of(method, llama.lm, state) for state in (brief, thorough, State())] == [2, 0, 1]
    assert adapter_of(method, llama.lm, brief, thorough=1.0) == 0


def test_what_somebody_does_moves_their_weights_at_once(method, llama):
    state = method.observe(State(), User("s", [Record("Of foxes?", "no", 0.0)]), [], llama.lm)
    assert state.numbers["brief"] > 0.75


def test_objectives_that_are_not_there_and_settings_that_train_nothing_are_refused(llama, method):
    with pytest.raises(MethodError, match="brief"):
        MODPO(**SMALL, objectives=("bref",)).fit([ANN], llama.lm)
    with pytest.raises(MethodError, match="count 0"):
        MODPO(**SMALL, kept=0).fit([ANN], llama.lm)
    with pytest.raises(RequestError, match="'polite'"):
        method.personalize(State(), ask("q").weighing({"polite": 1.0}), llama.lm)
