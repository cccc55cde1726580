"""Tasks: what is asked of people's histories, how answers are measured, and where the people come from."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idiolect.data import corpora, files, ratings
from idiolect.data.sample import sample, sample_ratings
from idiolect.data.splits import is_number
from idiolect.errors import DataError
from idiolect.types import User

Kind = Literal["text", "rating", "label"]
Reader = Callable[[Path], Sequence[User]]

MEASURED: Mapping[Kind, tuple[str, ...]] = {  # kind -> metrics, in order of preference as the one that decides
    "text": ("bits_per_char", "rouge1", "rougeL", "style"),
    "rating": ("mae", "rmse", "unreadable", "bits_per_char"),
    "label": ("accuracy", "macro_f1", "unreadable", "bits_per_char"),
}
TOKENS: Mapping[Kind, int] = {"text": 64, "rating": 6, "label": 12}
RATINGS = 101  # so many different numbers at most are taken for a scale
LABELS, LABEL_WORDS, LABEL_USES = 30, 4, 3  # so many different answers, of so many words, each so often on average, are taken for labels


@dataclass(frozen=True)
class Task:
    """A question put to many people. `metrics` and `primary`, where not given, follow from the kind; `scale` from the answers."""

    name: str
    kind: Kind
    about: str
    reader: Reader
    max_tokens: int = 0
    metrics: tuple[str, ...] = ()
    primary: str = ""
    scale: tuple[float, float] | None = None
    folder: str = ""  # of the corpus; "" for what needs no path

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_tokens", self.max_tokens or TOKENS[self.kind])
        object.__setattr__(self, "metrics", self.metrics or MEASURED[self.kind])
        if self.primary and self.primary not in self.metrics:
            raise DataError(f"the metric {self.primary!r} is not one of those of {self.name!r}: {', '.join(self.metrics)}")

    def read(self, path: Path | str = "") -> list[User]:
        """The people to evaluate. `path` is the corpus' folder, or the one that holds it. Raises DataError where one is needed."""
        if self.folder and not str(path):
            raise DataError(f"the task {self.name!r} reads a corpus: give the path of its folder {self.folder!r}")
        inside = Path(path) / self.folder
        return list(self.reader(inside if inside.is_dir() else Path(path)))

    def measured(self, can: Collection[str]) -> tuple[str, ...]:
        """The metrics that a model which can do `can` allows."""
        return tuple(name for name in self.metrics if name != "bits_per_char" or "logprobs" in can)

    def deciding(self, can: Collection[str]) -> str:
        """The metric that decides: `primary`, or the first that the model allows."""
        measured = self.measured(can)
        return self.primary if self.primary in measured else measured[0]


def _kept(reader: Callable[[Path | str], list[User]]) -> Reader:
    """Only the people of a corpus whom the bundled model has not seen."""
    return lambda path: [user for user in reader(path) if corpora.held_out(reader.__name__, user)]


TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task("sample", "text", "subject lines of commits by invented people", lambda _: sample(), 32),
        Task("sample_ratings", "rating", "ratings by invented people", lambda _: sample_ratings(), scale=(1, 5)),
        Task("acl_titles", "text", "titles of papers from their abstracts", _kept(corpora.acl_titles), 40, folder="acl_titles"),
        Task("acl_authorship", "label", "which of two papers is the author's", _kept(corpora.acl_authorship), folder="acl_titles"),
        Task("git_commits", "text", "subject lines of commits", _kept(corpora.git_commits), 32, folder="git_commits"),
        Task("blog_18f", "text", "headlines of posts", _kept(corpora.blog_18f), 32, folder="blog_18f"),
        Task("popquorn_emails", "text", "e-mails in polite words", ratings.popquorn_emails, 160, folder="popquorn"),
        Task("popquorn_offence", "rating", "how offensive comments are", ratings.popquorn_offence, scale=(1, 5), folder="popquorn"),
        Task("food_world_cup", "rating", "ratings of cuisines", ratings.food_world_cup, scale=(1, 5), folder="fivethirtyeight_surveys"),
        Task("movielens", "rating", "ratings of films", ratings.movielens, scale=(0.5, 5), folder="movielens"),
        Task("movielens_tag", "label", "tags given to films", ratings.movielens_tag, folder="movielens"),
        Task("peps", "text", "titles of proposals (all of which the bundled model has read)", corpora.peps, 32, folder="peps"),
        Task(
            "stackexchange_beer", "text", "answers that this asker accepted", corpora.stackexchange_beer, 120, folder="stackexchange_beer"
        ),
    )
}


ALSO = {  # what stands in for LaMP's tasks, by the benchmark's words for them
    "popquorn_rating": "popquorn_offence",
    "popquorn_rewrite": "popquorn_emails",
    "movielens_rating": "movielens",
}


def task(name: str) -> Task:
    """A task by its name, hyphens or underscores. Raises DataError with the names there are."""
    name_ = name.replace("-", "_")
    found = TASKS.get(ALSO.get(name_, name_))
    if found is None:
        raise DataError(f"no task is called {name!r}; there are {', '.join(TASKS)}, or give a file of your own")
    return found


def from_file(path: Path | str, *, kind: Kind | None = None, primary: str = "", **reading: Any) -> tuple[Task, files.Loaded]:
    """A task made of an own file, and what the file held, broken lines included. `reading` goes to `data.files.read`.

    The kind follows from the answers unless it is given (`infer`). Raises DataError for a file that cannot be read.
    """
    loaded = files.read(path, **reading)
    return of_users(Path(path).name, loaded.users, kind=kind, primary=primary), loaded


def of_users(name: str, users: Sequence[User], *, kind: Kind | None = None, primary: str = "") -> Task:
    """A task made of people at hand, as `idiolect import` gives them."""
    chosen = kind or infer([record.answer for user in users for record in user.records])
    if chosen not in MEASURED:
        raise DataError(f"no kind of task is called {chosen!r}; there are {', '.join(MEASURED)}")
    return Task(name, chosen, f"answers in {name}", lambda _: users, primary=primary)


def infer(answers: Sequence[str]) -> Kind:
    """Ratings: all numbers, few of them different. Labels: few different short answers, each used often. Else text."""
    different = {answer.strip() for answer in answers}
    if answers and len(different) <= RATINGS and all(is_number(answer) and math.isfinite(float(answer)) for answer in different):
        return "rating"
    short = all(len(answer.split()) <= LABEL_WORDS for answer in different)
    return "label" if short and 1 < len(different) <= min(LABELS, len(answers) / LABEL_USES) else "text"
