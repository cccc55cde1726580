"""`idiolect compare`: which method helps these people, by how much, at what cost."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TaskID

from idiolect import catalogue
from idiolect.cli import options, show
from idiolect.cli.opening import open_methods, open_model, writing
from idiolect.errors import DataError
from idiolect.extras import need
from idiolect.types import User

if TYPE_CHECKING:
    from idiolect.evaluation.comparison import Comparison
    from idiolect.evaluation.tasks import Task

RESULTS = Path(".idiolect/compare")


class Kind(StrEnum):
    """What the answers of an own file are."""

    text = "text"
    rating = "rating"
    label = "label"


def compare(
    file: options.HistoryFile = None,
    task: Annotated[str | None, typer.Option(help="A task in place of FILE: sample, sample_ratings, acl_titles ...")] = None,
    corpora: Annotated[Path | None, typer.Option(help="The folder that holds the corpora of the tasks.")] = None,
    model: options.Model = "tiny",
    methods: Annotated[str, typer.Option(help="Names, with settings after colons: rag,rag:k=8. Or: usual, all.")] = "usual",
    users: Annotated[int | None, typer.Option(min=1, help="So many people, drawn by the seed. Left out: everybody.")] = None,
    targets: Annotated[int, typer.Option(min=1, help="The latest records of each person that are asked for, at most.")] = 3,
    seed: options.Seed = 0,
    least: Annotated[int, typer.Option(min=1, help="Records that a person must have before those asked for.")] = 3,
    newest: Annotated[int | None, typer.Option(min=1, help="Learn from so many of everybody's latest records only.")] = None,
    newcomers: Annotated[float, typer.Option(help="This share of the people is compared; only the others teach together.")] = 0.0,
    report: Annotated[Path | None, typer.Option(help="An HTML page with plots, whole in one file.")] = None,
    json: options.Json = False,
    results: Annotated[Path, typer.Option(help="Finished methods are kept here, and an interrupted run goes on.")] = RESULTS,
    fresh: Annotated[bool, typer.Option("--fresh", help="Run everything again, and keep nothing.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="What the answers are, where they do not show it.")] = None,
    user: options.UserColumn = None,
    prompt: options.PromptColumn = None,
    answer: options.AnswerColumn = None,
    time: options.TimeColumn = None,
) -> None:
    """Each method on the same people: quality with intervals, another person's history as the control, and the costs.

    Everybody's latest records are asked for; everything earlier may be learnt from.

    Examples: idiolect compare · idiolect compare history.jsonl --methods plain,rag,oppu --report report.html
    """
    from idiolect.evaluation import compare as evaluation  # imported late: --help stays quick
    from idiolect.evaluation.cohort import Setup

    if file is not None and task is not None:
        raise typer.BadParameter("give FILE or --task, not both")
    if report is not None:
        need("matplotlib", "--report")
    columns = options.columns(user, prompt, answer, time)
    chosen, everyone = _asked(file, task, corpora, columns, kind)
    lm = open_model(model)
    entries = open_methods(methods, lm.can)
    setup = Setup(at_most=targets, users_n=users, seed=seed, least=least, newest=newest, newcomers=newcomers)
    with show.progress() as bars:
        found = evaluation.compare(
            everyone, lm, entries, chosen, setup, folder=None if fresh else results, progress=Phases(bars, len(entries))
        )
    _told(found, json, report)
    _next(found, file, task, model)


class Phases:
    """One bar for the methods, one below it for what the present one is doing. Where there is no terminal, a line for each method."""

    def __init__(self, bars: Progress, methods: int) -> None:
        self._bars, self._methods = bars, bars.add_task("methods", total=methods)
        self._phase: TaskID | None = None
        self._now, self._begun = ("", ""), 0

    def __call__(self, method: str, what: str, done: int, of: int) -> None:
        """What `evaluation.compare` calls as work goes on."""
        if method != self._now[0]:
            self._begun += 1
            self._bars.update(self._methods, completed=self._begun - 1, description=f"methods: {method}")
            if not self._bars.console.is_terminal:
                show.note(f"{method}: {what}" if done == of else f"{method} ...")
        if (method, what) != self._now:
            if self._phase is not None:
                self._bars.remove_task(self._phase)
            self._phase = self._bars.add_task(f"  {method}: {what}", total=of)
            self._now = (method, what)
        if self._phase is not None:
            self._bars.update(self._phase, completed=done, total=of)


def _asked(
    file: Path | None, task: str | None, corpora: Path | None, columns: dict[str, str], kind: Kind | None
) -> tuple[Task, Sequence[User]]:
    """The task, and the people it is put to."""
    from idiolect.evaluation import tasks

    if file is None:
        chosen = tasks.task(task or "sample")
        return chosen, chosen.read(corpora or "")
    chosen, loaded = tasks.from_file(file, kind=kind.value if kind else None, fields=columns)
    show.problems(loaded.problems)
    if not loaded.users:
        raise DataError(f"{file} holds no record that can be used; `idiolect import file {file}` says more")
    return chosen, loaded.users


def _told(found: Comparison, json: bool, path: Path | None) -> None:
    from idiolect.evaluation.report import report
    from idiolect.evaluation.table import table

    if path is not None:
        page = report(found, ["idiolect", *sys.argv[1:]])
        with writing(path) as opened:
            opened.write(page)
    if json:
        show.out().out(found.to_json(), highlight=False)
    else:
        console = show.out()
        console.print(table(found, console.width))
    if path is not None:
        show.note(f"The report, with plots: {path}")


def _next(found: Comparison, file: Path | None, task: str | None, model: str) -> None:
    best = found.advice.method
    if file is None:
        show.next_step("On your own people, such as the authors of a repository:", "idiolect import git PATH --out history.jsonl")
    elif best.partition(":")[0] in catalogue.names() and best != "plain":
        on = "" if model == "tiny" else f" --model {model}"
        show.next_step("To use what helps:", f"idiolect fit {file} --method {best}{on}")
