"""Counts of use last, add up across threads and stores, and are gone with their person."""

import threading

from idiolect.models.budget import Budget, Budgeted, Ledger
from idiolect.models.scripted import ScriptedLM
from idiolect.store import Store
from idiolect.types import Record, ask


def test_counts_last_and_add_up_by_day_and_model(places):
    with Store(places()) as store:
        ledger: Ledger = store.usage
        store.add("ann", [])
        assert ledger.add("ann", "m", 7, 1, 10, 5) and ledger.add("ann", "m", 7, 2, 20, 5) and ledger.add("ann", "other", 8, 1, 1, 1)
    with Store(places()) as store:
        assert store.usage.days("ann") == [(7, "m", 3, 30, 10), (8, "other", 1, 1, 1)]
        assert store.usage.spent("ann") == (4, 31, 11) and store.usage.spent("ann", since=8) == (1, 1, 1)


def test_a_stranger_is_not_counted_and_does_not_become_known(places):
    with Store(places()) as store:
        assert not store.usage.add("nobody", "m", 7, 1, 1, 1)
        assert store.users() == [] and store.usage.spent("nobody") == (0, 0, 0) and store.usage.days("nobody") == []


def test_counting_says_nothing_changed_of_what_is_known_of_a_person(places):
    with Store(places()) as store:
        store.add("ann", [Record("q", "a", 1.0)])
        before = store.version("ann")
        store.usage.add("ann", "m", 7, 1, 1, 1)
        assert store.version("ann") == before


def test_two_threads_with_a_store_each_lose_no_call(places):
    with Store(places()) as store:
        store.add("ann", [])

    def work():
        with Store(places()) as own:
            for _ in range(15):
                own.usage.add("ann", "m", 7, 1, 2, 3)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(places()) as store:
        assert store.usage.spent("ann") == (30, 60, 90)


def test_erasing_a_person_takes_their_counts_and_forgetting_a_record_does_not(places):
    with Store(places()) as store:
        record = Record("q", "a longer answer than sixteen bytes", 1.0)
        for name in ("ann", "bob"):
            store.add(name, [record])
            store.usage.add(name, "a model with a long name", 7, 1, 2, 3)
        store.forget("ann", [record.id])
        assert store.usage.spent("ann") == (1, 2, 3)
        assert store.erase("ann").clean and store.usage.spent("ann") == (0, 0, 0) and store.usage.spent("bob") == (1, 2, 3)


def test_the_name_of_a_model_that_stays_is_no_trace_of_who_is_erased(places):
    with Store(places()) as store:
        store.add("ann", [Record("q", "a model with a long name", 1.0)])
        store.add("bob", [])
        store.usage.add("bob", "a model with a long name", 7, 1, 2, 3)
        assert store.erase("ann").clean


def test_a_budget_in_a_store_outlives_the_process(places):
    for calls in (1, 2):
        with Store(places()) as store:
            store.add("ann", [])
            lm = Budgeted(ScriptedLM(), Budget(calls=9), store.usage, clock=lambda: 86400.0)
            with lm.paid_by("ann"):
                lm.generate([ask("one")])
            assert lm.spent("ann").calls == calls
