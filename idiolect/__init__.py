"""Idiolect: any language model, answering each of its users in that person's own way."""

from idiolect import catalogue
from idiolect.assistant import Assistant
from idiolect.errors import IdiolectError
from idiolect.method import Chain, Method
from idiolect.types import (
    Adapter,
    Guide,
    History,
    Message,
    Prefix,
    Record,
    Reply,
    Request,
    Sampling,
    Score,
    State,
    Steering,
    User,
    ask,
)

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "Assistant",
    "Chain",
    "Guide",
    "History",
    "IdiolectError",
    "Message",
    "Method",
    "Prefix",
    "Record",
    "Reply",
    "Request",
    "Sampling",
    "Score",
    "State",
    "Steering",
    "User",
    "ask",
    "catalogue",
]
