"""NeuralBandits: that ratings teach the way which serves a person, that chances are the truth, and what is never taken for feedback."""

import numpy as np
import pytest

from idiolect.alignment.neural_bandits import WAYS, NeuralBandits
from idiolect.assistant import Assistant
from idiolect.models.scripted import ScriptedLM
from idiolect.store.states import dump, load
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, marks, text_of

SILENT = ScriptedLM(lambda request: "nothing of use", can=())


def way_of(bent):
    return next(reason for reason in bent.because if reason.startswith("way:")).removeprefix("way:").partition(",")[0]


def lived(wanted, rounds=80, **settings):
    """A person who gives 5 points to one way of being told, and 2 to the others: the state after so many rounds, and what was told."""
    assistant = Assistant(SILENT, NeuralBandits(**settings))
    assistant.enroll([ANN])
    told = []
    for n in range(rounds):
        question = f"Write title number {n} on foxes."
        bent = assistant.personalize(["ann"], [ask(question)])[0]
        told.append(way_of(bent))
        points = "5" if told[-1] == wanted else "2"
        assistant.observe("ann", Record(question, points, 100.0 + n, kind="rating", other="the reply"))
    return assistant, told


@pytest.mark.parametrize("policy", ["thompson", "ucb"])
@pytest.mark.parametrize("wanted", ["plain", "profile"])
def test_the_way_that_a_person_rates_highest_is_told_more_and_more(policy, wanted):
    _, told = lived(wanted, policy=policy)
    assert told[-30:].count(wanted) > 18 > 12 > told[:12].count(wanted)


def test_what_is_logged_is_what_was_told_and_its_chance():
    assistant, told = lived("plain", rounds=30)
    arrays = assistant.states["ann"].arrays
    assert [WAYS[int(arm)] for arm in arrays["arm"]] == told
    assert ((arrays["chance"] >= 0.1 / 5 - 1e-9) & (arrays["chance"] <= 1)).all()
    assert list(arrays["reward"]) == [1.0 if way == "plain" else 0.25 for way in told]


def test_the_log_says_what_each_way_alone_would_earn():
    assistant, told = lived("plain", rounds=80)
    earned = assistant.method.earned(assistant.states["ann"])
    assert earned["plain"].mean == pytest.approx(1.0)
    assert all(earned[way].mean == pytest.approx(0.25) for way in set(told) - {"plain"})
    assert assistant.method.earned(State()) == {}


def test_observed_one_by_one_or_together_is_one_state():
    method, state = NeuralBandits(), NeuralBandits().enroll([ANN], SILENT)[0]
    ratings = [Record(f"Title {n}?", str(1 + n % 5), 50.0 + n, kind="rating", other="r") for n in range(9)]
    step = state
    for n in range(9):
        user = User("ann", History([*ANN.records, *ratings[: n + 1]]))
        step = method.observe(step, user, ratings[n : n + 1], None)
    together = method.observe(state, User("ann", History([*ANN.records, *ratings])), ratings, None)
    assert dump(step) == dump(together) and len(together.arrays["reward"]) == 9


def test_the_policy_stays_between_rounds_so_that_a_late_rating_finds_its_way_again():
    method, state = NeuralBandits(every=4), NeuralBandits().enroll([ANN], SILENT)[0]
    questions = [f"Title {n}?" for n in range(4)]
    told = [way_of(method.personalize(state, ask(question), SILENT)) for question in questions]
    ratings = [Record(question, "5", 50.0 + n, kind="rating", other="r") for n, question in enumerate(questions)]
    after = method.observe(state, User("ann", History([*ANN.records, *ratings])), ratings, None)
    assert [WAYS[int(arm)] for arm in after.arrays["arm"]] == told
    assert not np.array_equal(after.arrays["inverse"], state.arrays["inverse"])


def test_the_persons_own_answers_give_the_first_guess():
    """A model that says what it is quoted makes the way that quotes the nearest the best one."""
    repeated = [Record(f"On {topic}?", f"always {topic} as {topic} can", float(n)) for n, topic in enumerate(["foxes", "dogs", "owls"] * 4)]
    user, echo = User("rep", History(repeated)), ScriptedLM(lambda asked: text_of(asked).partition("Wrote: ")[2].split("\n")[0], can=())
    state = NeuralBandits(newest=8, k=1, by="text").enroll([user], echo)[0]
    gains = state.arrays["own gain"].reshape(-1, len(WAYS)).mean(axis=0)
    assert WAYS[int(gains.argmax())] in ("nearest", "profile and nearest") and gains[0] < 0
    asked = [way_of(NeuralBandits(policy="ucb", explore=0, unsure=0).personalize(state, ask(f"On {t}?"), echo)) for t in ("foxes", "dogs")]
    assert set(asked) <= {"nearest", "profile and nearest"}


def test_of_a_choice_the_way_that_made_the_answer_taken_gains():
    earlier = [Record("On foxes?", "foxes run", 0.0), Record("On dogs?", "dogs bark", 1.0)]
    choice = Record("On foxes?", "foxes run", 2.0, kind="choice", other="nothing of use")
    echo = ScriptedLM(lambda a: "foxes run" if "foxes run" in text_of(a) else "nothing of use", can=())
    state = NeuralBandits(by="text").enroll([User("c", History([*earlier, choice]))], echo)[0]
    gains = dict(zip(WAYS, state.arrays["own gain"][-len(WAYS) :]))
    assert gains["nearest"] > 0 > gains["plain"]


def test_own_answers_are_asked_for_with_strictly_earlier_records_only():
    lm = ScriptedLM(lambda asked: "x", can=())
    NeuralBandits().enroll([ANN], lm)
    for request in lm.requests:
        number = int(request.question.split("Abstract ")[1].split()[0])
        assert all(other < number for _, other in marks(text_of(request)))


def test_after_a_full_update_the_log_is_kept_and_enrolled_afresh_it_is_not():
    assistant, _ = lived("plain", rounds=8)
    user, state = assistant._people["ann"], assistant.states["ann"]
    updated = assistant.method.update(state, user, [], SILENT)
    assert np.array_equal(updated.arrays["reward"], state.arrays["reward"])
    assert "reward" not in assistant.method.enroll([user], SILENT)[0].arrays


def test_what_is_no_number_and_what_came_before_any_record_teaches_nothing():
    method = NeuralBandits()
    odd = [Record("q", answer, 9.0 + n, kind="rating", other="r") for n, answer in enumerate(["good!", "nan", "", "inf"])]
    state = method.observe(State(), User("ann", History([*ANN.records, *odd])), odd, None)
    assert "reward" not in state.arrays
    early = Record("q", "5", -1.0, kind="rating", other="r")
    assert "reward" not in method.observe(State(), User("ann", History([early, *ANN.records])), [early], None).arrays


def test_ratings_are_never_told_as_what_the_person_wrote():
    rating = Record(ANN.records[0].prompt, "5", 99.0, kind="rating", other="a reply that was rated")
    user = User("ann", History([*ANN.records, rating]))
    for seed in range(12):
        method = NeuralBandits(seed=seed)
        assert "rated" not in text_of(method.personalize(method.enroll([user], SILENT)[0], ask(ANN.records[0].prompt), SILENT))


def test_the_network_is_kept_with_the_person_and_nobody_is_asked_plainly():
    assistant, _ = lived("plain", rounds=8)
    state = assistant.states["ann"]
    again = load(dump(state))
    for question in ("On foxes?", "On dogs?"):
        one, other = (assistant.method.personalize(s, ask(question), SILENT) for s in (state, again))
        assert one == other
    nobody, bob = assistant.method.enroll([NOBODY, BOB], SILENT)
    assert assistant.method.personalize(nobody, ask("q"), SILENT) == ask("q") and "arm" not in bob.arrays
