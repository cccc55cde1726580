"""Server-sent events: a stream of bytes in, the data of each event out."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator


def events(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event in `chunks`, which may break anywhere, inside a character too.

    Comments and the other fields are left out, data lines of one event are joined by a newline, and an event that was
    not closed by an empty line when the stream ended is not told, as the HTML standard has it (section 9.2.6).
    """
    data: list[str] = []
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        if not line and data:
            yield "\n".join(data)
            data = []
        elif name == "data":
            data.append(value.removeprefix(" "))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines that ended in LF, CRLF or CR, and in nothing else: `str.splitlines` would also break at U+2028, which JSON may hold."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
    left = ""
    for chunk in chunks:
        left += decoder.decode(chunk)
        held = "\r" if left.endswith("\r") else ""  # perhaps half of a CRLF
        *whole, left = left.removesuffix(held).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        left += held
        yield from whole
    if left.endswith("\r"):
        yield left[:-1]
