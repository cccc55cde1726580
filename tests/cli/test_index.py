"""`idiolect reindex`: vectors made, made anew by another embedder, and taken up where it was stopped."""

import json

import pytest

from idiolect.errors import ModelError
from idiolect.retrieval.encoding import HashedWords
from idiolect.retrieval.index import Index
from idiolect.store import Store
from idiolect.types import Record


@pytest.fixture
def kept(tmp_path):
    with Store(tmp_path / "people.db") as store:
        for who in ("ann", "bob"):
            store.add(who, [Record("", f"{who} drinks {what}", number) for number, what in enumerate(("tea", "coffee", "rain"))])
    return tmp_path / "people.db"


def test_vectors_are_made_and_the_store_knows_by_whom(run, kept):
    said = run("reindex", "--store", kept, "--embedder", "hash")
    assert said.code == 0 and "6 records of 2 users embedded by 'hash' (1024 wide" in said.out and said.err == ""
    told = json.loads(run("reindex", "--store", kept, "--embedder", "hash", "--json").out)
    assert told["records"] == 0 and told["people"] == 2 and told["embedder"] == told["former"] and told["embedder"]["width"] == 1024
    with Store(kept) as store:
        assert [record.answer for record in Index(store, HashedWords()).search("bob", "coffee", 1)] == ["bob drinks coffee"]


def test_what_was_stopped_goes_on_and_the_former_embedder_is_told(run, kept, monkeypatch):
    assert run("reindex", "--store", kept, "--embedder", "hash").code == 0
    calls = []

    class Turned(HashedWords):
        name = "turned"

        def encode(self, texts):
            calls.append(len(texts))
            if len(calls) == 3:
                raise ModelError("the embedder is gone")
            return -super().encode(texts)[:, ::-1]

    monkeypatch.setattr("idiolect.retrieval.encoding.open_embedder", lambda name: Turned())
    said = run("reindex", "--store", kept, "--embedder", "x", "--at-once", 3)
    assert said.code == 1 and "the embedder is gone" in said.err
    said = run("reindex", "--store", kept, "--embedder", "x", "--at-once", 3)
    assert said.code == 0 and "3 records of 2 users embedded by 'turned'" in said.out and "The vectors of 'hash'" in said.err


def test_a_store_that_is_not_there_is_told(run, tmp_path):
    said = run("reindex", "--store", tmp_path / "none.db", "--embedder", "hash")
    assert said.code == 1 and "there is no store at" in said.err
