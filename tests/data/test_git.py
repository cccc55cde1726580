"""Histories from git repositories, made here with git itself."""

import os
import shutil
import subprocess

import pytest

from idiolect.data.corpora import SUBJECT
from idiolect.data.git import read_git, without
from idiolect.errors import DataError

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder, *words, name="Ada Quill", email="Ada@x.org", date="2024-03-01T10:00:00+01:00", stdin=None):
    who = {
        f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", name), ("EMAIL", email), ("DATE", date))
    }
    env = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "-C", str(folder), *words], env=env, check=True, capture_output=True, input=stdin)


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    return folder


def commit(folder, path, message, **who):
    (folder / path).write_text(message + str(who))
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-F", "-", stdin=message if isinstance(message, bytes) else message.encode(), **who)


@needs_git
def test_people_are_authors_and_records_are_commits_in_time_order(repository):
    commit(repository, "a b.txt", "Second subject\n\nWhy it was done.", date="2024-03-02T10:00:00Z")
    commit(repository, "ü.py", "First in time", date="2024-03-01T10:00:00Z")
    commit(repository, "z.py", "Another hand", name="Bram", email="b@x.org")
    ada, bram = read_git(repository)
    assert (ada.id, bram.id) == ("Ada Quill", "Bram")
    assert [record.answer for record in ada.records] == ["First in time", "Second subject"]
    assert [record.prompt for record in ada.records] == [
        f"{SUBJECT}\n\nFiles: A ü.py",
        f"{SUBJECT}\n\nFiles: A a b.txt\nWhy it was done.",
    ]
    assert ada.records[0].time == 1709287200.0 and len(ada.records[0].id) == 40


@needs_git
def test_renames_deletions_and_commits_without_files_are_read(repository):
    commit(repository, "old.py", "one")
    git(repository, "mv", "old.py", "new.py")
    git(repository, "commit", "-q", "-m", "two")
    git(repository, "commit", "-q", "--allow-empty", "-m", "three")
    git(repository, "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    (user,) = read_git(repository)
    prompts = {record.answer: record.prompt.partition("Files: ")[2] for record in user.records}
    assert prompts == {"one": "A old.py", "two": "A new.py, D old.py", "three": "none"} or prompts["two"] == "D old.py, A new.py"


@needs_git
def test_merges_are_left_out(repository):
    commit(repository, "a.py", "one")
    git(repository, "checkout", "-q", "-b", "side")
    commit(repository, "b.py", "two")
    git(repository, "checkout", "-q", "main")
    commit(repository, "c.py", "three")
    git(repository, "merge", "-q", "--no-ff", "side", "-m", "the merge")
    assert {record.answer for user in read_git(repository) for record in user.records} == {"one", "two", "three"}


@needs_git
def test_one_person_of_two_names_is_joined_by_address_or_by_mailmap(repository):
    commit(repository, "a.py", "one", name="Ada")
    commit(repository, "b.py", "two", name="A. Quill", email="ADA@X.org")
    assert [user.id for user in read_git(repository)] == ["A. Quill", "Ada"]
    assert [(user.id, len(user.records)) for user in read_git(repository, by="email")] == [("ada@x.org", 2)]
    (repository / ".mailmap").write_text("Ada <Ada@x.org> A. Quill <ADA@X.org>\n")
    assert [user.id for user in read_git(repository)] == ["Ada"]


@needs_git
def test_a_body_that_repeats_the_subject_does_not_give_the_answer_away(repository):
    commit(repository, "a.py", "fix(io): close files (#12)\n\n* Fix(io): close files.\n* and say so")
    (user,) = read_git(repository)
    assert "close files" not in user.records[0].prompt and "and say so" in user.records[0].prompt


def test_a_line_that_only_shares_words_with_the_subject_stays():
    assert without("Close files early\n- close files\n", "Close files") == "Close files early"


@needs_git
def test_bytes_that_are_no_text_do_not_stop_the_import(repository):
    git(repository, "config", "i18n.commitEncoding", "utf-8")
    (repository / "a.py").write_text("x")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-F", "-", stdin=b"caf\xe9 \xf0\x9f\x98\x80")
    (user,) = read_git(repository)
    assert user.records[0].answer.startswith("caf")


@needs_git
def test_a_repository_named_by_the_environment_is_not_read_instead(repository, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    commit(other, "a.py", "of the other")
    commit(repository, "a.py", "of this one")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert [record.answer for record in read_git(repository)[0].records] == ["of this one"]


@needs_git
def test_what_is_wrong_with_a_path_is_said(repository, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="has no commits yet"):
        read_git(repository)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    bare = tmp_path / "bare"
    bare.mkdir()
    with pytest.raises(DataError, match="is not a git repository"):
        read_git(bare)
    with pytest.raises(DataError, match="is not a directory"):
        read_git(tmp_path / "nowhere")
    with pytest.raises(DataError, match="'name' or 'email', not 'age'"):
        read_git(repository, by="age")


def test_a_machine_without_git_is_told_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="git is not installed"):
        read_git(tmp_path)
