"""How numbers, times and people's ids are put on a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from idiolect.evaluation import show

EARLIEST, LATEST = 0.0, 253402300799.0  # what a calendar can say; sources without dates number their records
DATED = 10_000_000.0  # smaller times are numbers, not dates


def when(time: float) -> str:
    """A time of a record as a day ("7 February 2024"), or as its number where it is none."""
    if not DATED <= time <= LATEST:
        return f"no. {time:g}"
    day = datetime.fromtimestamp(time, UTC)
    return f"{day.day} {day:%B %Y}"


def moment(time: float) -> str:
    """A time of today's world, to the minute in universal time: "21 November 2026, 21:30 UTC"."""
    return f"{when(time)}, {datetime.fromtimestamp(time, UTC):%H:%M} UTC"


def stamp(time: float) -> str:
    """The same for machines, "" where it is no date."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds") if DATED <= time <= LATEST else ""


def count(number: int, one: str, many: str = "") -> str:
    """A number and its noun: "no records", "1 record", "2 records"."""
    said = "no" if number == 0 else f"{number:,}"
    return f"{said} {one if number == 1 else many or one + 's'}"


def line(text: str, most: int = 60) -> str:
    """Any text as one short line, such as a person's id."""
    return show.name(" ".join(text.split()), most)


def about(user: str) -> str:
    """The address of what is known of a person; an id may be any text, and two of them mean something else in a path."""
    return "/about?" + urlencode({"user": user}) if user in (".", "..") else "/about/" + quote(user, safe="", errors="surrogatepass")


def talk(user: str) -> str:
    """The address where a person is talked as."""
    return "/?" + urlencode({"user": user}, errors="surrogatepass")


def path(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="", errors="surrogatepass")


GLOBALS: Mapping[str, Callable[..., Any]] = {"count": count, "about": about, "talk": talk}
FILTERS: Mapping[str, Callable[..., Any]] = {"when": when, "stamp": stamp, "moment": moment, "line": line, "path": path, "size": show.size}
