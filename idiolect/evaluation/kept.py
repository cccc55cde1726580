"""Finished trials on disk, one JSON file for each method, so that an interrupted comparison goes on where it was."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from idiolect.errors import StoreError
from idiolect.evaluation.cohort import Cohort
from idiolect.evaluation.tasks import Task
from idiolect.evaluation.trial import Arm, Costs, Trial
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.types import ask, digest

FORMAT = 1  # of what is kept and how it is made: raised when old files must not be taken up again
PROBE = "Write one line about the weather of last week."


class Kept:
    """A folder of finished trials, or nothing (None). The files hold replies made from people's histories: keep them as you keep those."""

    def __init__(self, folder: Path | str | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def load(self, name: str, key: str) -> Trial | None:
        """The trial kept under `key`; None where there is none, or none that can be read."""
        if self.folder is None:
            return None
        try:
            tree = json.loads(self._path(name, key).read_text("utf-8"))
            other = Arm(**tree["other"]) if tree["other"] else None
            return Trial(Arm(**tree["own"]), other, Costs(**tree["costs"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None  # cut or foreign: the trial is run again

    def save(self, name: str, key: str, trial: Trial) -> None:
        """Written beside and then moved into place: there is never half a file. Raises StoreError, and what was there stays."""
        if self.folder is None:
            return
        path = self._path(name, key)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=self.folder, suffix=".part", delete=False) as part:
                try:
                    json.dump({"name": name, "key": key, **asdict(trial)}, part)
                    part.flush()
                    os.fsync(part.fileno())
                    os.replace(part.name, path)
                except BaseException:
                    Path(part.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise StoreError(
                f"the results of {name!r} cannot be kept in {self.folder}: {error}; free space or choose another folder"
            ) from error

    def _path(self, name: str, key: str) -> Path:
        return (self.folder or Path()) / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())[:40]}-{key}.json"


def keys(cohort: Cohort, lm: LM, task: Task, setup: Mapping[str, Any], version: str) -> str:
    """Names all that the trials of one comparison share: histories, targets, pairs, task, model, setup, version."""
    people = [
        digest(person.user.id, person.user.records.digest, *(f"{t.prompt}\0{t.answer}" for t in person.targets), str(person.other))
        for person in cohort.people
    ]
    people += [digest(user.id, user.records.digest) for user in cohort.others]
    rest = [FORMAT, version, lm.name, _fingerprint(lm), task.name, task.kind, task.max_tokens, setup]
    return digest(*people, json.dumps(rest, sort_keys=True, default=repr))


def key(shared: str, name: str, method: Method) -> str:
    """Names one trial: what the comparison shares, and the method with its configuration."""
    return digest(shared, name, described(method))


def described(method: Method) -> str:
    """A method's class and configuration, links of a chain included, as JSON."""

    def tree(value: object) -> object:
        return {type(value).__name__: value.config} if isinstance(value, Method) else repr(value)

    return json.dumps({f"{type(method).__module__}.{type(method).__qualname__}": method.config}, sort_keys=True, default=tree)


def _fingerprint(lm: LM) -> list[float]:
    """What local weights say of a fixed line, coarsely: a model trained further under the same name is another model."""
    if not {"train", "logprobs"} <= lm.can:
        return []
    return [round(logprob, 2) for logprob in lm.score([ask(PROBE)], [PROBE])[0].logprobs]
