"""The person whom a path names: their key, and the desk that keeps what they set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Concatenate, ParamSpec, TypeVar

from fastapi import Depends, FastAPI, Request
from fastapi import Path as InPath

from idiolect.serve.auditing import audit
from idiolect.serve.desk import Desk
from idiolect.serve.faults import NotFound
from idiolect.serve.gateway import Gateway
from idiolect.serve.here import Here, Now

P = ParamSpec("P")
T = TypeVar("T")
ABOUT = "The person's id, as the application calls them; any text, percent-encoded."


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the caller may reach, known or not: their id, and their key in the store."""

    now: Here
    desk: Desk
    id: str
    key: str

    async def run(self, work: Callable[Concatenate[Desk, str, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work(desk, key, ...)` in a thread: it reads the store."""
        return await self.now.gateway.run(work, self.desk, self.key, *args, **kwargs)

    async def note(self, action: str, **counts: int) -> None:
        """Write into the audit log that this caller did something with this person's data. Raises StoreError."""
        await audit(self.now, action, self.id, **counts)

    async def known(self) -> Person:
        """The same, once it is sure that they are in the store. Raises NotFound."""
        if await self.now.gateway.run(self.desk.store.version, self.key) is None:
            raise NotFound(f"there is no user {self.id!r}: they become known with the first record that is kept of them")
        return self


def attach(app: FastAPI) -> Desk:
    """The desk of an application's gateway, which has people learnt again who let less be seen than before."""
    gateway: Gateway = app.state.gateway
    app.state.desk = desk = gateway.desk

    def relearn(key: str, method: str, spec: str) -> None:
        for model, known in gateway.learnt.items():
            if known == spec:
                app.state.learner.lessons.want(key, model, method)

    desk.relearn = relearn
    return desk


async def person(user: Annotated[str, InPath(description=ABOUT)], now: Now, http: Request) -> Person:
    """The person of a path. Raises NotFound for one who is not the caller's."""
    return Person(now, http.app.state.desk, user, now.caller.reach(user))


Whose = Annotated[Person, Depends(person)]
