"""Keys made, listed and revoked on the machine itself; each is shown once, and what was done is in the log."""

import json
import time

import pytest

from idiolect.cli import app as commands
from idiolect.cli import keys
from idiolect.store import Store
from idiolect.store.accounts import Accounts
from idiolect.store.audit import Actor, Audit


@pytest.fixture(autouse=True)
def registered():
    """The command, as `idiolect keys`."""
    if "keys" not in {group.name for group in commands.app.registered_groups}:
        commands.app.add_typer(keys.app, name="keys")


@pytest.fixture
def place(tmp_path):
    return tmp_path / "p.db"


def made(run, place, *words):
    said = run("keys", "add", *words, "--store", place, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)


def holder(place, secret):
    with Store(place) as store:
        return Accounts(store._session).holder(secret)


def test_a_key_is_shown_once_and_opens_what_it_is_of(run, place):
    said = run("keys", "add", "--application", "shop", "--label", "the shop", "--expires", "90d", "--store", place)
    assert said.code == 0 and said.out.startswith("idl_") and said.out.count("\n") == 1, "the secret alone, to be piped"
    secret = said.out.strip()
    held = holder(place, secret)
    assert (held.application, held.role) == ("shop", "application") and abs(held.expires - time.time() - 90 * 86_400) < 60
    assert held.id in said.err and secret[4:] not in said.err
    listed = run("keys", "list", "--store", place)
    assert held.id in listed.out and "the shop" in listed.out and "never" in listed.out and secret[4:] not in listed.out


def test_a_key_lasts_where_nothing_else_is_said(run, place):
    key = made(run, place)
    assert key["expires"] is None and key["role"] == "application" and key["application"] == "" and holder(place, key["key"])


def test_a_revoked_key_opens_nothing_and_stays_in_the_list(run, place):
    first, second = made(run, place, "--role", "operator"), made(run, place, "--application", "toys")
    assert run("keys", "revoke", first["id"], "--store", place).code == 0
    assert holder(place, first["key"]) is None and holder(place, second["key"])
    listed = json.loads(run("keys", "list", "--store", place, "--json").out)
    assert [(one["id"], one["revoked"] is None) for one in listed] == [(first["id"], False), (second["id"], True)]
    assert "revoked" in run("keys", "list", "--store", place).out


@pytest.mark.parametrize("words", [("--application", "Shop"), ("--application", "a*"), ("--role", "root"), ("--label", "x" * 201)])
def test_what_a_key_cannot_be_is_one_sentence(run, place, words):
    said = run("keys", "add", *words, "--store", place)
    assert said.code == 1 and said.out == "" and "Traceback" not in said.err


@pytest.mark.parametrize("time_", ["90", "d", "0d", "-1d", "1y", "1.5d", "90D", "9999999d", "x"])
def test_a_time_that_cannot_be_read_is_wrong_usage(run, place, time_):
    said = run("keys", "add", f"--expires={time_}", "--store", place)
    assert said.code == 2 and "such as 90d" in said.err and not place.exists()


@pytest.mark.parametrize("key", ["key-0000000000000000", "*", "%", "idl_" + "A" * 43])
def test_only_a_key_that_is_there_is_revoked(run, place, key):
    made(run, place)
    said = run("keys", "revoke", key, "--store", place)
    assert said.code == 1 and "keys list" in said.err and "AAA" not in said.err


def test_lists_of_a_store_that_is_not_there_make_none(run, place):
    for words in (("list",), ("revoke", "key-0000000000000000"), ("audit",)):
        said = run("keys", *words, "--store", place)
        assert said.code == 1 and not place.exists()


def test_the_log_has_who_was_let_in_and_of_a_known_id_what_was_done(run, place):
    key = made(run, place, "--application", "shop")
    run("keys", "revoke", key["id"], "--store", place)
    with Store(place) as store:
        Audit(store._session).append(Actor(key["id"], "shop", "application"), "erase", "shop\x1fann", {"records": 3})
    everything = json.loads(run("keys", "audit", "--store", place, "--json").out)
    assert [(one["key"], one["action"]) for one in everything] == [(key["id"], "erase"), ("cli", "keys.revoke"), ("cli", "keys.add")]
    anns = json.loads(run("keys", "audit", "--user", "ann", "--application", "shop", "--store", place, "--json").out)
    assert [one["counts"] for one in anns] == [{"records": 3}]
    assert json.loads(run("keys", "audit", "--user", "ann", "--store", place, "--json").out) == []
    shown = run("keys", "audit", "--user", "ann", "--application", "shop", "--store", place)
    assert "erase" in shown.out and "records 3" in shown.out


def test_a_log_that_was_changed_is_told_and_fails(run, place):
    made(run, place)
    made(run, place)
    assert "all as they were written" in run("keys", "audit", "--verify", "--store", place).out
    with Store(place) as store, store._session("BEGIN IMMEDIATE") as db:
        db.exec_driver_sql("DROP TRIGGER audit_changed")
        db.exec_driver_sql("UPDATE audit SET action = 'nothing' WHERE number = 1")
    said = run("keys", "audit", "--verify", "--store", place)
    assert said.code == 1 and "entry 1 is not as it was written" in said.out
    assert json.loads(run("keys", "audit", "--verify", "--store", place, "--json").out)["broken"] == 1


def test_help_names_the_commands(run):
    said = run("keys", "--help")
    assert said.code == 0 and all(word in said.out for word in ("add", "list", "revoke", "audit"))
