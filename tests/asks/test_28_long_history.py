"""Ask 28: a user with a long history stops the server. Counted in work, not in seconds."""

import contextlib

import pytest
from sqlalchemy import event

from idiolect.models.scripted import ScriptedLM
from idiolect.serve.app import create
from idiolect.store import rows
from idiolect.types import Record
from tests.serve.conftest import Serving, gateway_of, said, told

LONG, TOLD = 20_000, 4_000  # records of the one; tokens that anybody may be told
QUESTION = "Where do I live, and what about the boats of day 77?"


class Work:
    """What was done: statements of the database, records read from it, and the length of the prompt (characters)."""

    def __init__(self):
        self.statements = self.records = self.prompt = 0

    def __repr__(self):
        return f"{self.statements} statements, {self.records} records, {self.prompt} characters"


class Counting:
    """A running server, of which the work is counted."""

    def __init__(self, serving, monkeypatch):
        self.serving, self._patch = serving, monkeypatch

    @contextlib.contextmanager
    def work(self):
        done, database = Work(), self.serving.store._database
        fetch, read = database.fetch, rows.records_of

        def note(*_):
            done.statements += 1

        def fetched(sql, values):
            done.statements += 1
            return fetch(sql, values)

        def records(*args):
            for one in read(*args):
                done.records += 1
                yield one

        event.listen(database.engine, "before_cursor_execute", note)
        with self._patch.context() as patch:
            patch.setattr(database, "fetch", fetched)
            patch.setattr(rows, "records_of", records)
            yield done
        event.remove(database.engine, "before_cursor_execute", note)

    def ask(self, user):
        """Ask, and count."""
        with self.work() as done:
            done.prompt = len(self.serving.ask(user, QUESTION))
        return done


def long_life(count):
    return [
        Record("", f"On day {day} the boats of harbour {day % 97} were late, said number {day}.", float(day), f"r{day}")
        for day in range(count)
    ]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    gateway = gateway_of(
        tmp_path_factory.mktemp("long") / "people.db", ScriptedLM(said, can=(), name="echo"), replies=0
    )  # nothing is written behind the count
    gateway.store.add("hog", long_life(LONG))
    for user in ("ann", "bob"):
        gateway.store.add(user, told("I live in Oslo.", "My dog is called Bodo.", "Boats are dull."))
    with Serving(gateway, create(gateway)) as serving:
        yield serving


@pytest.fixture
def counting(server, monkeypatch):
    return Counting(server, monkeypatch)


def test_ask_28_another_persons_answer_costs_the_same_work_before_and_after_the_long_one_asked(counting):
    counting.ask("ann")  # what is read once
    before = counting.ask("ann")
    counting.ask("hog")
    after, newcomer = counting.ask("ann"), counting.ask("bob")
    assert (after.statements, after.records, after.prompt) == (before.statements, before.records, before.prompt)
    assert newcomer.records <= 10 and newcomer.statements <= before.statements + 20


def test_ask_28_the_long_history_is_read_once_and_what_is_told_of_it_has_an_end(counting):
    counting.ask("hog")
    again, short = counting.ask("hog"), counting.ask("ann")
    assert again.records == 0 and again.statements <= short.statements, (again, short)
    assert again.prompt < 4 * TOLD


def test_ask_28_keeping_one_more_reads_none_of_the_old_ones_and_the_next_answer_reads_them_once_at_most(counting):
    counting.ask("hog")
    with counting.work() as adding:
        counting.serving.http.post("/v1/users/hog/records", json={"answer": "I live in Ghent now, by the boats of day 77."})
    assert adding.records <= 10, adding
    with counting.work() as asking:
        assert "I live in Ghent now" in counting.serving.ask("hog", QUESTION)
    assert asking.records <= LONG + 10, asking


def test_ask_28_lists_are_read_page_by_page(counting):
    with counting.work() as done:
        page = counting.serving.http.get("/v1/users/hog/records", params={"limit": 10}).json()
    assert len(page["data"]) == 10 and page["has_more"] and done.records <= 11 and done.statements < 20


def test_ask_28_thousands_of_records_come_in_at_once_in_statements_that_do_not_grow_with_what_is_there(counting):
    made = []
    for at in (0, 1000):
        body = {"records": [{"answer": f"Note {n} of the new one.", "id": f"n{n}", "time": float(n)} for n in range(at, at + 1000)]}
        with counting.work() as done:
            assert counting.serving.http.post("/v1/users/new/records", json=body).json()["new"] == 1000
        made.append(done)
    assert made[1].records <= 10 and abs(made[1].statements - made[0].statements) <= 10, made
