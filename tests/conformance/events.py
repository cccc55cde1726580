"""What every method promises of what happens: learnt at once, without the model, by the person themselves and nobody else."""

from __future__ import annotations

from idiolect.store.states import dump
from idiolect.types import KINDS, Record, State, User
from tests.conformance.people import ANN, marks
from tests.conformance.privacy import earlier, question
from tests.conformance.subjects import Trial


class Silent:
    """A model that can everything and must not be asked."""

    name = "silent"

    def __init__(self, can: frozenset[str]) -> None:
        self.can = can

    def __getattr__(self, name: str) -> None:
        raise AssertionError(f"the model was asked for {name!r} while something was observed")


def observes_without_the_model(trial: Trial) -> None:
    """New records reach the state without a model, and the state keeps the records that it would keep if enrolled afresh."""
    method = trial.method()
    before = trial.enrolled(earlier(ANN, ANN.records[4]))[0]
    kept = dump(before)
    after = method.observe(before, method.readable(ANN), ANN.records[4:], Silent(trial.lm.can))  # type: ignore[arg-type]
    assert dump(before) == kept, "the state that was given was changed"
    wanted = trial.enrolled(ANN)[0]
    assert _records(after) == _records(wanted), "observed, the state keeps other records than enrolled afresh"


def answers_somebody_who_was_only_observed(trial: Trial) -> None:
    """Who never was enrolled is answered after their first record, and nothing but their own is told."""
    method = trial.method()
    state = method.observe(State(), method.readable(ANN), list(ANN.records), Silent(trial.lm.can))  # type: ignore[arg-type]
    reply = trial.answer(trial.bent(state, question()))
    assert {name for name, _ in marks(reply.text)} <= {"ann"}


def withstands_every_kind_of_event(trial: Trial) -> None:
    """Ratings, edits, choices and corrections are withstood, read or not."""
    method = trial.method()
    happened = [
        Record(question().question, "4" if kind == "rating" else f"text of {kind}", n, "", kind, f"other {n}")
        for n, kind in enumerate(KINDS)
    ]
    user = method.readable(User("ann", happened))
    state = method.observe(State(), user, list(user.records), Silent(trial.lm.can))  # type: ignore[arg-type]
    trial.bent(state, question())
    trial.bent(method.enroll([user], trial.lm)[0], question())


def _records(state: State) -> list[list[str]]:
    """The ids of the records in a state, part by part."""
    return [[record.id for record in state.records], *(ids for part in state.parts for ids in _records(part))]
