"""`idiolect keys`: keys made, listed and revoked on the machine itself, and the audit log read and verified."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from idiolect.cli import options, show
from idiolect.cli.people import opened
from idiolect.errors import StoreError
from idiolect.extras import need

if TYPE_CHECKING:
    from idiolect.store.accounts import ApiKey
    from idiolect.store.audit import Entry

app = typer.Typer(help="Who may call the server: its API keys.", no_args_is_help=True)
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
ALL = 1_000_000  # more keys than anybody has


def lasting(text: str) -> float:
    """The seconds in "90d", "12h", "30m", "2w"."""
    read = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text)
    if read is None:
        raise typer.BadParameter(f"--expires is a number and one of m, h, d, w, such as 90d; not {text!r}")
    return float(read[1]) * UNITS[read[2]]


@app.command()
def add(
    application: Annotated[str, typer.Option(help="Whose key it is; left out: of the application without a name, `idiolect fit`'s.")] = "",
    role: Annotated[str, typer.Option(help="application: its people. operator: keys, the audit log, and its people.")] = "application",
    label: Annotated[str, typer.Option(help="What you know it by.")] = "",
    expires: Annotated[str, typer.Option(help="After how long it opens nothing more, such as 90d. Default: never.")] = "",
    store: options.StorePath = options.STORE,
    json: options.Json = False,
) -> None:
    """Make a key, and show it once: only its digest is kept.

    Example: idiolect keys add --application shop --label 'the shop, in production' --expires 90d
    """
    from idiolect.store.accounts import Accounts  # imported late: --help stays quick
    from idiolect.store.audit import CLI, Audit

    until = time.time() + lasting(expires) if expires else None
    with opened(store) as kept:
        secret, made = Accounts(kept._session).add(application, role, label, until)
        Audit(kept._session).append(CLI, "keys.add", counts={"expires": int(until or 0)})
    if json:
        show.as_json({**asdict(made), "key": secret})
        return
    show.say(secret)
    show.note(f"{made.id}: {role}{f' of {application}' if application else ''}. It is shown this once; only a digest of it is kept.")
    show.note(f"Send it as 'Authorization: Bearer KEY'. Revoke it with: idiolect keys revoke {made.id} --store {store}")


@app.command("list")
def list_(store: options.StorePath = options.STORE, json: options.Json = False) -> None:
    """All keys, without their secrets; those revoked and expired too."""
    from idiolect.store.accounts import Accounts

    with opened(store, must_exist=True) as kept:
        found = Accounts(kept._session).keys(ALL)
    if json:
        show.as_json([asdict(one) for one in found])
        return
    rows = [(one.id, one.application or "(no name)", one.role, one.label, _day(one.used), _state(one)) for one in found]
    _table(("id", "application", "role", "label", "last used", "state"), rows)


@app.command()
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="`idiolect keys list` has them.")],
    store: options.StorePath = options.STORE,
    json: options.Json = False,
) -> None:
    """Let a key open nothing any more, nor the tokens that it made; running servers see it within seconds."""
    from idiolect.store.accounts import Accounts
    from idiolect.store.audit import CLI, Audit

    with opened(store, must_exist=True) as kept:
        found = Accounts(kept._session).revoke(key)
        if found is None:
            raise StoreError("there is no key of this id; `idiolect keys list` lists those there are")
        Audit(kept._session).append(CLI, "keys.revoke")
    if json:
        show.as_json(asdict(found))
        return
    show.say(f"{found.id} is revoked, and every token that it made.")


@app.command()
def audit(
    user: Annotated[str | None, typer.Option(help="Whose entries: the person's id, also of one who was erased.")] = None,
    application: Annotated[str, typer.Option(help="The application that they are of.")] = "",
    verify: Annotated[bool, typer.Option("--verify", help="Read the whole log: is each entry as it was written?")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many entries.")] = 50,
    store: options.StorePath = options.STORE,
    json: options.Json = False,
) -> None:
    """Who did what to whose data, the last first.

    Examples: idiolect keys audit --user ann --application shop · idiolect keys audit --verify
    """
    need("fastapi", "the audit log of a server")
    from idiolect.serve.callers import place
    from idiolect.store.audit import Audit

    with opened(store, must_exist=True) as kept:
        log = Audit(kept._session)
        checked = log.verify() if verify else None
        found = [] if verify else log.entries(limit, None, None if user is None else place(application, user))
    if checked is None:
        _entries(found, json)
        return
    if json:
        show.as_json({**asdict(checked), "whole": checked.whole})
    else:
        broken = f"entry {checked.broken} is not as it was written, or missing." if checked.broken else "all as they were written."
        show.say(f"{show.count(checked.entries, 'entry')}: {broken}")
        show.note(f"The last one's digest is {checked.head}: keep both elsewhere to tell a log that was cut off.")
    if not checked.whole:
        raise typer.Exit(1)


def _entries(found: list[Entry], json: bool) -> None:
    if json:
        show.as_json([asdict(one) for one in found])
        return
    rows = [(str(one.number), _when(one.at), one.key, one.role, one.action, _counts(one.counts)) for one in found]
    _table(("number", "when", "key", "role", "action", "counts"), rows)


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in counts.items())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    table = Table(*head, box=None, header_style="bold")
    for row in rows:
        table.add_row(*row)
    show.out().print(table, soft_wrap=True)


def _state(key: ApiKey) -> str:
    if key.revoked is not None:
        return f"revoked {_when(key.revoked)}"
    if key.expires is None:
        return "lasts"
    return f"{'until' if key.live(time.time()) else 'expired'} {_when(key.expires)}"


def _day(day: int | None) -> str:
    return "never" if day is None else datetime.fromtimestamp(day * 86_400, UTC).date().isoformat()


def _when(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
