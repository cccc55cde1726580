"""Ask 10: it costs too much, and nobody sees how much."""

import pytest

from idiolect.errors import BudgetError
from idiolect.memory.long_term import LongTerm
from idiolect.models.budget import Budget, Budgeted
from idiolect.models.scripted import ScriptedLM
from idiolect.store import Store
from idiolect.types import ask
from tests.asks.lives import assistant, database, said, silent


def test_ask_10_remembering_a_hundred_messages_asks_no_model_unless_it_is_set_to():
    who = assistant(lm=silent())
    who.observe("ann", *(said(f"I like kind {n} of tea.", n) for n in range(100)))
    who.update("ann")
    who.personalize(["ann"], [ask("Which tea?")])


def test_ask_10_what_each_person_costs_is_counted_and_lasts(tmp_path):
    with Store(database(tmp_path)) as store:
        lm = Budgeted(ScriptedLM(lambda request: "four words of reply"), ledger=store.usage)
        who = assistant(store, lm=lm)
        for name, answers in (("ann", 3), ("bob", 1)):
            who.observe(name, said("I like tea.", prompt=name))
            with lm.paid_by(name):
                for _ in range(answers):
                    who.replies([name], [ask("What now?")])
    with Store(database(tmp_path)) as store:
        calls, prompts, replies = store.usage.spent("ann")
        assert (calls, replies) == (3, 12) and prompts > 6 and store.usage.spent("bob")[0] == 1
        assert [day.model for day in store.usage.days("ann")] == ["scripted"]


def test_ask_10_learning_is_charged_to_the_person_it_is_for():
    lm = Budgeted(ScriptedLM(lambda request: "[]"))
    who = assistant(method=LongTerm(reader="model"), lm=lm)
    who.observe("ann", *(said(f"note {n}", n) for n in range(40)))
    with lm.paid_by("ann"):
        who.update("ann")
    assert lm.spent("ann").calls == 2 == lm.meter.calls


def test_ask_10_a_budget_stops_before_the_model_is_asked_and_says_how_to_go_on(tmp_path):
    with Store(database(tmp_path)) as store:
        inner = ScriptedLM()
        lm = Budgeted(inner, Budget(calls=2), store.usage)
        who = assistant(store, lm=lm)
        who.observe("ann", said("I like tea."))
        with lm.paid_by("ann"):
            for _ in range(2):
                who.replies(["ann"], [ask("What now?")])
            with pytest.raises(BudgetError, match=r"'ann' has used 2 of 2 calls .* it starts anew .* UTC; raise Budget"):
                who.replies(["ann"], [ask("What now?")])
        assert len(inner.requests) == 2
        who.observe("ann", said("I like rum.", 1))  # remembering goes on: it costs nothing
