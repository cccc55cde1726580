"""UniMS-RAG: which sources are told when, what evidence is worth, and that refining never lowers its own objective."""

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting import unims_rag
from idiolect.prompting.unims_rag import UniMSRAG
from idiolect.retrieval.sources import plans
from idiolect.types import Record, Reply, Request, State, ask
from idiolect.wording import PROFILE, QUOTED
from tests.conformance.people import ANN, BOB, CYD, EVERYBODY, NOBODY, marks, text_of

PEOPLE = [ANN, BOB, CYD]
SMALL = {"newest": 3, "candidates": 2, "rounds": 0}


def told(asked):
    """Which sources stand in a request."""
    text = text_of(asked)
    return tuple(name for name, heading in (("profile", PROFILE), ("records", QUOTED)) if heading in text)


def right_with(plan):
    """A model that is right only where it is told just these sources."""
    truths = {record.prompt: record.answer for user in PEOPLE for record in user.records}
    return ScriptedLM(lambda asked: truths.get(asked.question, "new") if told(asked) == plan else "quite other words", can=())


@pytest.mark.parametrize("plan", plans(), ids=lambda plan: "+".join(plan) or "null")
def test_the_sources_with_which_the_model_was_right_before_are_told(plan):
    lm, made = right_with(plan), UniMSRAG(**SMALL)
    made.fit(PEOPLE, lm)
    bent = made.personalize(made.enroll([ANN], lm)[0], ask(ANN.records[5].prompt), lm)
    assert isinstance(bent, Request) and told(bent) == plan
    assert bent == ask(ANN.records[5].prompt) or plan, "null skips retrieval: the question stays as it was"


def test_null_asks_the_model_once_even_where_it_may_refine():
    lm, made = right_with(()), UniMSRAG(**{**SMALL, "rounds": 3})
    made.fit(PEOPLE, lm)
    assert made.personalize(made.enroll([ANN], lm)[0], ask(ANN.records[5].prompt), lm) == ask(ANN.records[5].prompt)


def scripted_objectives(monkeypatch, values):
    left = iter(values)
    monkeypatch.setattr(UniMSRAG, "_objective", lambda self, answer, evidence: next(left))


@pytest.mark.parametrize("values, best", [((0.5, 0.4, 0.3), 0), ((0.1, 0.5, 0.2), 1), ((0.1, 0.2, 0.9), 2), ((0.3, 0.3, 0.3), 0)])
def test_the_answer_of_the_greatest_objective_is_given(monkeypatch, values, best):
    lm = ScriptedLM(["the first", "the second", "the third"], can=())
    scripted_objectives(monkeypatch, values)
    reply = UniMSRAG(k=2, rounds=2).personalize(UniMSRAG().enroll([ANN], lm)[0], ask("Of foxes?"), lm)
    assert isinstance(reply, Reply) and reply.text == ("the first", "the second", "the third")[best] and reply.calls == 3


def test_refining_never_lowers_its_own_objective():
    chance = np.random.default_rng(0)
    words = [word for record in ANN.records for word in record.answer.split()]
    for rounds in (1, 2, 5):
        reached = {}
        made = UniMSRAG(k=3, rounds=rounds)
        original = made._objective
        made._objective = lambda answer, evidence: reached.setdefault(answer, original(answer, evidence))
        lm = ScriptedLM(lambda asked: " ".join(chance.choice(words, 3)), can=())
        reply = made.personalize(UniMSRAG().enroll([ANN], lm)[0], ask(ANN.records[2].prompt), lm)
        assert reached[reply.text] == max(reached.values()) and 1 < len(reached) <= rounds + 1


def test_the_weakest_record_gives_way_to_the_next_and_is_dropped_where_there_is_none(monkeypatch):
    lm, best = ScriptedLM(can=()), [(record, worth) for record, worth in zip(ANN.records, (0.9, 0.2, 0.6, 0.5))]
    monkeypatch.setattr(UniMSRAG, "_weighed", lambda self, question, records: best)
    scripted_objectives(monkeypatch, (0.1, 0.2, 0.3, 0.4))
    UniMSRAG(k=3, rounds=2).personalize(State(records=ANN.records), ask("Of foxes?"), lm)
    assert [{number for _, number in marks(text_of(asked))} for asked in lm.requests] == [{0, 1, 2}, {0, 2, 3}, {0, 2}]


def test_the_objective_is_likeness_to_the_evidence_times_what_it_is_worth():
    made, evidence = UniMSRAG(), [(Record("", "red fox", 1.0), 0.8), (Record("", "sea", 2.0), 0.2)]
    assert made._objective("red fox", evidence) == pytest.approx(0.5 * 0.5)
    assert made._objective("quite other", evidence) == pytest.approx(0, abs=1e-6)


def test_evidence_is_worth_tenths_and_the_best_comes_first():
    made = UniMSRAG()
    made.fit(EVERYBODY, ScriptedLM())
    weighed = made._weighed("Of foxes and of dogs?", ANN.records)
    worth = [one for _, one in weighed]
    assert worth == sorted(worth, reverse=True) and all(round(10 * one) / 10 == one and 0 <= one <= 1 for one in worth)


def test_training_tells_earlier_records_only_and_its_calls_are_bounded():
    lm = ScriptedLM(can=())
    UniMSRAG(newest=3, candidates=2, questions=4).fit(PEOPLE, lm)
    assert 0 < len(lm.requests) <= 4 * (2 + 4)
    numbers = {record.prompt: (user.id, place) for user in PEOPLE for place, record in enumerate(user.records)}
    for asked in lm.requests:
        name, place = numbers[asked.question]
        assert all(who == name and number < place for who, number in marks(text_of(asked)))


def test_nobody_is_asked_as_anybody_and_before_it_is_taught_both_sources_are_told():
    lm, fresh = ScriptedLM(can=()), UniMSRAG(rounds=0)
    assert fresh.personalize(fresh.enroll([NOBODY], lm)[0], ask("Of foxes?"), lm) == ask("Of foxes?")
    assert told(fresh.personalize(fresh.enroll([ANN], lm)[0], ask("Of foxes?"), lm)) == ("profile", "records")
    assert unims_rag.plans()[-1] == ("profile", "records")
