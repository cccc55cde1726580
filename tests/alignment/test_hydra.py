"""HYDRA: what its scorers are taught, what they choose, and that the model is only asked for answers."""

import numpy as np
import pytest

from idiolect.alignment import hydra
from idiolect.alignment.hydra import HYDRA
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Reply, Request, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, text_of

PEOPLE = [ANN, BOB, CYD]
CANDIDATES = ["the first", "a second one", "annzq what ann wrote", "a fourth"]


def candidates(seed=0):
    """A model that says the first greedily, and the others by seed."""
    return ScriptedLM(lambda asked: CANDIDATES[0 if not asked.sampling.temperature else 1 + asked.sampling.seed - seed], can=())


def fitted(lm, **options):
    method = HYDRA(**options)
    method.fit(PEOPLE, lm)
    return method


def scored_by(monkeypatch, worth):
    """In place of what is learnt: a text's score is `worth` of it."""
    monkeypatch.setattr(hydra, "features", lambda question, text: np.array([worth(text)]))
    monkeypatch.setattr(hydra, "scores", lambda base, own, seen: seen[:, 0])


@pytest.mark.parametrize("best", range(4))
def test_with_a_perfect_scorer_the_best_of_all_answers_is_given(monkeypatch, best):
    lm = candidates()
    method = fitted(lm)
    state = method.enroll([ANN], lm)[0]
    scored_by(monkeypatch, lambda text: float(text == CANDIDATES[best]))
    reply = method.personalize(state, ask("Of foxes?"), lm)
    assert isinstance(reply, Reply) and reply.text == CANDIDATES[best] and reply.calls == 4


def test_with_a_scorer_that_cannot_tell_the_greedy_answer_is_given(monkeypatch):
    lm = candidates()
    method = fitted(lm)
    state = method.enroll([ANN], lm)[0]
    scored_by(monkeypatch, lambda text: 1.0)
    assert method.personalize(state, ask("Of foxes?"), lm).text == CANDIDATES[0]


def test_the_answer_that_reads_like_the_person_and_not_like_the_model_is_chosen_by_what_was_learnt():
    model = ["the first", "a second one", "quite other words", "a fourth"]
    method = fitted(ScriptedLM(model * 99, can=()))
    state = method.enroll([ANN], ScriptedLM(model * 99, can=()))[0]
    now = ["the first", "a second one", "annzq99 the foxes of ann", "a fourth"]
    assert method.personalize(state, ask(ANN.records[5].prompt), ScriptedLM(now, can=())).text == now[2]


def test_records_that_the_head_ranks_first_are_quoted(monkeypatch):
    lm = candidates()
    method = fitted(lm, k=2, pool=6, drawn=0)
    state = method.enroll([ANN], lm)[0]
    scored_by(monkeypatch, lambda text: float("annzq01" in text or "annzq03" in text))
    bent = method.personalize(state, ask("What of foxes, dogs, dates?"), lm)
    assert isinstance(bent, Request) and marks(text_of(bent)) == {("ann", 1), ("ann", 3)}


def test_a_record_is_good_to_quote_if_the_answer_given_with_it_is_nearer_than_on_average():
    target = ANN.records[5]
    lm = ScriptedLM(lambda asked: target.answer if "annzq02" in text_of(asked) else "quite other words", can=())
    taught = HYDRA(newest=1)._quotings([ANN], lm)[0]
    seen = [hydra._seen(target.prompt, record) for record in ANN.records[:5]]
    good = {
        place for row, is_good in zip(taught.features, taught.good) for place in range(5) if is_good and np.array_equal(row, seen[place])
    }
    assert len(taught.good) == 5 and good == {2}


def test_the_persons_own_answer_is_good_and_the_models_are_bad():
    method = fitted(candidates(), newest=2, drawn=3)
    taught = method._answerings([ANN], [method.shared.arrays["rerank head"]], candidates())[0]
    assert taught.good.tolist() == [1.0, 1.0] + [0.0] * 8
    assert np.array_equal(taught.features[1], hydra.features(ANN.records[5].prompt, ANN.records[5].answer))


def test_questions_are_put_with_strictly_earlier_records_only():
    lm = candidates()
    fitted(lm).enroll([ANN, BOB], lm)
    numbers = {record.prompt: (user.id, place) for user in PEOPLE for place, record in enumerate(user.records)}
    for asked in lm.requests:
        name, place = numbers[asked.question]
        assert all(who == name and number < place for who, number in marks(text_of(asked)))


def test_anothers_answers_move_neither_head_of_a_person():
    lm = candidates()
    method = fitted(lm)
    alone, among = method.enroll([ANN], lm)[0], method.enroll([BOB, ANN, NOBODY], lm)[1]
    assert all(np.allclose(alone.arrays[name], among.arrays[name]) for name in ("rerank", "choose"))
    assert not np.allclose(alone.arrays["choose"], method.enroll([BOB], lm)[0].arrays["choose"])


def test_nobody_is_asked_as_anybody_and_before_it_is_taught_it_quotes_what_bm25_finds():
    lm = candidates()
    method = fitted(lm)
    assert method.personalize(method.enroll([NOBODY], lm)[0], ask("Of foxes?"), lm) == ask("Of foxes?")
    fresh = HYDRA(k=1)
    bent = fresh.personalize(fresh.enroll([ANN], lm)[0], ask(ANN.records[3].prompt), lm)
    assert bent.because == (f"record:{ANN.records[3].id}",)
