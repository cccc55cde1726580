"""The files of LaMP and LongLaMP: questions with profiles and what was really written, read; predictions in the same form, written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from idiolect.data.corpora import read_jsonl
from idiolect.data.lamp import ABSTRACT, Form, form, recognised
from idiolect.errors import DataError, MissingExtra
from idiolect.extras import have, need
from idiolect.types import History, Record

Order = Literal["date", "file"]
Row = Mapping[str, Any]
HUB = "LongLaMP/LongLaMP"
HUB_NAMES = {"LongLaMP-abstract": "abstract_generation", "LongLaMP-review": "product_review", "LongLaMP-topic": "topic_writing"}
USERS = ("user_id", "reviewerId", "author", "name")  # a row's own key for who asks
TASK_NAMES = {"LaMP-2-old": "LaMP_2N"}  # where the benchmark's own files do not say it with an underscore


@dataclass(frozen=True)
class Asked:
    """One row: a question with its true answer ("" where it is hidden), and the profile it is asked with, all of it earlier.

    `user` is who asks, where the file says it; one person may ask several times.
    """

    history: History
    target: Record
    user: str = ""

    @property
    def id(self) -> str:
        """The question's id."""
        return self.target.id


@dataclass(frozen=True)
class Bench:
    """One file of questions, and the task they belong to."""

    form: Form
    rows: tuple[Asked, ...]


def read(questions: Path | str, outputs: Path | str | None = None, task: str = "", order: Order = "date") -> Bench:
    """The official files of a task. `outputs` is left out where each row has its own `output`, as in LongLaMP and in merged files.

    Files are JSON lists, JSON lines or Parquet. The task is the one named, or that of the first question's words, or the one that
    `outputs` names. A profile lies in the order of its dates ("date"), equal ones in the order of the file; or in the order of
    the file ("file"), as the published rankers see it. A profile without dates always does. The question comes after all of it.

    Raises DataError for a file that cannot be read, a record without a field of its task, and ids that are not the same in both.
    """
    rows, golds, named = _rows(Path(questions)), None, ""
    if outputs is not None:
        golds, named = _golds(Path(outputs))
    chosen = _chosen(task, named, rows, questions)
    ids = [str(row.get("id", place)) for place, row in enumerate(rows)]
    if golds is not None and set(golds) != set(ids):
        odd = sorted(set(golds) ^ set(ids))
        raise DataError(f"{questions} and {outputs} do not hold the same ids: {odd[0]!r} and {len(odd) - 1} more are in one of them only")
    if len(set(ids)) < len(ids):
        raise DataError(f"{questions} holds an id twice; each question has its own")
    answers = golds if golds is not None else {name: _said(row, name, questions) for name, row in zip(ids, rows, strict=True)}
    return Bench(chosen, tuple(_asked(chosen, row, name, answers[name], order) for name, row in zip(ids, rows, strict=True)))


def from_hub(task: str, setting: Literal["user", "temporal"] = "user", split: str = "val", order: Order = "date") -> Bench:
    """A task of LongLaMP from the Hugging Face hub. Raises MissingExtra without `datasets`, DataError where it cannot be fetched."""
    chosen = form(task)
    if chosen.name not in HUB_NAMES:
        raise DataError(f"the hub has no {chosen.name}; it has {', '.join(HUB_NAMES)}, and the others are read from files")
    if not have("datasets"):
        raise MissingExtra(
            "LongLaMP from the hub needs datasets: pip install datasets, or download the rows and give them with --questions"
        )
    library, name = need("datasets", "LongLaMP"), f"{HUB_NAMES[chosen.name]}_{setting}"
    try:
        rows = list(library.load_dataset(HUB, name=name, split=split))
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{HUB}, {name}, {split} cannot be fetched ({error}); download it, and give the file with --questions") from error
    return Bench(chosen, tuple(_asked(chosen, row, str(i), _said(row, str(i), HUB), order) for i, row in enumerate(rows)))


def predictions(chosen: Form, replies: Mapping[str, str]) -> str:
    """What the benchmark's own evaluation reads: the task and an output for each id, as JSON."""
    task = TASK_NAMES.get(chosen.name, chosen.name.replace("-", "_"))
    return json.dumps(
        {"task": task, "golds": [{"id": name, "output": text} for name, text in replies.items()]}, ensure_ascii=False, indent=1
    )


def record(chosen: Form, row: Row, time: float) -> Record:
    """An entry of a profile as a record: the task's own question about it, and what the person answered."""
    try:
        prompt, answer = FIELDS[chosen.name](chosen, row)
    except KeyError as error:
        there = ", ".join(row)
        raise DataError(f"an entry of a profile of {chosen.name} has no {error.args[0]!r}; it has {there or 'nothing'}") from None
    return Record(prompt, answer, time, str(row.get("id", "")))


def _review(chosen: Form, row: Row) -> tuple[str, str]:
    start = chosen.question.partition("{text}")[0]
    about = (
        f'"{row["overall"]}" for a product with description "{row["description"]}". The summary of the review text is "{row["summary"]}".'
    )
    return f"{start}{about}", str(row["reviewText"])


def _either(row: Row, one: str, other: str) -> str:
    return str(row[one] if one in row else row[other])


FIELDS: Mapping[str, Callable[[Form, Row], tuple[str, str]]] = {  # task -> prompt and answer of an entry
    "LaMP-1": lambda one, row: (f"{ABSTRACT}{row['title']}", str(row["abstract"])),
    "LaMP-2": lambda one, row: (one.ask(str(row["description"])), str(row["tag"])),
    "LaMP-2-old": lambda one, row: (one.ask(f"{' '.join(str(row['title']).split())}\n{row['text']}"), str(row["category"])),
    "LaMP-3": lambda one, row: (one.ask(str(row["text"])), str(row["score"])),
    "LaMP-4": lambda one, row: (one.ask(str(row["text"])), str(row["title"])),
    "LaMP-5": lambda one, row: (one.ask(str(row["abstract"])), str(row["title"])),
    "LaMP-6": lambda one, row: (one.ask(str(row["text"])), str(row["title"])),
    "LaMP-7": lambda one, row: ("", str(row["text"])),
    "LongLaMP-email": lambda one, row: (one.ask(str(row["title"])), str(row["text"])),
    "LongLaMP-abstract": lambda one, row: (one.ask(str(row["title"])), str(row["abstract"])),
    "LongLaMP-review": _review,
    "LongLaMP-topic": lambda one, row: (one.ask(_either(row, "summary", "input")), _either(row, "content", "output")),
}


def _rows(path: Path) -> list[Row]:
    if path.suffix == ".parquet":
        return list(need("pyarrow.parquet", "reading Parquet").read_table(path).to_pylist())
    made = list(read_jsonl(path)) if ".jsonl" in path.suffixes else _json(path)
    if not isinstance(made, list) or not made or not all(isinstance(row, dict) and "input" in row for row in made):
        raise DataError(f"{path} is not a list of questions, each with an 'input' and a 'profile'")
    return made


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error})") from error


def _golds(path: Path) -> tuple[dict[str, str], str]:
    made = _json(path)
    try:
        return {str(one["id"]): str(one["output"]) for one in made["golds"]}, str(made.get("task", ""))
    except (KeyError, TypeError, AttributeError):
        raise DataError(f'{path} is not a file of outputs: {{"task": "LaMP_5", "golds": [{{"id": ..., "output": ...}}]}}') from None


def _chosen(task: str, named: str, rows: Sequence[Row], path: Path | str) -> Form:
    if task:
        return form(task)
    found = recognised(str(rows[0]["input"]))
    if found is None and not named:
        raise DataError(f"the first question of {path} belongs to no task that is known; name the task, such as LaMP-5")
    return found or form(named)


def _said(row: Row, name: str, path: Path | str) -> str:
    if "output" not in row:
        raise DataError(f"the question {name!r} of {path} has no 'output'; give the file of outputs too")
    return str(row["output"])


def _asked(chosen: Form, row: Row, name: str, answer: str, order: Order) -> Asked:
    entries = list(row.get("profile") or ())
    days = [_day(entry.get("date")) for entry in entries]
    dated = order == "date" and all(day is not None for day in days)
    times = [float(day or 0) for day in days] if dated else [float(place) for place in range(len(entries))]
    history = History(record(chosen, entry, time) for entry, time in zip(entries, times, strict=True))
    user = next((str(row[key]) for key in USERS if row.get(key) is not None), "")
    return Asked(history, Record(str(row["input"]), answer, max(times, default=0.0) + 1, name), user)


def _day(date: object) -> float | None:
    """A date of year, month and day, as far as they are given, as a number that grows; None for what is no date."""
    parts = str(date).strip()[:10].split("-")
    if not all(part.isdigit() for part in parts) or len(parts) > 3:
        return None
    year, month, day = (*map(int, parts), 0, 0)[:3]
    return year * 10_000.0 + month * 100 + day
