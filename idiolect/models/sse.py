"""Server-sent events: a stream of bytes in, the data of each event out."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator


class Events:
    """Bytes as they come, which may break anywhere, inside a character too; the data of each event that they complete.

    Comments and the other fields are left out, data lines of one event are joined by a newline, and an event that was
    not closed by an empty line when the stream ended is not told, as the HTML standard has it (section 9.2.6).
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._left = ""
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> list[str]:
        """The data of the events that end in this chunk."""
        # `str.splitlines` would also break at U+2028, which JSON may hold
        text = self._left + self._decoder.decode(chunk)
        held = "\r" if text.endswith("\r") else ""  # perhaps half of a CRLF
        *whole, left = text.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._left = left + held
        return list(self._told(whole))

    def end(self) -> list[str]:
        """The data of the event that the end of the stream completes: a lone CR may have been its last line."""
        left, self._left = self._left, ""
        return list(self._told([left[:-1]])) if left.endswith("\r") else []

    def _told(self, lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            name, _, value = line.partition(":")
            if not line and self._data:
                yield "\n".join(self._data)
                self._data = []
            elif name == "data":
                self._data.append(value.removeprefix(" "))


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event in `chunks`, as they come."""
    made = Events()
    for chunk in chunks:
        yield from made.feed(chunk)
    yield from made.end()
