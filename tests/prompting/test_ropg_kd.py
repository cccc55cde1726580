"""ROPG-KD with models that say what helps them: what is asked, what is learnt, and what is quoted then."""

import numpy as np
import pytest

from idiolect.extras import have
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.ropg_kd import ROPGKD
from idiolect.prompting.ropg_rl import ROPGRL
from idiolect.retrieval.dense import PACKAGED
from idiolect.retrieval.reweighted import Reweighted
from idiolect.types import History, Record, State, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, text_of

PEOPLE = [ANN, BOB, CYD]
both = pytest.mark.parametrize("method", [ROPGKD, ROPGRL])


WANTED = {"Something for the morning.": "apple", "Something for the evening.": "stone"}


def writer(count=24):
    """Someone whose notes are of two kinds, whatever they were asked; no note shares a word with the question that it helps with."""
    kinds, asked = ("apple tree pear orchard", "stone wall brick road"), tuple(WANTED)
    return User("w", History(Record(asked[i % 2], f"note {kinds[i // 2 % 2]}", float(i)) for i in range(count)))


def helped(wanted):
    """A model that is right only where a record of the kind that is wanted for the question is told."""
    return ScriptedLM(lambda asked: "note" if wanted[asked.question] in asked.messages[0].content else "quite other words", can=())


@both
@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "the other way round"])
def test_records_of_the_kind_that_helped_with_such_questions_are_quoted(method, turned):
    wanted = dict(zip(WANTED, reversed(WANTED.values()) if turned else WANTED.values()))
    made = method(k=4, newest=16, candidates=12)
    made.fit([writer()], helped(wanted))
    for question, kind in wanted.items():
        bent = made.personalize(State(records=writer().records), ask(question), ScriptedLM())
        assert text_of(bent).count(f"Wrote: note {kind}") == 4
        before = method(k=4).personalize(State(records=writer().records), ask(question), ScriptedLM())
        assert text_of(before).count(f"Wrote: note {kind}") < 4


@both
def test_the_model_is_asked_a_bounded_number_of_times_and_for_a_question_not_at_all(method):
    lm = ScriptedLM(can=())
    made = method(newest=3, questions=4, candidates=2, answer_tokens=5)
    made.fit(PEOPLE, lm)
    assert 0 < len(lm.requests) <= 8 and all(request.sampling.max_tokens == 5 for request in lm.requests)
    asked = len(lm.requests)
    made.personalize(made.enroll([ANN], lm)[0], ask("Of foxes?"), lm)
    assert len(lm.requests) == asked


@both
def test_where_the_model_gives_likelihoods_they_are_the_feedback_unless_text_is_asked_for(method):
    for options, generated, scored in (({}, False, True), ({"feedback": "text"}, True, False)):
        lm = ScriptedLM()
        method(newest=2, **options).fit(PEOPLE, lm)
        assert (bool(lm.requests), bool(lm.scored)) == (generated, scored)


@both
def test_before_it_is_taught_and_where_nothing_was_to_be_learnt_it_quotes_what_is_nearest(method):
    lm, question = ScriptedLM(lambda asked: "quite other words", can=()), ANN.records[3].prompt
    fresh = method(k=1)
    bent = fresh.personalize(fresh.enroll([ANN], lm)[0], ask(question), lm)
    assert marks(text_of(bent)) == {("ann", 3)} and bent.because == (f"record:{ANN.records[3].id}",)
    fresh.fit([NOBODY], lm)
    assert fresh.personalize(State(records=ANN.records), ask(question), lm) == bent
    fresh.fit(PEOPLE, lm)
    assert not fresh.shared.arrays["right"].any() and not fresh.shared.arrays["own"].any()
    assert fresh.personalize(State(records=ANN.records), ask(question), lm) == bent


@both
def test_what_is_shared_is_numbers_of_bounded_size_and_no_text(method):
    lm = ScriptedLM()
    made = method(newest=2, rank=4)
    made.fit(PEOPLE, lm)
    assert not made.shared.text and not made.shared.records and not made.shared.numbers
    assert sum(array.nbytes for array in made.shared.arrays.values()) < 40_000


def test_the_two_learn_differently_from_the_same_feedback():
    shared = []
    for method in (ROPGKD, ROPGRL):
        made = method(newest=2)
        made.fit(PEOPLE, ScriptedLM())
        shared.append(made.shared.arrays)
    assert np.array_equal(shared[0]["rarity"], shared[1]["rarity"]) and not np.allclose(shared[0]["right"], shared[1]["right"])


def test_the_embedder_that_is_named_ranks(monkeypatch):
    seen = []
    monkeypatch.setattr(Reweighted, "search", lambda self, query, k: seen.append((self.by, k)) or [])
    ROPGKD(k=7, embedder="dense").personalize(State(records=ANN.records), ask("q"), ScriptedLM())
    assert seen == [("dense", 7)]


@pytest.mark.skipif(not (have("sentence_transformers") and have(PACKAGED)), reason="no packaged MiniLM")
@both
def test_over_sentence_embeddings_it_learns_as_well(method):
    made = method(k=1, embedder="dense", newest=4, rank=2, steps=5)
    made.fit(PEOPLE, ScriptedLM())
    assert made.shared.arrays["right"].shape == (384, 2) and made.shared.arrays["right"].any()
    bent = made.personalize(made.enroll([ANN], ScriptedLM())[0], ask("Of foxes?"), ScriptedLM())
    assert len(bent.because) == 1 and marks(text_of(bent)) <= {("ann", i) for i in range(6)}
