"""`idiolect fit`: people are kept and learnt, here, by several processes, or on a Ray cluster."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import TaskID

from idiolect.assistant import configured
from idiolect.cli import options, show
from idiolect.cli.opening import open_method, open_model, open_users
from idiolect.cli.people import opened, seen
from idiolect.method import Method

if TYPE_CHECKING:
    from idiolect.fleet import Crew, Learning, Work

SHOWN = 100  # people named who could not be learnt; --json names all


class Where(StrEnum):
    """Who does the learning."""

    local = "local"
    processes = "processes"
    ray = "ray"


def fit(
    file: options.HistoryFile = None,
    method: options.MethodName = "rag",
    model: options.Model = "tiny",
    store: options.StorePath = options.STORE,
    on: Annotated[Where, typer.Option("--on", help="This process, several of this machine, or a Ray cluster.")] = Where.local,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of processes or ray; each opens the model. Default: one a processor here.")
    ] = None,
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster, or 'auto'. Left out: one is started here.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Learn everybody anew, and first what they teach together.")] = False,
    user: options.UserColumn = None,
    prompt: options.PromptColumn = None,
    answer: options.AnswerColumn = None,
    time: options.TimeColumn = None,
    json: options.Json = False,
) -> None:
    """Keep the people of FILE, and learn everybody kept with one method: what they teach together, and what each teaches alone.

    Who is learnt is on the disk at once; the same command goes on where it was stopped, and learns only who is new or wrote more.

    Examples: idiolect fit history.jsonl --method oppu · idiolect fit history.jsonl --on processes --workers 4
    """
    if address is not None and on is not Where.ray:
        raise typer.BadParameter("--address is of a Ray cluster: give --on ray with it")
    users = open_users(file, options.columns(user, prompt, answer, time))
    chosen = open_method(method)
    work, crew = _hands(model, chosen, on, workers, address)

    from idiolect.fleet import learn  # imported late: --help stays quick

    with opened(store) as kept, show.progress() as bars:
        for one in bars.track(users, description="Keeping records"):
            kept.add(one.id, one.records)
        tasks: dict[str, TaskID] = {}

        def tell(what: str, done: int, of: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=of)

        name = method.partition(":")[0]
        may = seen(kept, name)
        made = learn(kept, name, configured(model, chosen), work, crew, again=again, tell=tell, seen=lambda known: may(known, model))
    if json:
        show.as_json({"method": method, "model": model, "store": str(store), "on": on.value, "workers": crew.size, **asdict(made)})
    else:
        _told(made, method, model, store)
        _next(made, [one.id for one in users], store)
    if made.failed:
        raise typer.Exit(1)


def _hands(model: str, method: Method, on: Where, workers: int | None, address: str | None) -> tuple[Work, Crew]:
    from idiolect.fleet import Cluster, Local, Processes, Work

    work = Work(partial(open_model, model), method)
    if on is Where.local:
        if workers not in (None, 1):
            raise typer.BadParameter(f"--workers {workers} is of several processes: give --on processes or --on ray with it")
        _ = work.assistant  # a model that cannot do this is told of before anything is kept
        return work, Local()
    count = workers or _processors()
    return work, Processes(count) if on is Where.processes else Cluster(count, address)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _told(made: Learning, method: str, model: str, store: str) -> None:
    kept = f"; {show.count(made.kept, 'user')} kept as they were" if made.kept else ""
    show.say(f"{show.count(made.learnt, 'user')} learnt with {method} on {model}{kept}; in {store}.")
    if made.lost:
        show.note(f"{show.count(len(made.lost), 'worker')} died ({made.lost[-1]}); others did their people's part again.", "yellow")
    if made.shared_was_kept and made.learnt:
        show.note("What people teach together was kept as it was first learnt: --again learns it from everybody, and everybody with it.")
    for one in made.failed[:SHOWN]:
        show.note(f"{one.user_id}: {one.reason}", "red")
    if made.failed:
        more = f" ({SHOWN} shown; --json names all)" if len(made.failed) > SHOWN else ""
        show.note(f"{show.count(len(made.failed), 'user')} could not be learnt{more}; the same command tries them again.", "red")


def _next(made: Learning, ids: list[str], store: str) -> None:
    failed = {one.user_id for one in made.failed}
    able = [user_id for user_id in ids if user_id not in failed]
    if able:
        show.next_step("Ask for one of them:", f"idiolect ask {shlex.quote(able[0])} 'QUESTION' --store {shlex.quote(str(store))}")
