"""What somebody says of an answer: thumbs, points, a choice, an edit, words. It is kept as theirs, and the next answer knows it."""

from __future__ import annotations

import time
from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from idiolect.assistant import Observed
from idiolect.errors import RequestError
from idiolect.serve import idempotent, keeping
from idiolect.serve.desk import Desk
from idiolect.serve.gateway import Gateway, Served
from idiolect.serve.here import Now
from idiolect.serve.paths import Ascii, Quoted
from idiolect.serve.person import Person
from idiolect.store import ratings
from idiolect.store.replies import Given
from idiolect.types import Kind, Record, digest

router = APIRouter(prefix="/v1", tags=["People"], route_class=Quoted, default_response_class=Ascii)
THUMBS = {"up": "5", "down": "1"}  # on the scale of ratings
Words = Annotated[str, Field(min_length=1, max_length=1_000_000)]


class Choice(BaseModel):
    """Of two replies, the one that was taken."""

    model_config = ConfigDict(extra="forbid")

    chosen: Words
    rejected: Words


class Feedback(BaseModel):
    """One of thumbs, rating, choice, edit and words, about a reply by its id; or about a text that is given, with whose it is."""

    model_config = ConfigDict(extra="forbid")

    reply: str | None = Field(None, description="The id of the answer.")
    thumbs: Literal["up", "down"] | None = None
    rating: float | None = Field(None, ge=-1e6, le=1e6, description="Points, on whatever scale is always used; 1 to 5 is usual.")
    choice: Choice | None = None
    edit: Words | None = Field(None, description="The text as they would have it.")
    words: Words | None = Field(None, description="What was wrong with it, or is to be otherwise.")
    user: str | None = Field(None, description="Whose it is, where there is no reply's id.")
    question: str = Field("", max_length=1_000_000, description="What was asked, where there is no reply's id.")
    text: str = Field("", max_length=1_000_000, description="What was answered, where there is no reply's id.")
    model: str | None = Field(None, description="Who answered, as in /v1/models, where there is no reply's id.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        said = [name for name in ("thumbs", "rating", "choice", "edit", "words") if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError("give exactly one of thumbs, rating, choice, edit and words" + (f", not {' and '.join(said)}" if said else ""))
        return self

    def record(self, question: str, text: str, record_id: str) -> Record:
        """What is kept of it."""
        kind, answer, other = self._said(text)
        return Record(question, answer, time.time(), record_id, kind, other)

    def _said(self, text: str) -> tuple[Kind, str, str]:
        if self.choice is not None:
            return "choice", self.choice.chosen, self.choice.rejected
        if self.edit is not None:
            return "edit", self.edit, text
        if self.words is not None:
            return "correction", self.words, text
        return "rating", f"{self.rating:g}" if self.rating is not None else THUMBS[str(self.thumbs)], text


@router.post("/feedback")
async def feedback(body: Feedback, now: Now, http: Request) -> dict[str, Any]:
    """Say something of an answer. It is kept as a record of the person's, observed by the method that answered, and told what changed.

    A reply has one rating: another one takes its place. 409 for a kind of data that the person did not consent to.
    """
    if body.reply is not None:
        given = await now.answers.get(now.caller, body.reply)
        person = now.caller.own(given.user) or ""
    elif body.user is not None or now.caller.person is not None:
        person = body.user or now.caller.person or ""
        served = now.gateway.served(body.model)
        given = Given("", now.caller.reach(person), time.time(), served.model, served.method, body.question, body.text, ())
    else:
        raise RequestError("say what it is about: 'reply', the id of an answer, or 'user' with 'question' and 'text'")
    whose = Person(now, http.app.state.desk, person, given.user)
    once = idempotent.of(http)
    record, seen = await whose.run(_observed, now.gateway, body, given, once.record_id() or "")
    await whose.note("records.add", records=len(seen.records))
    told = {"object": "feedback", "record": record.id, "kind": record.kind, "new": bool(seen.records), "changed": list(seen.changed)}
    once.keep(told, whose.key)
    return {**told, "user": person, "method": given.method}


def _observed(desk: Desk, key: str, gateway: Gateway, body: Feedback, given: Given, name: str) -> tuple[Record, Observed]:
    """Keep what was said through the assistant that answered; where its method may not be used for this person, or is gone, it is kept."""
    record = body.record(given.question, given.text, name)
    keeping.refuse(desk, key, record.kind)
    if given.id:
        record = body.record(given.question, given.text, _name(given.id, record))
        known = desk.pages.named(key, [record.id]).get(record.id)
        if known is not None and known.answer != record.answer and ratings.replace(desk.store._session, key, record):
            with desk.again(key):
                desk.store.unlearn(key)
            return record, Observed((record.id,), ("records",))
    if given.model not in gateway.voices or not desk.allowed(key, given.method):
        return record, Observed((record.id,) if desk.store.add(key, [record]) else (), ())
    return record, gateway.assistant(Served(given.model, given.method)).observe(key, record)


def _name(reply_id: str, record: Record) -> str:
    """The id of what is said of a reply: of ratings there is one, of anything else one for each wording."""
    return digest("feedback", reply_id, *([] if record.kind == "rating" else [record.kind, record.answer, record.other]))
