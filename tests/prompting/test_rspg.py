"""RSPG with models for which one way is the right one: what is chosen, before and after the answer, and what it costs."""

import numpy as np
import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting import rspg
from idiolect.prompting.rspg import RSPG
from idiolect.types import History, Record, Reply, State, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, text_of

PEOPLE = [ANN, BOB, CYD]
WAYS = ("none", "recency", "bm25", "dense", "ropg")


def writer(name="w", count=16):
    """Every question is like the first record, so that recency and words disagree on what to quote."""
    first = Record("Say something of foxes, number 0.", "foxes 0", 0.0)
    rest = [Record(f"Say something of foxes {'again ' * (i % 3)}number {i}.", f"stone {i}", float(i)) for i in range(1, count)]
    return User(name, History([first, *rest]))


def right_if(good):
    """A model whose answer is right if `good` of what it was told."""
    truths = {record.prompt: record.answer for record in writer().records}
    return ScriptedLM(lambda asked: truths.get(asked.question, "right") if good(asked) else "quite other words", can=())


def newest_told(asked):
    number = int(asked.question.split()[-1].strip("."))
    return f"stone {number - 1}" in asked.messages[0].content


def fitted(lm, **options):
    made = RSPG(**{"k": 1, "newest": 8, **options})
    made.fit([writer("v"), writer()], lm)
    return made


@pytest.mark.parametrize("when", ["pre", "post"])
def test_the_way_that_was_right_before_is_chosen(when):
    asked = ask("Say something of foxes, number 16.")
    for way, good in (("recency", newest_told), ("none", lambda asked: len(asked.messages) == 1)):
        lm = right_if(good)
        made = fitted(lm, when=when, ways=("bm25", "none", "recency"))
        bent = made.personalize(State(records=writer().records), asked, lm)
        because = bent.because
        assert because == (() if way == "none" else (f"record:{writer().records[15].id}",))
        assert isinstance(bent, Reply) == (when == "post")


def test_before_the_answer_nothing_is_asked_and_after_it_every_way_is_paid_for():
    lm = ScriptedLM(can=())
    for when, calls in (("pre", 0), ("post", 5)):
        made = fitted(lm, when=when)
        before = len(lm.requests)
        bent = made.personalize(State(records=ANN.records), ask("Of foxes?"), lm)
        assert len(lm.requests) - before == calls == getattr(bent, "calls", 0)


def test_with_an_oracle_the_best_answer_of_all_ways_is_given(monkeypatch):
    lm = ScriptedLM(lambda asked: f"told {len(asked.because)} {sorted(marks(text_of(asked)))}", can=())
    made = RSPG(when="post", newest=2)
    made.fit(PEOPLE, lm)
    told = made._told(ask("Of foxes?"), ANN.records, rspg.Reweighting.of(made.shared.arrays), lm)
    for best, request in enumerate(told):
        monkeypatch.setattr(rspg, "chosen", lambda weights, seen: best)
        assert made.personalize(State(records=ANN.records), ask("Of foxes?"), lm).text == lm.generate([request])[0].text


def test_each_way_is_named_and_what_it_tells_and_what_was_answered_is_seen():
    made, lm = RSPG(k=2, ways=("none", "bm25")), ScriptedLM()
    made.fit(PEOPLE, lm)
    told = made._told(ask("Of foxes?"), ANN.records, rspg.Reweighting.of(made.shared.arrays), lm)
    before, after = made._seen(told), made._seen(told, ["foxes", "dogs"])
    assert before[:, :3].tolist() == [[1, 0, 0], [0, 1, 1]]
    assert after.shape[1] == before.shape[1] + 3 and not np.allclose(before[1, -514:], after[1, -514:])
    assert made._seen(told, ["foxes", "foxes"])[0, 4] == 1, "two answers that agree"


def test_one_half_of_the_people_teaches_the_ranker_and_the_other_the_choice():
    lm = ScriptedLM(can=())
    RSPG(newest=1, ways=("none", "recency", "ropg"), k=2, candidates=2).fit(PEOPLE, lm)
    names = {user.records[-1].prompt: user.id for user in PEOPLE}
    alone = {names[r.question] for r in lm.requests if len(r.because) == 1}
    assert alone == {"ann", "cyd"} and {names[r.question] for r in lm.requests if len(r.because) != 1} == {"bob"}


def test_nobody_is_asked_as_anybody_and_before_it_is_taught_it_quotes_what_bm25_finds():
    lm = ScriptedLM(can=())
    made = fitted(lm, when="post")
    assert made.personalize(State(records=NOBODY.records), ask("Of foxes?"), lm) == ask("Of foxes?")
    bent = RSPG(k=1).personalize(State(records=ANN.records), ask(ANN.records[3].prompt), lm)
    assert bent.because == (f"record:{ANN.records[3].id}",)
    empty = RSPG()
    empty.fit([NOBODY], lm)
    assert empty.personalize(State(records=ANN.records), ask("Of foxes?"), lm) == ask("Of foxes?"), "nothing was learnt: the first way"
