"""What a worker is handed once and what it gives back: a model to open, a method to enroll people with, and what became of each."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from idiolect.assistant import Assistant
from idiolect.errors import IdiolectError, ModelError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.types import State, User


@dataclass(frozen=True)
class Learnt:
    """A person's state, and the digest of the records it was made of."""

    user_id: str
    history: str
    state: State


@dataclass(frozen=True)
class Failed:
    """A person who could not be learnt, and why."""

    user_id: str
    reason: str


@dataclass(frozen=True)
class Lost:
    """A worker that is gone, and how it ended; the people it had are given to others."""

    reason: str


Outcome = Learnt | Failed


@dataclass(frozen=True)
class Work:
    """How to open the model, and the method as `fit` left it (`method.shared` included).

    For other processes both are pickled: `open_model` is a function of a module, or a `functools.partial` of one.
    """

    open_model: Callable[[], LM]
    method: Method

    @cached_property
    def assistant(self) -> Assistant:
        """The model, opened once, and the method. Raises ModelError where the model cannot do what the method needs."""
        return Assistant(self.open_model(), self.method)

    def packed(self) -> bytes:
        """The work for another process; a model that is open stays here. Raises ModelError for what cannot be pickled."""
        try:
            return pickle.dumps((self.open_model, self.method))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise ModelError(f"the model's opener or the method cannot be sent to another process ({error}); enroll locally") from error


def enroll(assistant: Assistant, people: Sequence[User]) -> list[Outcome]:
    """What became of each of `people`, in order: enrolled together; where that fails, one by one, so that a failure is one person's."""
    try:
        states = assistant.method.enroll([assistant.method.readable(user) for user in people], assistant.lm)
        return [Learnt(user.id, user.records.digest, state) for user, state in zip(people, states, strict=True)]
    except Exception as error:  # noqa: BLE001  # whatever one person's records do, the others go on
        if len(people) == 1:
            return [Failed(people[0].id, reason(error))]
        return [outcome for user in people for outcome in enroll(assistant, [user])]


def start(packed: bytes) -> Assistant | IdiolectError:
    """In a worker: the model and method of `packed`, on one thread; or why they cannot be had here."""
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, by what is unpickled
    try:
        open_model, method = pickle.loads(packed)
        assistant = Work(open_model, method).assistant
    except IdiolectError as error:
        return error
    except Exception as error:  # noqa: BLE001  # what only this machine lacks is told by the parent, not in a worker's log
        return ModelError(f"a worker could not open the model or the method ({reason(error)}); workers need what the parent has")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    return assistant


def reason(error: Exception) -> str:
    """An exception as one line; the project's own speak for themselves."""
    said = str(error) if isinstance(error, IdiolectError) else f"{type(error).__name__}: {error}"
    return " ".join(said.split())
