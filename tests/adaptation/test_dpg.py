"""DPG: adapters from scores, a person's or asked for: the ones that were trained, alone as in company, and they do what the scores say."""

import numpy as np
import pytest

from idiolect.adaptation.dpg import DPG, _styles
from idiolect.errors import MethodError
from idiolect.training.encoder import restored
from idiolect.training.style_axes import AXES, measured
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import NOBODY

LEARNT = {"rank": 4, "traits": 4, "epochs": 30, "lr": 1e-2, "k": 0}


def person(name, number, words):
    """Who answers in so many words, always the same ones."""
    answers = " ".join(["sleep", "dates", "dogs", "street"] * 4).split()[:words]
    return User(name, History(Record(f"Of fox {number}{i}?", " ".join(answers), float(i)) for i in range(6)))


SHORT = [person("ann", 1, 2), person("bob", 2, 2)]
LONG = [person("cyd", 3, 12), person("dee", 4, 12)]
BRIEF, LENGTHY = "sleep dates", "sleep dates dogs street sleep dates dogs street sleep dates dogs street"


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = DPG(**LEARNT)
    method.fit([*SHORT, *LONG], shared_llama.lm)
    return method


def aimed(fitted, **target):
    method = DPG(**LEARNT, target=target)
    method.shared = fitted.shared
    return method


def lengthy(method, state, lm):
    """By how many nats the lengthy answer is likelier than the brief one."""
    bent = method.personalize(state, ask("Of fox 9?"), lm)
    one, other = lm.score([bent, bent], [LENGTHY, BRIEF])
    return one.nats - other.nats


def test_a_persons_scores_are_their_mean_in_spreads_of_all_texts(llama, fitted):
    brief, lengthy_ = fitted.enroll([SHORT[0], LONG[0]], llama.lm)
    assert brief.numbers.keys() == AXES.keys() and brief.numbers["length"] < -0.5 < 0.5 < lengthy_.numbers["length"]
    mean, spread = (fitted.shared.arrays[name][1] for name in ("mean", "spread"))
    assert brief.numbers["length"] == pytest.approx(float((measured([BRIEF])[0][0] - mean[0]) / spread[0]), abs=1e-4)


def test_the_adapter_at_use_is_the_one_that_the_network_was_trained_with(llama, fitted):
    state = fitted.enroll([SHORT[0]], llama.lm)[0]
    net = restored(fitted._network(llama.lm), fitted.shared.arrays)
    trained = net(*net.told([_styles(SHORT[0].records)]))
    adapter = fitted.personalize(state, ask("Of fox 9?"), llama.lm).adapters[0][0]
    for path, (a, b) in trained.items():
        assert np.allclose(adapter.modules[path][0], a[0], atol=1e-6) and np.allclose(adapter.modules[path][1], b[0].T, atol=1e-5)


def test_people_of_mixed_scores_in_one_batch_get_what_each_gets_alone(llama, fitted):
    states = fitted.enroll([*SHORT, *LONG, NOBODY], llama.lm)
    bent = [fitted.personalize(state, ask("Of fox 9?"), llama.lm) for state in states]
    together = llama.lm.score(bent, [LENGTHY] * 5)
    alone = [llama.lm.score([one], [LENGTHY])[0] for one in bent]
    assert np.allclose([score.nats for score in together], [score.nats for score in alone], atol=1e-3)
    assert len({round(score.nats, 2) for score in alone}) > 1


def test_who_writes_at_length_is_answered_at_length(llama, fitted):
    brief, long_ = fitted.enroll([SHORT[0], LONG[0]], llama.lm)
    assert lengthy(fitted, long_, llama.lm) > lengthy(fitted, brief, llama.lm) + 5


def test_scores_that_are_asked_for_take_the_place_of_the_persons(llama, fitted):
    brief = fitted.enroll([SHORT[0]], llama.lm)[0]
    other = fitted.enroll([LONG[0]], llama.lm)[0].numbers
    assert lengthy(aimed(fitted, **other), brief, llama.lm) == pytest.approx(lengthy(fitted, State(numbers=other), llama.lm), abs=1e-3)
    up, down = (lengthy(aimed(fitted, length=score), State(), llama.lm) for score in (1.0, -1.0))
    assert up > down


def test_without_scores_it_is_everybodys_adapter_to_the_bit(llama, fitted):
    nobody = fitted.enroll([NOBODY], llama.lm)[0]
    adapter = fitted.personalize(nobody, ask("Of fox 9?"), llama.lm).adapters[0][0]
    assert not nobody.numbers
    for number, (a, b) in enumerate(adapter.modules.values()):
        assert np.array_equal(a, fitted.shared.arrays[f"down.{number}"])
        assert np.array_equal(b, fitted.shared.arrays[f"up.{number}"][0].T)


def test_a_pair_is_taught_with_the_scores_of_strictly_earlier_texts():
    user = User("eve", History([Record("p", "one two three", 0.0), Record("q", "four", 1.0), Record("r", "five", 1.0)]))
    history = DPG(k=1)._lesson(user, user.records[2]).history
    assert history.shape == (1, 2, len(AXES)) and not history[:, 0].any()
    assert np.allclose(history[0, 1], measured(["one two three"])[0])
    assert DPG()._lesson(user, user.records[0]).history.shape == (0, 2, len(AXES))


def test_an_axis_that_is_none_is_refused(llama, fitted):
    with pytest.raises(MethodError, match="no axis 'kindness' to aim at; there are length"):
        aimed(fitted, kindness=1.0).personalize(State(), ask("q"), llama.lm)


def test_what_is_observed_counts_at_once_and_before_anybody_taught_it_nothing_is_bent(llama, fitted):
    early = fitted.enroll([User("ann", SHORT[0].records[:1])], llama.lm)[0]
    after = fitted.observe(early, User("ann", LONG[0].records), LONG[0].records, None)
    assert after.numbers["length"] > early.numbers["length"]
    assert not DPG().personalize(DPG().enroll([SHORT[0]], llama.lm)[0], ask("q"), llama.lm).adapters
