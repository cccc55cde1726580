"""P-Tailor: a person's mixture follows from their traits, and nobody is trained to have one."""

import numpy as np
import pytest

from idiolect.adaptation import p_tailor
from idiolect.adaptation.p_tailor import PTailor
from idiolect.training.style_axes import POLES
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import NOBODY

SMALL = {"k": 0, "rank": 2, "experts": 3, "epochs": 4, "lr": 1e-2}
LOUD = User("loud", History(Record(f"Of {i}?", f"THE {i}!", float(i)) for i in range(5)))
QUIET = User("quiet", History(Record(f"Of {i}?", f"the {i} and the dog all sleep", float(i)) for i in range(5)))


@pytest.fixture(scope="module")
def fitted(shared_llama):
    method = PTailor(**SMALL)
    method.fit([LOUD, QUIET], shared_llama.lm)
    return method


def shares(method, state, lm):
    return np.array([share for _, share in method.personalize(state, ask("Of foxes?"), lm).adapters])


def test_a_persons_shares_are_the_mean_of_their_traits_routes(llama, fitted):
    state = fitted.enroll([LOUD], llama.lm)[0]
    routes = fitted.shared.arrays["routes"]
    assert len(state.numbers) == 3 and sum(state.numbers.values()) == pytest.approx(1.0)
    assert np.allclose(shares(fitted, state, llama.lm), np.mean([routes[POLES.index(name)] for name in state.numbers], axis=0))
    assert shares(fitted, state, llama.lm).sum() == pytest.approx(1.0, abs=1e-5)


def test_people_of_other_traits_get_other_shares_of_the_same_experts(llama, fitted):
    loud, quiet = fitted.enroll([LOUD, QUIET], llama.lm)
    assert not set(loud.numbers) & set(quiet.numbers)
    assert np.abs(shares(fitted, loud, llama.lm) - shares(fitted, quiet, llama.lm)).max() > 0.01


def test_one_traits_share_alone_is_one_expert_alone(llama, fitted):
    method = PTailor(**SMALL)
    routes = np.tile(np.eye(3)[1], (len(POLES), 1))
    method.shared = State(arrays=dict(fitted.shared.arrays) | {"routes": routes}, parts=fitted.shared.parts)
    bent = method.personalize(State(numbers={"short": 1.0}), ask("Of foxes?"), llama.lm)
    expert = ask("Of foxes?").bent(adapters={fitted.shared.parts[1].adapter: 1.0})
    one, other = llama.lm.score([bent, expert], ["the fox sleeps"] * 2)
    assert one.nats == pytest.approx(other.nats, abs=1e-4)


def test_somebody_who_shows_no_traits_gets_everybodys_mean(llama, fitted):
    state = fitted.enroll([NOBODY], llama.lm)[0]
    assert not state.numbers
    assert np.allclose(shares(fitted, state, llama.lm), fitted.shared.arrays["routes"].mean(axis=0))


def test_own_mixtures_make_own_answers_likelier_than_the_others_mixture(llama, fitted):
    states = fitted.enroll([LOUD, QUIET], llama.lm)
    asked = ask("Of 9?")
    bent = [fitted.personalize(state, asked, llama.lm) for state in states]
    scores = [[llama.lm.score([one], [text])[0].nats for one in bent] for text in ("THE 9!", "the 9 and the dog all sleep")]
    assert scores[0][0] - scores[0][1] > scores[1][0] - scores[1][1]


def test_enrolling_a_person_trains_nothing(llama, fitted, monkeypatch):
    monkeypatch.setattr(p_tailor, "specialists", lambda *args, **options: pytest.fail("somebody was trained"))
    assert fitted.enroll([LOUD], llama.lm)[0].adapter is None


def test_before_anything_was_learnt_of_everybody_nothing_is_bent(llama):
    method, asked = PTailor(**SMALL), ask("Of foxes?")
    assert method.personalize(method.enroll([LOUD], llama.lm)[0], asked, llama.lm) == asked
