"""`idiolect observe`, `edit`, `forget`: what happened with a person is kept at once, put right, or forgotten."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from idiolect.assistant import reopened
from idiolect.cli import options, show
from idiolect.cli.people import UserId, fitted, opened, seen
from idiolect.errors import StoreError
from idiolect.types import KINDS, Record

if TYPE_CHECKING:
    from idiolect.store import Store
    from idiolect.store.erasure import Receipt

RecordId = Annotated[
    str, typer.Argument(metavar="RECORD", help="Its id: `idiolect export USER` lists them, and so does an answer's 'Made of'.")
]


def observe(
    user: UserId,
    said: Annotated[str, typer.Argument(help="What they wrote; the score, the final text, the reply taken, or what was wrong.")],
    question: Annotated[str, typer.Option("--question", "-q", help="What it answers.")] = "",
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(KINDS)}.")] = "message",
    other: Annotated[str, typer.Option(help="The reply that was rated or corrected, the draft of an edit, the reply not taken.")] = "",
    store: options.StorePath = options.STORE,
    method: Annotated[str | None, typer.Option(help="Default: what was fitted last.")] = None,
    json: options.Json = False,
) -> None:
    """Something happened: keep it, and let the next answer know. No model is asked.

    Example: idiolect observe ann 'Shorter, please.' --kind correction --question 'QUESTION' --other 'THE REPLY'
    """
    if kind not in KINDS:
        raise typer.BadParameter(f"--kind is one of {', '.join(KINDS)}, not {kind!r}")
    from idiolect.models.lm import Unopened  # imported late: --help stays quick

    record = Record(question, said, time.time(), kind=kind, other=other)
    changed: tuple[str, ...] = ()
    learner: str | None = None
    with opened(store, must_exist=True) as kept:
        try:
            latest = fitted(kept, user, method, None)
        except StoreError:
            kept.add(user, [record])
        else:
            learner = latest.method
            changed = reopened(kept, latest, Unopened(latest.config["model"]), seen(kept, learner)).observe(user, record).changed
    if json:
        show.as_json({"user": user, "record": record.id, "method": learner, "changed": list(changed)})
        return
    show.say(f"Kept as {record.id}.")
    known = f"{learner} knows it now: {', '.join(changed)}." if changed else f"{learner} does not read {kind}s: nothing changed."
    show.note(known if learner else f"Nothing was fitted yet: idiolect fit --store {store}")


def edit(
    user: UserId,
    record: RecordId,
    said: Annotated[str, typer.Argument(help="What it should say.")],
    store: options.StorePath = options.STORE,
    json: options.Json = False,
) -> None:
    """Put a record right. What was learnt of the old text goes with it, and its bytes are searched for.

    Example: idiolect edit ann 0f3a... 'What I meant.'
    """
    with opened(store, must_exist=True) as kept:
        old = _known(kept, user, record)
        receipt = kept.edit(user, Record(old.prompt, said, old.time, old.id, old.kind, old.other))
    _told(receipt, "edited", json)


def forget(user: UserId, records: list[RecordId], store: options.StorePath = options.STORE, json: options.Json = False) -> None:
    """Forget records of a person and everything that was learnt of them, and search every byte for what may be left.

    Example: idiolect forget ann 0f3a...
    """
    with opened(store, must_exist=True) as kept:
        for record in records:
            _known(kept, user, record)
        receipt = kept.forget(user, records)
    _told(receipt, "forgotten", json)


def _known(kept: Store, user: str, record_id: str) -> Record:
    for record in kept.user(user).records:
        if record.id == record_id:
            return record
    raise StoreError(f"{user!r} has no record {record_id!r}; `idiolect export {user}` lists the ids there are")


def _told(receipt: Receipt, done: str, json: bool) -> None:
    if json:
        show.as_json(asdict(receipt))
    else:
        left = "nothing of it is left" if receipt.clean else f"found in {', '.join(receipt.found)}"
        show.say(f"{receipt.user_id}: {show.count(receipt.records, 'record')} {done}; {receipt.searched_bytes:,} bytes searched: {left}.")
        if receipt.states:
            show.note(f"{show.count(receipt.states, 'state')} learnt of it went too; `idiolect fit` learns {receipt.user_id} again.")
    if not receipt.clean:
        raise typer.Exit(1)
