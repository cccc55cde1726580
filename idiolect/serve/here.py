"""What a route is given: the server's parts, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from idiolect.serve.answers import Answers
from idiolect.serve.callers import Caller
from idiolect.serve.faults import Forbidden
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings


class Gate(Protocol):
    """Says who is calling."""

    async def caller(self, http: Request) -> Caller:
        """The caller of a request. Raises Unauthorized, or TooMany."""
        ...


class Open:
    """The gate of a server that only this machine can reach, and that has no keys: everybody is its operator."""

    async def caller(self, http: Request) -> Caller:
        """The operator."""
        return Caller()


@dataclass(frozen=True, slots=True)
class Here:
    """A server and one caller of it."""

    gateway: Gateway
    answers: Answers
    caller: Caller

    @property
    def settings(self) -> Settings:
        """What the server was started with."""
        return self.gateway.settings

    def operator(self) -> Here:
        """The same, for an operator. Raises Forbidden for others."""
        if self.caller.role != "operator":
            raise Forbidden("this needs an operator's key: make one with `idiolect keys add --role operator`")
        return self

    def trusted(self) -> Here:
        """The same, for an application or an operator, not a person. Raises Forbidden."""
        if self.caller.role == "person":
            raise Forbidden("this needs an application's key; a person's own token reaches what is theirs")
        return self


async def here(http: Request) -> Here:
    """The server of a request, and its caller. Raises Unauthorized or TooMany."""
    state = http.app.state
    caller = await state.gate.caller(http)
    http.state.caller = caller
    return Here(state.gateway, state.answers, caller)


Now = Annotated[Here, Depends(here)]
