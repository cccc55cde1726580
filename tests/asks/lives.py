"""People for the asks: a store on the disk, models that say back what they are told, and models that must not be asked."""

from __future__ import annotations

from pathlib import Path

from idiolect.assistant import Assistant, Kept
from idiolect.errors import ModelError
from idiolect.memory.long_term import LongTerm
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM
from idiolect.store import Store
from idiolect.types import Fact, Record, Reply, Request, ask

HOUR = 3600.0


def said(text: str, hour: float = 0.0, prompt: str = "", **about: str) -> Record:
    """What a person wrote at an hour."""
    return Record(prompt, text, hour * HOUR, **about)  # type: ignore[arg-type]


def echoing() -> ScriptedLM:
    """A model that says back all that it was told."""
    return ScriptedLM(lambda request: "\n\n".join(message.content for message in request.messages))


def silent() -> ScriptedLM:
    """A model that fails whoever asks it."""

    def fail(request: Request) -> str:
        raise ModelError("the model was asked")

    return ScriptedLM(fail)


def assistant(store: Store | None = None, method: Method | None = None, lm: LM | None = None) -> Assistant:
    """LongTerm, kept in `store` where there is one."""
    method = method or LongTerm()
    kept = None if store is None else Kept(store, type(method).__name__, method.config)
    return Assistant(lm or silent(), method, kept)


def told(who: Assistant, question: str, user_id: str = "ann") -> str:
    """What the model would be told before the question."""
    return "\n".join(message.content for message in request(who, question, user_id).messages[:-1])


def request(who: Assistant, question: str, user_id: str = "ann") -> Request:
    """The request that would be put to the model."""
    bent = who.personalize([user_id], [ask(question, max_tokens=400)])[0]
    if isinstance(bent, Reply):
        raise TypeError("the method answered by itself")
    return bent


def facts(who: Assistant, user_id: str = "ann") -> tuple[Fact, ...]:
    """All facts in a person's state, those that are over among them."""
    who.personalize([user_id], [ask("?")])
    return who.states[user_id].facts if user_id in who.states else ()


def database(folder: Path) -> Path:
    """Where the people of a test are kept."""
    return folder / "people.db"
