"""A request is begun once, answered as before when it comes again, and taken over from a process that died of it."""

import signal
import subprocess
import sys
import time

import pytest

from idiolect.store import Store
from idiolect.store.repeats import KEPT, Another, Before, Begun, Repeats, Underway, repeats
from idiolect.types import Record


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "people.db") as opened:
        yield opened


@pytest.fixture
def kept(store):
    return Repeats(store._session)


@pytest.fixture
def clock(monkeypatch):
    """The time, as a list of one number that a test moves on."""
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_what_was_done_is_answered_as_before(kept, store):
    assert kept.begin("n", "r", "one", 30) == Begun("one")
    assert isinstance(kept.begin("n", "r", "two", 30), Underway)
    kept.finish("n", "one", 201, '{"records": 2}')
    assert Repeats(store._session).begin("n", "r", "three", 30) == Before(201, '{"records": 2}')
    assert kept.begin("n", "another", "four", 30) == Another()


def test_another_request_is_told_while_the_first_is_under_way(kept):
    kept.begin("n", "r", "one", 30)
    assert kept.begin("n", "another", "two", 30) == Another()


def test_what_failed_may_be_sent_again(kept):
    kept.begin("n", "r", "one", 30)
    kept.drop("n", "one")
    assert kept.begin("n", "r", "two", 30) == Begun("two")


def test_a_request_is_taken_over_from_who_died_of_it(kept, clock):
    kept.begin("n", "r", "dead", 30)
    clock[0] += 29
    assert kept.begin("n", "r", "heir", 30) == Underway(pytest.approx(1))
    clock[0] += 2
    assert kept.begin("n", "r", "heir", 30) == Begun("heir")
    assert not kept.extend("n", "dead", 30), "who comes back from the dead has lost it"
    kept.finish("n", "dead", 200, '"dead"')
    kept.drop("n", "dead")
    assert isinstance(kept.begin("n", "r", "third", 30), Underway)
    kept.finish("n", "heir", 200, '"heir"')
    assert kept.begin("n", "r", "third", 30) == Before(200, '"heir"')


DYING = """
import os, signal, sys
from idiolect.store import Store
from idiolect.store.repeats import Repeats
Repeats(Store(sys.argv[1])._session).begin("n", "r", "dead", 1.5)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_request_whose_process_was_killed_is_taken_over(kept, tmp_path):
    died = subprocess.run([sys.executable, "-c", DYING, str(tmp_path / "people.db")], timeout=60)
    assert died.returncode == -signal.SIGKILL
    until = time.monotonic() + 20
    while isinstance(kept.begin("n", "r", "heir", 30), Underway):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert isinstance(kept.begin("n", "r", "another", 30), Underway), "it is the heir's now"


def test_who_is_still_at_it_keeps_it(kept, clock):
    kept.begin("n", "r", "slow", 30)
    for _ in range(5):
        clock[0] += 20
        assert kept.extend("n", "slow", 30)
    assert isinstance(kept.begin("n", "r", "another", 30), Underway)


def test_a_day_later_nothing_is_known_of_it(kept, store, clock):
    for name in ("old", "older"):
        kept.begin(name, "r", "one", 30)
        kept.finish(name, "one", 200, None)
    clock[0] += KEPT + 1
    assert kept.begin("old", "another", "two", 30) == Begun("two")
    with store._session("BEGIN") as db:
        assert [row.id for row in db.execute(repeats.select())] == ["old"], "the other is swept away"


def test_what_is_kept_of_a_person_goes_with_them(kept, store):
    for person in ("ann", "bob"):
        store.add(person, [Record("p", f"what {person} alone wrote in the morning", 1.0)])
        kept.begin(person, "r", "one", 30)
        kept.finish(person, "one", 201, '{"records": 1}', person)
    assert store.erase("ann").clean
    assert kept.begin("ann", "r", "two", 30) == Begun("two")
    assert kept.begin("bob", "r", "two", 30) == Before(201, '{"records": 1}')


def test_of_somebody_erased_meanwhile_no_answer_is_kept(kept):
    kept.begin("n", "r", "one", 30)
    kept.finish("n", "one", 200, '{"records": 1}', "ann")
    assert kept.begin("n", "r", "two", 30) == Before(200, None)


def test_answers_about_a_person_can_be_forgotten(kept, store):
    store.add("ann", [])
    kept.begin("n", "r", "one", 30)
    kept.finish("n", "one", 200, '{"records": 1}', "ann")
    kept.forget("bob")
    assert kept.begin("n", "r", "two", 30) == Before(200, '{"records": 1}')
    kept.forget("ann")
    assert kept.begin("n", "r", "two", 30) == Before(200, None)
