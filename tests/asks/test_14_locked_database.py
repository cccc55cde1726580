"""Ask 14: several threads and processes write at once: "database is locked", and what was acknowledged is gone."""

import sqlite3
import subprocess
import sys
import threading
import time

from idiolect.store import Store
from tests.asks.served import Endpoint, Process, at_once
from tests.serve.conftest import Serving, gateway_of
from tests.serve.watched import app_of

WRITER = """
import sys
from idiolect.store import Store
from idiolect.types import Record
with Store(sys.argv[1]) as store:
    for number in range(int(sys.argv[2])):
        assert store.add("shared", [Record("", f"A library wrote {number}.", 1.0, f"library-{number}")]) == 1
"""
EACH, THREADS = 8, 3


def write(http, name):
    """Write EACH records about two people, one everybody's and one's own, and read what was just written; the ids."""
    ids = []
    for number in range(EACH):
        for user in ("shared", name):
            made = http.post(
                f"/v1/users/{user}/records", json={"answer": f"{name} wrote {number} here.", "id": f"{name}-{number}", "time": 2.0}
            )
            assert made.status_code == 200 and made.json()["new"] == 1, made.text
        there = http.get(f"/v1/users/shared/records/{name}-{number}")
        assert there.status_code == 200, there.text
        ids.append(f"{name}-{number}")
    return ids


def test_ask_14_two_servers_and_a_library_write_into_one_store_at_once_and_nothing_is_refused_or_lost(tmp_path):
    place = tmp_path / "people.db"
    with Endpoint() as up, Process(place, "--model", up.model) as one, Process(place, "--model", up.model) as other:
        library = subprocess.Popen([sys.executable, "-c", WRITER, str(place), str(EACH * 3)], stderr=subprocess.PIPE, text=True)
        jobs = [
            lambda http=http, name=f"{at}{n}": write(http, name)
            for at, http in (("a", one.http), ("b", other.http))
            for n in range(THREADS)
        ]
        ids = {name for names in at_once(*jobs) for name in names}
        _, wrong = library.communicate(timeout=120)
        assert library.returncode == 0, wrong
        ids |= {f"library-{number}" for number in range(EACH * 3)}
        body = {"messages": [{"role": "user", "content": "What did a0 and b0 write, 7?"}], "user": "shared"}
        told = [server.http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]["content"] for server in (one, other)]
    assert told[0] == told[1] and "a0 wrote 7" in told[0] and "b0 wrote 7" in told[0]
    with Store(place) as store:
        kept = [record.id for record in store.user("shared").records]
        assert set(kept) == ids and len(kept) == len(ids)
        for name in (f"{at}{n}" for at in "ab" for n in range(THREADS)):
            assert {record.id for record in store.user(name).records} == {f"{name}-{number}" for number in range(EACH)}


def test_ask_14_who_writes_while_another_holds_the_lock_waits_and_is_done(tmp_path):
    gateway = gateway_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        lock = sqlite3.connect(gateway.store.path, isolation_level=None, check_same_thread=False)
        lock.execute("BEGIN IMMEDIATE")
        done = []
        writing = threading.Thread(target=lambda: done.append(serving.http.post("/v1/users/ann/records", json={"answer": "I sail."})))
        writing.start()
        time.sleep(0.5)
        assert not done and "sail" not in serving.ask("ann", "Which sport?")  # who asks does not wait
        lock.execute("ROLLBACK")
        writing.join(30)
        lock.close()
        assert [one.status_code for one in done] == [200] and "I sail." in serving.ask("ann", "Which sport?")
