"""Readers for public corpora of real people's writing: a path in, users with dated records out. Nothing here ships their text."""

from __future__ import annotations

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from idiolect.errors import DataError
from idiolect.types import History, Record, User, digest
from idiolect.wording import clip

MATTER_WORDS = 100  # of an abstract or a post; the bundled model's window holds eight such questions
BODY_WORDS = 50  # of a commit message's body
FILES = 6  # of a commit's files

TITLE = "Write the title of the paper with this abstract."
SUBJECT = "Write the subject line of this commit."
HEADLINE = "Write the headline of this post."
PROPOSAL = "Write the title of this proposal."
AUTHORSHIP = "Which of these two papers is by this person? Just answer with [1] or [2]."
REPLY = "Answer this person's question."


def acl_titles(folder: Path | str) -> list[User]:
    """Authors of the ACL Anthology, 2016 to 2022; a record is a paper: its abstract asked, its title answered.

    Only the year is dated, so papers of one year never see one another.
    """
    owned: dict[str, list[Record]] = defaultdict(list)
    for paper in read_jsonl(Path(folder) / "papers.jsonl.gz"):
        prompt = f"{TITLE}\n\n{clip(paper['abstract'], MATTER_WORDS)}"
        record = Record(prompt, paper["title"], stamp(f"{paper['year']}-01-01"), paper["paper_id"])
        for author in dict.fromkeys(paper["authors"]):
            owned[author].append(record)
    return gather(owned)


def acl_authorship(folder: Path | str) -> list[User]:
    """The same authors; a record is a choice between two titles of one year: a paper of theirs, and one that shares no author with it.

    The pair and its order hang on the paper alone: its authors are asked the same, so that what is asked of one can be taken out
    of all histories (`splits.split_all`), and whoever knows nothing of the person is right half of the time.
    """
    owned: dict[str, list[Record]] = defaultdict(list)
    years: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for paper in read_jsonl(Path(folder) / "papers.jsonl.gz"):
        years[paper["year"]].append(paper)
    for year, papers in years.items():
        for paper in papers:
            other = _stranger(paper, papers)
            if other is None:
                continue
            prompt, answer = choice(paper["title"], other["title"], first=int(digest("order", paper["paper_id"]), 16) % 2 == 0)
            record = Record(prompt, answer, stamp(f"{year}-01-01"), paper["paper_id"])
            for author in dict.fromkeys(paper["authors"]):
                owned[author].append(record)
    return gather(owned)


def choice(own: str, other: str, first: bool) -> tuple[str, str]:
    """The question which of two titles is this person's, theirs `first` or second, and its answer."""
    titles = (own, other) if first else (other, own)
    return f'{AUTHORSHIP}\n\n[1]: "{titles[0]}"\n[2]: "{titles[1]}"', "[1]" if first else "[2]"


def _stranger(paper: Mapping[str, Any], papers: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    start, authors = int(digest("beside", paper["paper_id"]), 16) % len(papers), set(paper["authors"])
    for step in range(len(papers)):
        other = papers[(start + step) % len(papers)]
        if not authors & set(other["authors"]):
            return other
    return None


def git_commits(folder: Path | str) -> list[User]:
    """Committers to open repositories; a record is a commit: files and body asked, the subject line answered."""
    owned: dict[str, list[Record]] = defaultdict(list)
    for row in read_jsonl(Path(folder) / "commits.jsonl.gz"):
        prompt = commit_prompt(row["files"], row["body"])
        owned[row["author"]].append(Record(prompt, row["subject"], stamp(row["date"]), row["sha"]))
    return gather(owned)


def blog_18f(folder: Path | str) -> list[User]:
    """Authors of a government blog; a record is a post: its text asked, its headline answered."""
    owned: dict[str, list[Record]] = defaultdict(list)
    for post in read_jsonl(Path(folder) / "posts.jsonl.gz"):
        prompt = f"{HEADLINE}\n\n{clip(plain(post['body']), MATTER_WORDS)}"
        for author in dict.fromkeys(post["authors"]):
            owned[author].append(Record(prompt, post["title"], stamp(post["date"].strip("-")), post["id"]))
    return gather(owned)


def peps(folder: Path | str) -> list[User]:
    """Authors of Python Enhancement Proposals; a record is a proposal: its abstract asked (its beginning, where it has none), its
    title answered. The day it was created is its time."""
    owned: dict[str, list[Record]] = defaultdict(list)
    for pep in read_jsonl(Path(folder) / "peps.jsonl.gz"):
        prompt = f"{PROPOSAL}\n\n{clip(plain(_abstract(pep['text'])), MATTER_WORDS)}"
        created = datetime.strptime(pep["created"], "%d-%b-%Y").replace(tzinfo=UTC).timestamp()
        for author in dict.fromkeys(pep["authors"]):
            owned[author].append(Record(prompt, pep["title"], created, f"pep{pep['pep']}"))
    return gather(owned)


def _abstract(text: str) -> str:
    """The section of that name, or everything; without the lines that are drawn under headings."""
    found = re.search(r"^Abstract\s*\n[=\-~]+\n(.*?)(?=^\S[^\n]*\n[=\-~]{3,}$|\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^[=\-~^*]{3,}$", "", found[1] if found and found[1].strip() else text, flags=re.MULTILINE)


def stackexchange_beer(folder: Path | str) -> list[User]:
    """Askers of a small site; a record is a question of theirs, and the answer that they accepted, which somebody else wrote."""
    posts = list(read_jsonl(Path(folder) / "posts.jsonl.gz"))
    answers = {post["id"]: post for post in posts if post["type"] == "answer"}
    owned: dict[str, list[Record]] = defaultdict(list)
    for post in posts:
        taken = answers.get(post["accepted"] or "")
        if post["type"] == "question" and post["user"] and taken and taken["user"] != post["user"]:
            prompt = f"{REPLY}\n\n{post['title']}\n{clip(plain(post['text']), MATTER_WORDS)}"
            owned[post["user"]].append(Record(prompt, clip(plain(taken["text"]), MATTER_WORDS), stamp(post["date"]), post["id"]))
    return gather(owned)


def commit_prompt(files: Sequence[str], body: str) -> str:
    """The question whose answer is a commit's subject line; `files` are "M path" entries."""
    more = f", and {len(files) - FILES} more" if len(files) > FILES else ""
    body = clip(re.sub(r"<!--.*?-->", " ", body, flags=re.DOTALL), BODY_WORDS)
    return f"{SUBJECT}\n\nFiles: {', '.join(files[:FILES]) or 'none'}{more}" + (f"\n{body}" if body else "")


def plain(markup: str) -> str:
    """Markdown and HTML reduced to their words."""
    markup = re.sub(r"<[^>]+>|\{[%{].*?[%}]\}", " ", markup)
    return re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markup).replace("**", "").replace("\\", "")


def stamp(date: str) -> float:
    """POSIX seconds of an ISO 8601 date; without a time zone it is read as UTC. Raises DataError."""
    try:
        parsed = datetime.fromisoformat(re.sub(r"-(\d)\b", r"-0\1", date, count=2))
    except ValueError:
        raise DataError(f"{date!r} is not an ISO 8601 date such as 2024-03-01 or 2024-03-01T09:30:00+02:00") from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file, gzipped or not. Raises DataError naming the file if it is not there."""
    if not path.is_file():
        raise DataError(f"{path} is not there; give the folder that holds it")
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def gather(owned: Mapping[str, Iterable[Record]]) -> list[User]:
    """Users from records grouped by person, in the order of their ids."""
    return [User(name, History(owned[name])) for name in sorted(owned)]


def held_out(corpus: str, user: User) -> bool:
    """Whether a person of a corpus is kept for evaluation; the bundled model has seen nothing they had a hand in.

    acl_titles: 18 in 100 of those with 12 papers or more, and blog_18f: half of those with 10 posts, drawn by a hash of the name;
    git_commits: everyone with fewer than 280 commits (200 of 232; what is left is still most of the commits). acl_authorship are
    the people of acl_titles.
    """
    corpus = "acl_titles" if corpus == "acl_authorship" else corpus
    draw = int(digest("held out", corpus, user.id), 16) % 100
    if corpus == "acl_titles":
        return len(user.records) >= 12 and draw < 18
    if corpus == "git_commits":
        return len(user.records) < 280
    return len(user.records) >= 10 and draw < 50
