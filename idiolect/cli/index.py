"""`idiolect reindex`: everybody's vectors made anew by another embedder, while the old ones still answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

from typer import Option

from idiolect.cli import options, show
from idiolect.cli.people import opened

if TYPE_CHECKING:
    from idiolect.store.spaces import Space

EmbedderName = Annotated[
    str, Option(help="'minilm', 'hash' (needs nothing), a sentence-transformers name or folder, or an endpoint: http://HOST:PORT/v1#NAME")
]


def reindex(
    store: options.StorePath = options.STORE,
    embedder: EmbedderName = "minilm",
    at_once: Annotated[int, Option(help="Texts embedded together.", min=1)] = 1024,
    json: options.Json = False,
) -> None:
    """Make the vectors of everybody's records, or make them anew with another embedder. What was stopped goes on where it was.

    Searches go on meanwhile, by the old vectors until the last new one is there. Example: idiolect reindex --embedder hash
    """
    from idiolect.retrieval.encoding import open_embedder  # imported late: --help stays quick
    from idiolect.retrieval.index import Index, Progress

    with opened(store, must_exist=True) as kept, show.progress() as bars:
        former, start = kept.vectors.current(), time.monotonic()
        bar = bars.add_task("people", total=len(kept.users()))

        def tell(so_far: Progress) -> None:
            bars.update(bar, completed=so_far.done, total=so_far.people)

        made = Index(kept).reindex(open_embedder(embedder), tell, at_once)
        now, people = kept.vectors.current(), len(kept.users())
    seconds = time.monotonic() - start
    if json:
        told = {"records": made, "people": people, "seconds": round(seconds, 3)}
        show.as_json({**told, "embedder": now and _about(now), "former": former and _about(former)})
        return
    show.say(f"{show.count(made, 'record')} of {show.count(people, 'user')} embedded by {now} in {seconds:,.1f} s.")
    if former and now and not former.same(now):
        show.note(f"The vectors of {former} are gone: who searched with that embedder goes on with {embedder!r}.")


def _about(space: Space) -> dict[str, str | int]:
    return {"name": space.name, "width": space.width, "fingerprint": space.fingerprint}
