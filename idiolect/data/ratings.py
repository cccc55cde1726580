"""Readers for public ratings and rewrites: a path in, users with records out. Nothing here ships their text."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from idiolect.data.corpora import gather, read_jsonl
from idiolect.errors import DataError
from idiolect.types import Record, User

RATING = "How many points from 1 to 5 would this person give?"
HALF_STARS = "How many points from 0.5 to 5 would this person give?"
OFFENCE = "How offensive does this person find this comment, from 1 (not at all) to 5?"
TAG = "Which tag would this person give this film? Just answer with the tag."
TAGS = 30  # those that the most people use; LaMP-2 has 15, by which hardly anybody here has a history
REWRITE = "Rewrite this e-mail politely in this person's words."

KIND: dict[str, Literal["text", "rating", "label"]] = {  # reader -> whether its answers are texts, numbers to average, or labels
    "acl_titles": "text",
    "git_commits": "text",
    "blog_18f": "text",
    "popquorn_emails": "text",
    "popquorn_offence": "rating",
    "food_world_cup": "rating",
    "movielens": "rating",
    "movielens_tag": "label",
    "acl_authorship": "label",
    "peps": "text",
    "stackexchange_beer": "text",
    "sample": "text",
    "sample_ratings": "rating",
}


def rating_prompt(matter: str, question: str = RATING) -> str:
    """The question whose answer is a person's rating of `matter`."""
    return f"{question}\n\n{matter}"


def popquorn_offence(folder: Path | str) -> list[User]:
    """Raters of comments, 1 to 5 for offensiveness. No dates: records are numbered in the order of the file."""
    owned: dict[str, list[Record]] = defaultdict(list)
    for row in read_jsonl(Path(folder) / "offensiveness.jsonl.gz"):
        own, user = owned[row["user_id"]], row["user_id"]
        own.append(Record(rating_prompt(row["text"], OFFENCE), _number(row["offensiveness"]), len(own), f"{user}:{row['instance_id']}"))
    return gather(owned)


def popquorn_emails(folder: Path | str) -> list[User]:
    """Writers who made e-mails politer; a record is an e-mail asked and its new wording answered. Numbered in the order of the file."""
    owned: dict[str, list[Record]] = defaultdict(list)
    for row in read_jsonl(Path(folder) / "email_rewrites.jsonl.gz"):
        own, user = owned[row["user"]], row["user"]
        own.append(Record(f"{REWRITE}\n\n{row['original']}", row["revised"], len(own), f"{user}:{row['instance']}"))
    return gather(owned)


def food_world_cup(folder: Path | str) -> list[User]:
    """Respondents who rated national cuisines, 1 to 5; what they did not rate is left out. Numbered in the order of the questions."""
    owned: dict[str, list[Record]] = defaultdict(list)
    for row in _csv(Path(folder) / "food-world-cup-data.csv", "latin-1"):
        for column, answer in row.items():
            asked = re.search(r"traditional cuisine of\W*(.+?)\W*$", column.replace("\xca", " "))  # a stray byte of another encoding
            if asked and answer.strip().isdigit():
                own, user, cuisine = owned[row["RespondentID"]], row["RespondentID"], asked[1]
                own.append(Record(rating_prompt(f"The traditional cuisine of {cuisine}"), answer.strip(), len(own), f"{user}:{cuisine}"))
    return gather(owned)


def movielens(folder: Path | str) -> list[User]:
    """Viewers who gave films 0.5 to 5 points, with the time they did; the matter is a film's title and genres."""
    films = {row["movieId"]: _film(row["title"], row["genres"]) for row in _csv(Path(folder) / "movies.csv", "utf-8")}
    owned: dict[str, list[Record]] = defaultdict(list)
    for row in _csv(Path(folder) / "ratings.csv", "utf-8"):
        user, film = row["userId"], row["movieId"]
        prompt = rating_prompt(films[film], HALF_STARS)
        owned[user].append(Record(prompt, _number(row["rating"]), float(row["timestamp"]), f"{user}:{film}"))
    return gather(owned)


def movielens_tag(folder: Path | str) -> list[User]:
    """Viewers who tagged films, with one of the `TAGS` that the most people use; of several for one film, the one they gave first.

    The matter is a film's title and genres, and the tags to choose from, in alphabetical order.
    """
    films = {row["movieId"]: _film(row["title"], row["genres"]) for row in _csv(Path(folder) / "movies.csv", "utf-8")}
    given = sorted(_csv(Path(folder) / "tags.csv", "utf-8"), key=lambda row: float(row["timestamp"]))
    by: dict[str, set[str]] = defaultdict(set)
    for row in given:
        by[_tag(row)].add(row["userId"])
    tags = sorted(sorted(by, key=lambda tag: (-len(by[tag]), tag))[:TAGS])
    owned: dict[str, dict[str, Record]] = defaultdict(dict)
    for row in given:
        user, film, tag = row["userId"], row["movieId"], _tag(row)
        if tag in tags and film not in owned[user]:
            prompt = f"{TAG}\n\n{films[film]}\nTags: {', '.join(tags)}"
            owned[user][film] = Record(prompt, tag, float(row["timestamp"]), f"{user}:{film}")
    return gather({user: records.values() for user, records in owned.items()})


def _tag(row: dict[str, str]) -> str:
    return row["tag"].strip().lower()


def _film(title: str, genres: str) -> str:
    named = "" if genres.startswith("(") else ": " + ", ".join(genres.split("|"))  # "(no genres listed)"
    return title + named


def _number(text: str) -> str:
    """A whole number without its decimals: 4.0 is "4", 3.5 stays."""
    return f"{float(text):g}"


def _csv(path: Path, encoding: str) -> Iterator[dict[str, str]]:
    if not path.is_file():
        raise DataError(f"{path} is not there; give the folder that holds it")
    with path.open(encoding=encoding, newline="") as opened:
        yield from csv.DictReader(opened)
