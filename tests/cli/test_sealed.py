"""Every command opens a sealed store with the keys that the environment names, and says what is missing."""

import json
import shutil

import pytest

SECRET = "the tide comes in at nine"
SAID = b"Of foxes, part 1"


@pytest.fixture
def sealed(run, small, history, columns, tmp_path, monkeypatch):
    """Three people learnt by RAG in a sealed store; the store's file."""
    monkeypatch.setenv("IDIOLECT_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("IDIOLECT_SECRET", SECRET)
    place = tmp_path / "kept" / "p.db"
    assert run("fit", history, *columns, "--method", "rag", "--model", small, "--store", place).code == 0
    return place


def test_a_sealed_store_answers_and_exports_and_says_nothing_on_the_disk(run, sealed):
    assert not any(SAID in path.read_bytes() for path in sealed.parent.rglob("*") if path.is_file())
    answer = json.loads(run("ask", "ann", "Title 1?", "--store", sealed, "--max-tokens", 4, "--json").out)
    assert any(reason.startswith("record:") for reason in answer["because"])
    assert "Of foxes, part 1" in run("export", "ann", "--store", sealed).out


def test_of_the_erased_no_copy_can_be_read(run, sealed, tmp_path):
    shutil.copytree(sealed.parent, tmp_path / "backup")
    assert run("erase", "ann", "--yes", "--store", sealed).code == 0
    said = run("export", "ann", "--store", tmp_path / "backup" / "p.db")
    assert said.code == 1 and "cannot be read" in said.err
    assert "Of dogs" in run("export", "bob", "--store", tmp_path / "backup" / "p.db").out


def test_what_is_missing_is_said(run, sealed, tmp_path, monkeypatch):
    monkeypatch.delenv("IDIOLECT_SECRET")
    assert "needs both" in run("export", "ann", "--store", sealed).err
    (tmp_path / "secret").write_text(SECRET + "\n")
    monkeypatch.setenv("IDIOLECT_SECRET_FILE", str(tmp_path / "secret"))
    assert run("export", "ann", "--store", sealed).code == 0
    monkeypatch.setenv("IDIOLECT_SECRET_FILE", str(tmp_path / "nowhere"))
    assert "cannot be read" in run("export", "ann", "--store", sealed).err
    monkeypatch.delenv("IDIOLECT_SECRET_FILE")
    monkeypatch.delenv("IDIOLECT_KEYS")
    said = run("export", "ann", "--store", sealed)
    assert said.code == 1 and "is sealed" in said.err and "IDIOLECT_KEYS" in said.err
