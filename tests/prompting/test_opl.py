"""OPL: which prompt feedback teaches, that nobody need know where a liked reply came from, and that what is logged is what was put."""

import numpy as np
import pytest

from idiolect.assistant import Assistant
from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.opl import OPL, SOURCES
from idiolect.store.states import dump
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, BOB, EVERYBODY, NOBODY, marks, text_of

SHORT = "Keep it short."


def minding(asked):
    """A model that does as the line says."""
    return "no" if SHORT in text_of(asked) else "a long answer of many other words"


LM = ScriptedLM(minding, can=())


def judged(liked, kind, count=6):
    """A person who wrote two notes, and judged replies from elsewhere: those like `liked` are good."""
    own = [Record(f"Note {n}?", "zebra", float(n)) for n in range(2)]
    other = "a long answer of many other words" if liked == "no" else "no"
    replies = [(liked, "5"), (other, "1")]
    if kind == "choice":
        return User("eve", [*own, *(Record(f"Question {n}?", liked, 5.0 + n, kind="choice", other=other) for n in range(count))])
    rated = [Record(f"Question {n}?", replies[n % 2][1], 5.0 + n, kind="rating", other=replies[n % 2][0]) for n in range(count)]
    return User("eve", [*own, *rated])


def put(bent):
    return next(reason for reason in bent.because if reason.startswith("prompt:")).removeprefix("prompt:").rpartition(", chance")[0]


@pytest.mark.parametrize("kind", ["rating", "choice"])
@pytest.mark.parametrize(("liked", "short"), [("no", True), ("a long answer of many other words", False)])
def test_replies_from_anywhere_teach_the_prompt_that_would_have_given_them(kind, liked, short):
    method = OPL(explore=0.0, newest=12)
    state = method.enroll([judged(liked, kind)], LM)[0]
    for n in range(8):
        bent = method.personalize(state, ask(f"Something {n}?"), LM)
        assert (SHORT in text_of(bent)) == (SHORT in put(bent)) == short


def test_what_everybody_teaches_is_where_somebody_new_starts():
    method = OPL(explore=0.0, newest=12)
    method.fit([judged("no", "choice")], LM)
    new = User("new", [Record("On tea?", "", 0.0)])
    assert SHORT in put(method.personalize(method.enroll([new], LM)[0], ask("q?"), LM))
    against = method.enroll([judged("a long answer of many other words", "choice")], LM)[0]
    assert SHORT not in put(method.personalize(against, ask("q?"), LM))


def test_a_persons_own_answers_teach_what_makes_the_model_say_them():
    """A model that says what it is quoted: prompts with records in them come nearer to the person's own words."""
    records = [Record(f"On {topic} number {n}?", f"always {topic}", float(n)) for n, topic in enumerate(["foxes", "owls"] * 5)]
    echo = ScriptedLM(lambda asked: text_of(asked).partition("Wrote: ")[2].split("\n")[0] or "nothing of use", can=())
    method = OPL(explore=0.0, k=1, lines=("",), newest=6)
    state = method.enroll([User("rep", records)], echo)[0]
    assert put(method.personalize(state, ask("On foxes number 99?"), echo)) in ("nearest", "profile and nearest")


def test_what_is_logged_is_what_was_put_and_its_chances_and_inverse_propensities_learn_from_it():
    assistant = Assistant(LM, OPL(estimator="is", newest=200, explore=0.5))
    assistant.enroll([ANN])
    told = []
    for n in range(40):
        bent = assistant.personalize(["ann"], [ask(f"Question {n}?")])[0]
        told.append(put(bent))
        points = "5" if SHORT in text_of(bent) else "1"
        assistant.observe("ann", Record(f"Question {n}?", points, 100.0 + n, kind="rating", other=minding(bent)))
    kept = assistant.states["ann"].arrays
    lines = OPL().lines
    names = [" and ".join(filter(None, [source, line])) for source in SOURCES for line in lines]
    assert [names[int(arm)] for arm in kept["arm"]] == told and kept["chances"].shape == (40, len(names))
    assert np.allclose(kept["chances"].sum(axis=1), 1) and kept["chances"].min() >= 0.5 / len(names) - 1e-12
    state = assistant.update("ann")
    assert np.array_equal(state.arrays["arm"], kept["arm"])
    sure = OPL(estimator="is", explore=0.0)
    assert all(SHORT in put(sure.personalize(state, ask(f"Other {n}?"), LM)) for n in range(5))


@pytest.mark.parametrize("estimator", ["is", "dr", "dm"])
def test_estimators_that_must_know_the_prompt_learn_nothing_from_replies_of_unknown_ones(estimator):
    lm = ScriptedLM([], can=())
    state = OPL(estimator=estimator).enroll([judged("no", "rating")], lm)[0]
    assert not state.arrays["weights"].any() and not lm.requests


def test_an_unknown_estimator_is_refused_by_name():
    with pytest.raises(MethodError, match="no estimator 'ips'; there are dso, is, dr, dm"):
        OPL(estimator="ips").enroll([ANN], LM)


def test_the_model_is_asked_in_every_prompt_once_with_strictly_earlier_records():
    lm = ScriptedLM(minding, can=())
    OPL(newest=2).enroll([ANN, BOB], lm)
    assert len(lm.requests) == len(set(lm.requests)) <= 2 * 2 * len(SOURCES) * 2
    for request in lm.requests:
        number = int(request.question.split("Abstract ")[1].split()[0])
        assert all(other < number for _, other in marks(text_of(request)))


def test_ratings_are_never_told_as_what_the_person_wrote():
    for seed in range(12):
        method = OPL(seed=seed)
        state = method.enroll([judged("a rated reply", "rating")], LM)[0]
        assert "rated reply" not in text_of(method.personalize(state, ask("Question 1?"), LM))


def test_any_prompt_is_put_at_times_and_the_best_one_mostly():
    method = OPL(explore=0.5, newest=12)
    state = method.enroll([judged("no", "choice")], LM)[0]
    told = [put(method.personalize(state, ask(f"Something {n}?"), LM)) for n in range(300)]
    assert len(set(told)) == len(SOURCES) * 2 and sum(SHORT in one for one in told) > 180


def test_observed_one_by_one_or_together_is_one_state_and_teaches_at_the_next_update():
    method = OPL()
    state = method.enroll([ANN], LM)[0]
    ratings = [Record(f"Title {n}?", "5", 50.0 + n, kind="rating", other="r") for n in range(4)]
    step = state
    for n in range(4):
        step = method.observe(step, User("ann", History([*ANN.records, *ratings[: n + 1]])), ratings[n : n + 1], None)
    user = User("ann", History([*ANN.records, *ratings]))
    assert dump(step) == dump(method.observe(state, user, ratings, None))
    assert np.array_equal(step.arrays["weights"], state.arrays["weights"])
    assert not np.array_equal(method.update(step, user, [], LM).arrays["weights"], state.arrays["weights"])


def test_nobody_is_asked_plainly_and_a_stranger_moves_nobody():
    method = OPL()
    method.fit(EVERYBODY, LM)
    nobody, ann = method.enroll([NOBODY, ANN], LM)
    assert method.personalize(nobody, ask("q"), LM) == ask("q") and method.personalize(State(), ask("q"), LM) == ask("q")
    assert dump(ann) == dump(method.enroll([ANN], LM)[0])
