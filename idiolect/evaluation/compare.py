"""The comparison: every method on the same people, against Plain and against another person's history, with what it costs."""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from idiolect.errors import IdiolectError, MethodError
from idiolect.evaluation.cohort import Setup, gather
from idiolect.evaluation.comparison import Comparison
from idiolect.evaluation.intervals import DRAWS
from idiolect.evaluation.kept import Kept, key, keys
from idiolect.evaluation.ruler import Ruler
from idiolect.evaluation.tasks import Task
from idiolect.evaluation.trial import Bench, Outcome, Progress, run
from idiolect.evaluation.verdict import advise
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompting.plain import Plain
from idiolect.types import User

LIBRARIES = ("idiolect", "numpy", "torch", "transformers", "rouge-score")
log = logging.getLogger(__name__)


def compare(
    users: Sequence[User],
    lm: LM,
    methods: Sequence[tuple[str, Method]],
    task: Task,
    setup: Setup | None = None,
    *,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Each method's quality on these people, with its controls and its costs, and which one to use.

    Everyone's latest records are asked for and everything earlier may be learnt from (`data.splits`). `Plain` is always among the
    methods, first. A method that the model cannot carry is skipped, one that raises is reported as failed; the others go on. With
    `folder`, finished methods are kept there and not run again while people, task, model, configuration and setup are the same.

    `progress(method, what, done, of)` is called as work goes on. Raises DataError where nobody can be compared, MethodError for two
    methods of one name, StoreError where results cannot be kept, and whatever Plain raises: then the model itself does not work.
    """
    began, started = time.perf_counter(), datetime.now(UTC).isoformat(timespec="seconds")
    setup = setup or Setup()
    cohort, entries = gather(users, setup), _with_plain(methods)
    ruler = Ruler(cohort, task, lm.can, setup.seed)
    bench = Bench(cohort, lm, task.max_tokens, setup.seed, progress or _quiet)
    kept = Kept(folder)
    chosen = {name: value for name, value in asdict(setup).items() if name != "seen_users"}
    shared = keys(cohort, lm, task, chosen, versions()["idiolect"]) if folder is not None else ""
    outcomes = [_outcome(name, method, bench, kept, shared) for name, method in entries]
    rows, difference = ruler.rows(outcomes)
    return Comparison(
        task=task.name,
        kind=task.kind,
        about=task.about,
        model=lm.name,
        deciding=ruler.deciding.name,
        rows=tuple(rows),
        people=tuple(user.id for user in cohort.users),
        counts=cohort.counts,
        advice=advise(rows, ruler.deciding, difference),
        setup={**chosen, "draws": DRAWS, "max_tokens": task.max_tokens},
        started=started,
        seconds=time.perf_counter() - began,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Of Python and of the libraries that figures depend on, as far as they are installed."""
    found = {"idiolect": "source", "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _with_plain(methods: Sequence[tuple[str, Method]]) -> list[tuple[str, Method]]:
    plain = [entry for entry in methods if isinstance(entry[1], Plain)][:1] or [("Plain", Plain())]
    entries = plain + [entry for entry in methods if not isinstance(entry[1], Plain)]
    names = [name for name, _ in entries]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MethodError(f"two methods are called {twice!r}; give each its own name, such as {twice + ' k=8'!r}")
    return entries


def _outcome(name: str, method: Method, bench: Bench, kept: Kept, shared: str) -> Outcome:
    missing = sorted(method.needs - bench.lm.can)
    if missing:
        return Outcome(name, method, status="skipped", reason=f"needs {', '.join(missing)}, which the model {bench.lm.name!r} cannot do")
    mark = key(shared, name, method)
    trial = kept.load(name, mark)
    if trial is not None:
        bench.progress(name, "taken up from before", 1, 1)
        return Outcome(name, method, trial)
    try:
        trial = run(name, method, bench)
    except Exception as error:  # whatever one method does, the others go on, and its row says what happened
        if isinstance(method, Plain):
            raise
        log.debug("%s failed", name, exc_info=True)
        reason = str(error) if isinstance(error, IdiolectError) else f"{type(error).__name__}: {error}"
        return Outcome(name, method, status="failed", reason=reason)
    kept.save(name, mark, trial)
    return Outcome(name, method, trial)


def _quiet(method: str, what: str, done: int, of: int) -> None:
    """No progress is shown."""
