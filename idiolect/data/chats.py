"""Conversations as records: which message answers which, without ever mixing the two sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from idiolect.errors import DataError

Speaker = Literal["user", "assistant"]
TIMES = ("created_at", "create_time", "timestamp", "time")


@dataclass(frozen=True, slots=True)
class Turn:
    """A message of the speaker, the other side's message that it answers ("" for none), and its time if it has one."""

    prompt: str
    answer: str
    time: Any = None


def turns(messages: Any, speaker: Speaker = "user") -> Iterator[Turn]:
    """The messages of `speaker`, each with the nearest earlier message of the other side.

    "user" (the default): what the person wrote in their own chats, answering the assistant. "assistant": data for
    fine-tuning, in which the assistant's message is the answer that is wanted of the model. System and tool messages
    belong to neither. Content is text or a list of parts, of which the text is taken. Raises DataError.
    """
    check_speaker(speaker)
    if not isinstance(messages, list):
        raise DataError("`messages` is not a list")
    heard = ""
    for message in messages:
        if not isinstance(message, Mapping) or "role" not in message:
            raise DataError("a message has no role")
        text = _content(message.get("content"))
        if message["role"] == speaker and text.strip():
            yield Turn(heard, text, next((message[name] for name in TIMES if message.get(name) is not None), None))
        elif message["role"] in ("user", "assistant") and message["role"] != speaker and text.strip():
            heard = text


def check_speaker(speaker: str) -> None:
    """Raises DataError unless `speaker` is one of the two sides."""
    if speaker not in ("user", "assistant"):
        raise DataError(f"speaker is 'user' or 'assistant', not {speaker!r}")


def _content(content: Any) -> str:
    if content is None:  # an assistant that only called a tool
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise DataError(f"a message's content is not text or a list of parts but {type(content).__name__}")
    parts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
    return "\n".join(part for part in parts if isinstance(part, str))
