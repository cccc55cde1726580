"""`idiolect ask`, `export`, `erase`: people who were learnt are answered, shown what is kept of them, and forgotten."""

from __future__ import annotations

import json as json_format
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from idiolect.assistant import Assistant, View, reopened
from idiolect.cli import options, show
from idiolect.cli.opening import named, open_method, open_model, open_users, writing
from idiolect.errors import StoreError
from idiolect.types import Record, State, User
from idiolect.types import ask as asking

if TYPE_CHECKING:
    from idiolect.store import Store
    from idiolect.store.rows import Provenance

UserId = Annotated[str, typer.Argument(metavar="USER", help="The person's id.")]


def ask(
    user: UserId,
    question: Annotated[str, typer.Argument(help="What is asked; '-' reads it from standard input.")],
    history: Annotated[Path | None, typer.Option(help="A file of histories: the method learns them first.")] = None,
    store: Annotated[str | None, typer.Option(help="Where `idiolect fit` kept people: nothing is learnt again.")] = None,
    method: Annotated[str | None, typer.Option(help="Default: rag, or with --store the latest that was fitted.")] = None,
    model: Annotated[str | None, typer.Option(help="As in compare. Default: tiny, or with --store the one fitted.")] = None,
    max_tokens: Annotated[int, typer.Option(help="Longest answer.")] = 64,
    json: options.Json = False,
) -> None:
    """One answer for one person, and what it is made of. Without --history and --store: of the bundled sample.

    Examples: idiolect ask ada-quill 'Write the subject line of this commit.' · idiolect ask ann 'QUESTION' --store FILE
    """
    if history is not None and store is not None:
        raise typer.BadParameter("give --history or --store, not both")
    text = sys.stdin.read().strip() if question == "-" else question
    asked = asking(text, max_tokens=max_tokens)
    if store is not None:
        with opened(store, must_exist=True) as kept:
            person = named(user, [kept.user(known) for known in kept.users() if known == user] or [User(known) for known in kept.users()])
            latest = fitted(kept, user, method, model)
            assistant = reopened(kept, latest, open_model(model or latest.config["model"]), seen(kept, latest.method))
            reply = assistant.replies([user], [asked])[0]
    else:
        assistant, person = learnt(user, open_users(history), method or "rag", model or "tiny")
        reply = assistant.replies([user], [asked])[0]
    if json:
        show.as_json(asdict(reply))
        return
    show.say(reply.text)
    _reasons(reply.because, person.records, assistant.states.get(user, State()))


def export(
    user: UserId,
    store: options.StorePath = options.STORE,
    out: Annotated[Path | None, typer.Option(help="A file; left out: standard output.")] = None,
) -> None:
    """Everything kept of a person, as JSON: records, and what they taught each method.

    Example: idiolect export ann --out ann.json
    """
    with opened(store, must_exist=True) as kept:
        told = json_format.dumps(kept.export(user), indent=2)
    if out is None:
        show.out().out(told, highlight=False)
        return
    with writing(out) as opened_file:
        opened_file.write(told + "\n")
    show.note(f"Written to {out}.")


def erase(
    user: UserId,
    store: options.StorePath = options.STORE,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove everything of a person, and search every byte of the store for what may be left.

    Example: idiolect erase ann
    """
    with opened(store, must_exist=True) as kept:
        if not yes:
            typer.confirm(f"Erase everything of {user!r} from {store}?", abort=True, err=True)
        receipt = kept.erase(user)
    show.say(f"{user}: {show.count(receipt.records, 'record')} and {show.count(receipt.states, 'state')} erased.")
    left = "nothing of them is left" if receipt.clean else f"found in {', '.join(receipt.found)}"
    show.say(f"{receipt.searched_bytes:,} bytes searched: {left}.")
    if receipt.shared:
        show.note(f"What people taught together stays as it was ({', '.join(receipt.shared)}): fit --again learns it without {user}.")
    if not receipt.clean:
        raise typer.Exit(1)


def opened(place: str | Path, must_exist: bool = False) -> Store:
    """The store at a path or a URL, with the keys that the environment names.

    Raises StoreError if it must exist and does not, or cannot be opened.
    """
    from idiolect.store import Store  # imported late: --help stays quick
    from idiolect.store.keys import Keys

    keys = Keys.from_environment(os.environ)
    if "://" in str(place):
        return Store(place, keys=keys)
    path = Path(place)
    if must_exist and not path.is_file():
        raise StoreError(f"there is no store at {path}; make one with `idiolect fit FILE --store {path}`, or name another with --store")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the folder {path.parent} cannot be made: {error.strerror}; name another place with --store") from error
    return Store(path, keys=keys)


def seen(kept: Store, method: str) -> View:
    """What of a person a method may learn from and tell a model: what they consented to, and let be sent there."""
    from idiolect.serve.desk import Desk  # imported late: --help stays quick

    desk = Desk(kept)
    return lambda user, model: desk.view(user, model) if desk.allowed(user.id, method) else User(user.id)


def learnt(user_id: str, users: Sequence[User], method: str, model: str) -> tuple[Assistant, User]:
    """An assistant that knows this person, and what all of them teach together."""
    person = named(user_id, users)
    assistant = Assistant(open_model(model), open_method(method))
    assistant.fit(users)
    assistant.enroll([person])
    return assistant, person


def fitted(kept: Store, user_id: str, method: str | None, model: str | None) -> Provenance:
    """What was fitted last, of this method and model where they are given; a person's own before what all taught together."""
    for found in (kept.provenance(user_id) if kept.version(user_id) else [], kept.taught()):
        wanted = [one for one in found if method in (None, one.method) and model in (None, one.config.get("model"))]
        if wanted:
            return wanted[-1]
    asked = " with ".join(filter(None, (method, model))) or "any method"
    raise StoreError(f"nobody in {kept.place} was learnt by {asked}; run `idiolect fit --store {kept.place}` with it first")


def _reasons(because: Sequence[str], records: Sequence[Record], state: State) -> None:
    """Why this answer: the person's own words where a record bent it, and what is known of them where a fact did."""
    known = {f"record:{record.id}": record.answer for record in records}
    known |= {f"fact:{fact.id}": fact.text for part in (state, *state.parts) for fact in part.facts}
    show.note("\nMade of:" if because else "\nMade of nothing personal.")
    for reason in dict.fromkeys(because):
        show.note(f"  {reason}" + (f"  {known[reason]!r}" if reason in known else ""))
