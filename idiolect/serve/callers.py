"""Who asks, and whom they may ask for: the one place where an application and a person become a person's key in the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from idiolect.errors import RequestError
from idiolect.serve.faults import NotFound

Role = Literal["application", "operator", "person"]
ROLES: tuple[Role, ...] = ("application", "operator", "person")
BETWEEN = "\x1f"  # an application's name holds no such character, so the first one ends it
LONGEST = 512  # characters of a person's id


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key: of which application, in which role, and, where it is a person's own, whose.

    Applications share nothing: the same id under two of them is two people. Without keys there is one application, "".
    """

    application: str = ""
    role: Role = "operator"
    person: str | None = None
    key: str = "open"  # names the key in the audit log and in limits; it is not the secret

    def reach(self, person: str) -> str:
        """The store's key of a person of this caller's application.

        Raises NotFound where it is another's than the caller's own: who may not know that somebody is there is not told.
        """
        if self.person is not None and person != self.person:
            raise NotFound(f"there is no user {person!r}")
        if not person or len(person) > LONGEST:
            raise RequestError(f"a user's id has 1 to {LONGEST} characters, not {len(person)}")
        return place(self.application, person)

    def own(self, key: str) -> str | None:
        """The person's id, as this caller says it, of a key in the store; None where it is not theirs to know."""
        application, person = parts(key)
        return person if application == self.application and self.person in (None, person) else None


def place(application: str, person: str) -> str:
    """The store's key: the id itself where there is only one application, so that `idiolect fit` and `serve` know the same people."""
    return f"{application}{BETWEEN}{person}" if application or BETWEEN in person else person


def parts(key: str) -> tuple[str, str]:
    """The application and the person that `place` made a key of."""
    application, between, person = key.partition(BETWEEN)
    return (application, person) if between else ("", key)


def prefix(application: str) -> str:
    """What the keys of all of an application's people begin with; "" for the one without a name."""
    return f"{application}{BETWEEN}" if application else ""
