"""Small methods that are wrong in what they learn and from whom: each differs from a right one by a single wrong."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from idiolect.models.lm import LM
from idiolect.training.loop import Plan, local
from idiolect.training.sft import sft
from idiolect.types import History, Record, Request, State, User, ask
from idiolect.wording import quote
from tests.conformance.miniatures import Drawn, Latest

OVERHEARD: list[Record] = []  # outlives every call, as the list in OPPU's released script does


@dataclass
class Nondeterministic(Latest):
    """Quotes whatever it likes."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.told(f"{random.random()} {quote(state.records)}", because=state.records)


@dataclass
class Averages(Drawn):
    """Takes the mean over whoever is enrolled together, as normalizing a batch does."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        mean = sum(len(user.records) for user in users) / max(len(users), 1)
        return [State(numbers={"longer": len(user.records) - mean}) for user in users]


@dataclass
class Leaks(Drawn):
    """A person's adapter is made of all earlier people's records as well, as in OPPU's released code."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        made = []
        for user in users:
            OVERHEARD.extend(user.records)
            made.append(State(adapter=self.draw(History(OVERHEARD), lm)))
        return made


@dataclass
class LeaksInCall(Drawn):
    """The same within one call only."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return [State(adapter=self.draw(History(r for u in users[: i + 1] for r in u.records), lm)) for i, _ in enumerate(users)]


@dataclass
class PilesUp(Drawn):
    """The same with training: each person's adapter is trained on whoever stands before them in the call as well."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        taught = [[(ask(record.prompt), record.answer) for record in user.records] for user in users]
        jobs = [[pair for pairs in taught[: i + 1] for pair in pairs] for i in range(len(users))]
        return [State(adapter=adapter) for adapter in sft(lm, jobs, rank=1, plan=Plan(epochs=1))]


@dataclass
class QuotesOthers(Latest):
    """Quotes everybody it learnt of together."""

    def fit(self, users: Sequence[User], lm: LM) -> None:
        self.shared = State(records=History(record for user in users for record in user.records))

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.told(quote(self.shared.records), because=self.shared.records)


@dataclass
class Unnamed(Latest):
    """Quotes without saying what."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.told(quote(state.records))


@dataclass
class Peeks(Drawn):
    """Trains on each record with all of the person's records in sight, the one asked for among them."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        jobs = [[(ask(record.prompt).told(quote(user.records)), record.answer) for record in user.records] for user in users]
        return [State(adapter=adapter) for adapter in sft(lm, jobs, rank=1, plan=Plan(epochs=1))]


@dataclass
class Hides(Drawn):
    """What `fit` learnt lies beside `shared`, and is gone after a restart."""

    def fit(self, users: Sequence[User], lm: LM) -> None:
        self.users = len(users)

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.bent(adapters={state.adapter: getattr(self, "users", 1)}) if state.adapter else request


@dataclass
class Loses(Drawn):
    """Hangs on a value that is not saved with the state."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        states = super().enroll(users, lm)
        for state in states:
            object.__setattr__(state, "strength", 0.5)
        return states

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        return request.bent(adapters={state.adapter: getattr(state, "strength", 0.25)}) if state.adapter else request


@dataclass
class WritesIntoStates(Latest):
    """Counts in the state how often it was asked."""

    def personalize(self, state: State, request: Request, lm: LM) -> Any:
        state.numbers["asked"] = state.numbers.get("asked", 0) + 1
        return super().personalize(state, request, lm)


@dataclass
class Lags(Latest):
    """Does not learn what is new."""

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return state


@dataclass
class Remembers(Latest):
    """Keeps people on itself, where deleting their state does not reach."""

    seen: ClassVar[dict[str, int]] = {}

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        self.seen.update({user.id: len(user.records) for user in users})
        return super().enroll(users, lm)


@dataclass
class Configures(Latest):
    """Writes a person's text into its own configuration, which is kept with everybody's states."""

    k: Any = 2

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        self.k = users[0].records[0].answer if users[0].records else 2
        return super().enroll(users, lm)


@dataclass
class MovesWeights(Drawn):
    """Trains the model itself."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        with torch.no_grad():
            next(iter(local(lm, "MovesWeights").model.parameters())).add_(1e-7)
        return super().enroll(users, lm)


@dataclass
class LeavesHooks(Drawn):
    """Bends the model by hand, and does not straighten it when something fails."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        handle = local(lm, "LeavesHooks").model.lm_head.register_forward_hook(lambda module, args, output: output)
        lm.generate([ask("foxes", max_tokens=1)])
        handle.remove()
        return super().enroll(users, lm)
