"""What a server is started with: one value, which stays as it is while the server runs."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from idiolect.errors import DataError


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server runs. Times are in seconds.

    `keys`: whether callers must have one; None: they must as soon as a key was made, or where others than this machine can call.
    """

    store: str = ".idiolect/people.db"
    models: tuple[str, ...] = ("tiny",)  # the first is asked where none is named
    method: str = "long_term"  # where none is named
    fitted_with: str = ""  # what `fit --model` called the model, where an engine serves it under another name
    host: str = "127.0.0.1"
    port: int = 8000
    keys: bool | None = None
    most_rows: int = 64  # answers under way at once
    most_waiting: int = 256  # and those that may wait; beyond, 429
    timeout: float = 120.0  # for one answer
    max_tokens: int = 256  # where the caller does not say
    threads: int = 8  # for what would block: the store, methods that ask models by themselves
    replies: int = 100  # of each person's, kept so that they can be explained and rated
    key_per_minute: int = 6000  # requests of one key; 0: no limit, and none where no key is needed
    person_per_minute: int = 600  # and about one person
    metrics: Literal["auto", "open", "operator", "off"] = "auto"  # who reads /metrics; auto: an operator, or anybody on this machine
    logs: Literal["auto", "json", "text", "off"] = "auto"  # auto: text for a terminal
    traces: str = ""  # where OpenTelemetry's spans are sent (OTLP over HTTP); "": nowhere
    grace: float = 10.0  # for answers under way when the server is told to stop

    def __post_init__(self) -> None:
        if not self.models:
            raise DataError("a server needs a model: name one with --model, such as tiny")
        if min(self.most_rows, self.threads) < 1 or self.most_waiting < 0 or self.timeout <= 0 or self.max_tokens < 1:
            raise DataError(f"out of range (most_rows, threads, max_tokens >= 1; most_waiting >= 0; timeout > 0): {self}")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
