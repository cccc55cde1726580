"""Budgets: each person pays for what was asked for them, and is stopped before the model is asked."""

import threading
from datetime import UTC, datetime

import pytest

from idiolect.errors import BudgetError
from idiolect.models.budget import Budget, Budgeted, Tally
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM
from idiolect.types import ask

NOON = datetime(2026, 2, 28, 12, tzinfo=UTC).timestamp()


def at(now, budget=None, ledger=None):
    clock = [now]
    return Budgeted(ScriptedLM(), budget, ledger, clock=lambda: clock[0]), clock


def test_what_is_asked_for_a_person_counts_for_them_and_for_nobody_else():
    lm, _ = at(NOON)
    assert isinstance(lm, LM)
    with lm.paid_by("ann"):
        lm.generate([ask("one two"), ask("three")])
        lm.score([ask("one two three")], ["a"])
    with lm.paid_by("bob"):
        lm.generate([ask("one")])
    lm.generate([ask("nobody's")])
    ann, bob = lm.spent("ann"), lm.spent("bob")
    assert (ann.calls, ann.prompt_tokens, ann.tokens) == (3, 6, 3) and (bob.calls, bob.prompt_tokens, bob.tokens) == (1, 1, 1)
    assert lm.meter.calls == 5


def test_the_call_that_is_one_too_many_is_refused_before_the_model_is_asked():
    lm, _ = at(NOON, Budget(calls=2))
    with lm.paid_by("ann"):
        lm.generate([ask("one"), ask("two")])
        with pytest.raises(
            BudgetError, match=r"'ann' has used 2 of 2 calls and 4 tokens per day.*2026-03-01 00:00 UTC; raise Budget\(calls"
        ):
            lm.generate([ask("three")])
        with pytest.raises(BudgetError):
            lm.score([ask("three")], ["a"])
        with pytest.raises(BudgetError):
            lm.stream(ask("three"))
    assert len(lm.requests) == 2
    with lm.paid_by("bob"):
        assert lm.generate([ask("his own")])[0].text == "his own"


def test_tokens_of_prompts_and_replies_count_together():
    lm, _ = at(NOON, Budget(tokens=5))
    with lm.paid_by("ann"):
        lm.generate([ask("one two three")])
        with pytest.raises(BudgetError, match="6 of 5 tokens"):
            lm.generate([ask("more")])


def test_a_day_a_month_and_ever_start_anew_when_they_should():
    for per, left in (("day", 0), ("month", 0), ("ever", 1)):
        lm, clock = at(NOON, Budget(calls=9, per=per))
        with lm.paid_by("ann"):
            lm.generate([ask("one")])
        clock[0] += 12 * 3600  # the first of March
        assert lm.spent("ann").calls == left
    lm, clock = at(NOON - 86400, Budget(per="month"))
    with lm.paid_by("ann"):
        lm.generate([ask("one")])
    clock[0] = NOON
    assert lm.spent("ann").calls == 1 and Budget(per="ever").ends(NOON) == "never"


def test_a_stream_is_paid_for_as_far_as_it_was_read():
    lm, _ = at(NOON)
    with lm.paid_by("ann"):
        pieces = lm.stream(ask("four words are here"))
    assert next(pieces) == "four "
    pieces.close()
    spent = lm.spent("ann")
    assert (spent.calls, spent.prompt_tokens, spent.tokens) == (1, 5, 2)


def test_a_model_that_fails_costs_nothing_that_it_did_not_say():
    lm = Budgeted(ScriptedLM([]))
    with lm.paid_by("ann"), pytest.raises(Exception, match="ended"):
        lm.generate([ask("one")])
    assert lm.spent("ann").calls == 0


def test_threads_pay_for_their_own_people():
    lm, _ = at(NOON)
    gate = threading.Barrier(4)

    def work(name):
        with lm.paid_by(name):
            gate.wait()
            for _ in range(20):
                lm.generate([ask("one two")])

    threads = [threading.Thread(target=work, args=(f"user {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [lm.spent(f"user {n}").calls for n in range(4)] == [20] * 4


def test_whom_the_ledger_does_not_know_is_counted_all_the_same():
    class Knows(Tally):
        def add(self, user_id, *counts):
            return user_id == "ann" and super().add(user_id, *counts)

    lm, _ = at(NOON, Budget(calls=1), Knows())
    with lm.paid_by("stranger"):
        lm.generate([ask("one")])
        with pytest.raises(BudgetError, match="'stranger'"):
            lm.generate([ask("two")])
    assert lm.ledger.spent("stranger", 0) == (0, 0, 0)
