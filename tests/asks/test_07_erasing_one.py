"""Ask 7: no way, or a slow way, to erase one user: listed first, then one by one; vectors, caches, adapters and logs left behind."""

import contextlib

import numpy as np
from sqlalchemy import event

from idiolect.serve.app import create
from idiolect.store import schema
from idiolect.types import Adapter, State
from tests.serve.conftest import Serving, gateway_of, told
from tests.serve.keyed import app_of, keys_of

CANARY = "quartzbadger-7731"


@contextlib.contextmanager
def counted(store):
    """The statements that a store is asked for."""
    seen = []

    def note(_, __, statement, *___):
        seen.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


def test_ask_7_one_call_erases_one_person_with_as_many_statements_for_a_thousand_records_as_for_ten(tmp_path):
    made = []
    for count in (10, 1000):
        gateway = gateway_of(tmp_path / str(count) / "people.db")
        gateway.store.add("ann", told(*(f"Note {n}, about boats and trains." for n in range(count))))
        gateway.store.add("bob", told("I live in Lima."))
        with Serving(gateway, create(gateway)) as serving, counted(gateway.store) as statements:
            receipt = serving.http.delete("/v1/users/ann").json()
            assert receipt["clean"] and receipt["removed"]["records"] == count
            made.append(len(statements))
    assert abs(made[1] - made[0]) <= 3, made


def test_ask_7_nothing_is_left_in_any_table_any_file_or_this_process(tmp_path, caplog):
    gateway = gateway_of(tmp_path / "people.db")
    person = f"id-{CANARY}"
    gateway.store.add(f"shop\x1f{person}", told(*(f"The {CANARY} of day {day} was late." for day in range(20))))
    gateway.store.add("shop\x1fbob", told("I live in Lima."))
    random = np.random.default_rng(0)
    adapter = Adapter({"layers.0.q": (random.normal(size=(2, 8)).astype("f4"), random.normal(size=(8, 2)).astype("f4"))}, 1.0, CANARY)
    with Serving(gateway, app_of(gateway)) as serving:
        keys = keys_of(serving)
        path = f"/v1/users/{person}"
        lived(keys, path, person)
        gateway.store.save(f"shop\x1f{person}", "x", {"model": "y"}, State(CANARY, adapter=adapter))
        token = keys.post(keys.shop, f"{path}/tokens").json()["token"]
        assert keys.get(token, f"{path}/records").status_code == 200
        receipt = keys.delete(keys.shop, path).json()
        assert receipt["clean"] and receipt["removed"]["adapters"] == 1 and receipt["assistants"]["left"] == 0
        assert keys.get(token, f"{path}/records").status_code == 401
        assert rows_with(gateway.store, CANARY) == []
        assert not [key for one in gateway.assistants() for key in one.states if CANARY in key]
        assert keys.get(keys.operator, "/v1/audit/verify").json()["whole"] is True
        log = keys.get(keys.operator, "/v1/audit").text
        metrics = keys.get(keys.operator, "/metrics").text
    assert "users.erase" in log and CANARY not in log and CANARY not in metrics and CANARY not in caplog.text
    assert not [file.name for file in tmp_path.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]


def lived(keys, path, person):
    """Leave traces wherever a person can."""
    body = {"user": person, "messages": [{"role": "user", "content": f"Which {CANARY}?"}]}
    reply = keys.post(keys.shop, "/v1/chat/completions", body).json()["id"]
    again = {"Idempotency-Key": f"key-{CANARY}"}
    assert keys.post(keys.shop, "/v1/feedback", {"reply": reply, "words": f"No {CANARY} please."}, headers=again).status_code == 200
    assert keys.post(keys.shop, f"{path}/facts", {"text": f"The {CANARY} is blue"}).status_code == 200
    assert keys.call(keys.shop, "PUT", f"{path}/consent", json={"kinds": {"conversation": True}}).status_code == 200
    assert keys.post(keys.shop, f"{path}/lessons", {}).status_code == 202
    keys.post(keys.shop, "/v1/chat/completions", body)


def rows_with(store, text):
    """The tables in which a text stands."""
    with store._engine.connect() as db:
        held = {table.name: db.execute(table.select()).all() for table in schema.metadata.sorted_tables}
    return [name for name, rows in held.items() if text in str(rows)]
