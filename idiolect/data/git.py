"""Histories from a git repository: people are authors, a record is a commit, its subject line the answer."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from idiolect.data.corpora import commit_prompt, gather
from idiolect.errors import DataError
from idiolect.types import Record, User

LOG = ("log", "-z", "--no-merges", "--no-renames", "--name-status", "--no-color", "--no-ext-diff", "--encoding=UTF-8")
FIELDS = "%H%x00%aN%x00%aE%x00%at%x00%s%x00%b"  # names and addresses as the repository's mailmap has them
STATUS = re.compile(r"\n?[A-Z]\d*")


class Commit(NamedTuple):
    """One commit as the log has it; `time` in POSIX seconds is the author's, `files` are "M path" entries."""

    sha: str
    name: str
    email: str
    time: float
    subject: str
    body: str
    files: list[str]


def read_git(path: Path | str, by: Literal["name", "email"] = "name") -> list[User]:
    """The authors of the repository at `path`, with their commits on the current branch in the order they were written.

    Merges and commits without a subject line are left out. A person is the author's name, or with by="email" the address in
    lower case; either as the mailmap has it. What is asked is `corpora.commit_prompt`: the files and the body, from which
    lines that repeat the subject are taken. Raises DataError if git is missing, or there is no repository or no commit.
    """
    if by not in ("name", "email"):
        raise DataError(f"people are told apart by 'name' or 'email', not {by!r}")
    owned: dict[str, list[Record]] = defaultdict(list)
    for commit in _commits(_run(Path(path))):
        person = commit.email.lower() if by == "email" else commit.name
        if commit.subject.strip() and person.strip():
            prompt = commit_prompt(commit.files, without(commit.body, commit.subject))
            owned[person].append(Record(prompt, commit.subject, commit.time, commit.sha))
    return gather(owned)


def without(body: str, subject: str) -> str:
    """A commit's body without the lines that say the subject again, as squashed commits do."""
    told = _bare(subject)
    return "\n".join(line for line in body.splitlines() if not line.strip() or _bare(line) != told)


def _bare(line: str) -> str:
    """A line without bullet, pull-request number, capitals and final full stop."""
    return re.sub(r"^[\s*+-]+|\s*\(#\d+\)|[\s.]+$", "", line).casefold()


def _run(path: Path) -> str:
    if not path.is_dir():
        raise DataError(f"{path} is not a directory; give the directory of a git repository")
    # variables such as GIT_DIR, set inside hooks, would point git at another repository than the one asked for
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | {"LC_ALL": "C"}
    command = ["git", "-C", str(path), "-c", "log.showSignature=false", *LOG, f"--format={FIELDS}"]
    try:
        done = subprocess.run(command, capture_output=True, env=clean, check=False)
    except FileNotFoundError:
        raise DataError("git is not installed, or not on the PATH: install it to import a repository") from None
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == 0:
        return done.stdout.decode("utf-8", "replace")
    if "not a git repository" in said:
        raise DataError(f"{path} is not a git repository; give the directory that holds its .git")
    if "does not have any commits" in said:
        raise DataError(f"the repository at {path} has no commits yet")
    raise DataError(f"git could not read the history of {path}: {said}")


def _commits(log: str) -> Iterator[Commit]:
    """The log's parts in turn: six fields, then a status and a path for each file, then the next commit's fields."""
    parts = log.split("\0")
    at = 0
    while at + 6 <= len(parts):
        sha, name, email, time, subject, body = parts[at : at + 6]
        at += 6
        files = []
        while at + 1 < len(parts) and STATUS.fullmatch(parts[at]):
            files.append(f"{parts[at].strip()[0]} {parts[at + 1]}")
            at += 2
        yield Commit(sha, name, email, float(time), subject, body, files)
