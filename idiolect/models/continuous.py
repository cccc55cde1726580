"""One thread that decodes for everybody: requests join those in flight, each bent in its own way, and leave when they are done.

Between two steps at most `prefill` tokens of newcomers' prompts are read: those in flight wait no longer than that takes. Who came first is
read first, and nobody passes those who wait for room. A prompt longer than `prefill` is read in stretches of half of it, one such prompt
at a time, and short ones pass those that wait for their turn: a person with a long history does not keep the others from beginning.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from idiolect.errors import IdiolectError, ModelError
from idiolect.models.decode import Flight, Reading
from idiolect.models.group import Group
from idiolect.models.join import voices
from idiolect.models.local import LocalLM
from idiolect.models.ticket import Ear, Ticket, wake
from idiolect.models.turns import Busy, Stats
from idiolect.types import Reply, Request

PREFILL = 512  # prompt tokens read between two steps: on a small model they take as long as three steps of 64 rows
PATIENCE = 1.0, 60.0  # seconds after which one who was refused may come again, at least and at most


class Continuous:
    """Requests of many people through one local model, each with the tokens that `lm.generate` gives it alone, ties within rounding apart.

    At most `most_rows` rows are in flight, and what they may grow to stays within `token_budget` tokens (the model's own where it is not
    given): that bounds what is kept of them. What is beyond either by itself goes alone. At most `most_waiting` requests wait.
    """

    def __init__(
        self, lm: LocalLM, *, most_rows: int = 64, most_waiting: int = 256, token_budget: int | None = None, prefill: int = PREFILL
    ) -> None:
        self.lm, self.most_rows, self.most_waiting, self.prefill = lm, most_rows, most_waiting, prefill
        self.token_budget = token_budget or lm.token_budget
        self._changed = threading.Condition()  # around the queue and the next two, which other threads touch
        self._waiting: deque[Ticket] = deque()
        self._closed = self._stopped = False
        self._flights: list[Flight] = []
        self._aboard: list[Ticket] = []
        self._long: Ticket | None = None  # with a long prompt, which is being read
        self._reading: Reading | None = None
        self._tokens = self._finished = self._refused = 0
        self._ends: deque[float] = deque(maxlen=64)  # when the last answers were done
        self._thread = threading.Thread(target=self._run, name="idiolect decodes", daemon=True)
        self._thread.start()
        atexit.register(self.close, 0)  # a thread that still multiplies when the interpreter is gone brings the process down

    def submit(self, request: Request, *, deadline: float | None = None, logprobs: int = 0) -> Ticket:
        """A ticket, at once. `deadline` is in seconds from now; `logprobs` asks for so many of the likeliest tokens.

        Raises Busy where too many wait, ModelError or RequestError for what the model cannot do, and ModelError after `close`.
        """
        self.lm._check([request])
        voices(request)
        until = None if deadline is None else time.monotonic() + deadline
        ticket = Ticket(request, until, logprobs, lambda token: str(self.lm.tokenizer.decode([token])), self._notify)
        with self._changed:
            if self._closed:
                raise ModelError("the model takes no more requests here: it is being closed; ask again when the server is back")
            if len(self._waiting) >= self.most_waiting:
                self._refused, patience = self._refused + 1, self._patience()
                raise Busy(f"{len(self._waiting)} requests wait already: come again in {patience:.0f} s", patience)
            self._waiting.append(ticket)
            self._changed.notify_all()
        return ticket

    def close(self, timeout: float) -> None:
        """Take no more. What is in flight or waits is answered within `timeout` seconds, or ends with finish "cancelled"."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join()
        atexit.unregister(self.close)

    def stats(self) -> Stats:
        """At this moment."""
        long = self._long
        rows = sum(flight.rows for flight in self._flights) + (len(long.group.rows) if long and long.group else 0)
        return Stats(rows, len(self._waiting), self._tokens, self._finished, self._refused)

    def _notify(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _patience(self) -> float:
        """About when a quarter of those who wait will have begun, at the pace of late."""
        if len(self._ends) < 2:
            return PATIENCE[0]
        pace = len(self._ends) / max(time.monotonic() - self._ends[0], 1e-3)
        return min(max(len(self._waiting) / 4 / pace, PATIENCE[0]), PATIENCE[1])

    def _run(self) -> None:
        while self._more():
            try:
                self._round()
            except Exception as error:  # noqa: BLE001  # whatever happened, the next are answered
                self._flights = []
                self._end(self._everybody(), _because(error, "decoding broke down for everybody"))
        self._end(self._everybody(), _last_word)

    def _more(self) -> bool:
        """Wait until there is something to do. Whether there is."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._stopped or self._aboard or self._waiting or self._long)
            return not self._stopped and bool(self._aboard or self._waiting or self._long)

    def _round(self) -> None:
        """See off who leaves, let newcomers begin, and write one more token for everybody."""
        self._see_off()
        self._tell(self._admit())
        for flight in self._flights:
            try:
                flight.step()
            except Exception as error:  # noqa: BLE001  # those of this flight end with it, and the next are answered
                self._break(flight, error)
        self._tell(self._aboard)
        self._flights = [flight for flight in self._flights if flight.groups]

    def _see_off(self) -> None:
        leaving = [ticket for ticket in self._everybody() if ticket.is_leaving]
        if not leaving:
            return
        for flight in self._flights:
            if own := [ticket.group for ticket in leaving if ticket.group in flight.groups]:
                flight.leave([group for group in own if group])
        self._end(leaving, _last_word)

    def _admit(self) -> list[Ticket]:
        """Read on in the long prompt, and what the budget allows of newcomers'. Who begins."""
        left = self.prefill - (self.prefill // 2 if self._long else 0)
        return [*self._read_on(), *self._begin(self._chosen(left))]

    def _chosen(self, left: int) -> list[Ticket]:
        """Who begins now: first come, first read, within `left` tokens and the room there is."""
        chosen: list[Ticket] = []
        costs = [ticket.group.cost for ticket in (*self._aboard, self._long) if ticket and ticket.group]
        rows, tokens = sum(rows for rows, _ in costs), sum(rows * longest for rows, longest in costs)
        with self._changed:
            queue = list(self._waiting)
        for ticket in queue:
            group = ticket.group or self._encoded(ticket)
            if group is None or (group.prompt_tokens > self.prefill and self._long):
                continue
            more, longest = group.cost
            if rows and (rows + more > self.most_rows or tokens + more * longest > self.token_budget):
                break
            if group.prompt_tokens > self.prefill:
                self._take([ticket])
                self._long = ticket
            elif chosen and group.prompt_tokens > left:
                break
            else:
                chosen.append(ticket)
                left -= group.prompt_tokens
            rows, tokens = rows + more, tokens + more * longest
        self._take(chosen)
        return chosen

    def _encoded(self, ticket: Ticket) -> Group | None:
        """What is to be written, from its beginning; None where that cannot be, and the ticket has ended."""
        try:
            ticket.group = self.lm._group(ticket.request)
        except Exception as error:  # noqa: BLE001  # whatever one request does, the others go on
            self._end([ticket], _because(error, "the prompt could not be made"))
            return None
        ticket.group.tops = ticket.tops
        return ticket.group

    def _read_on(self) -> list[Ticket]:
        """A stretch of the long prompt; who begins, once it is read."""
        ticket = self._long
        if ticket is None or ticket.group is None:
            return []
        try:
            self._reading = self._reading or Reading(self.lm.engine, [ticket.group])
            if not self._reading.read(max(1, self.prefill // 2)):
                return []
            self._reading.begin()
        except Exception as error:  # noqa: BLE001  # whatever one request does, the others go on
            self._end([ticket], _because(error, "the prompt could not be read"))
            return []
        reading, self._long, self._reading = self._reading, None, None
        self._board([ticket], reading)
        return [ticket]

    def _begin(self, tickets: Sequence[Ticket]) -> list[Ticket]:
        """Read these prompts and take them on board. Where that fails, each is tried alone, from its beginning."""
        groups = [ticket.group for ticket in tickets if ticket.group]
        if not groups:
            return []
        try:
            reading = Reading(self.lm.engine, groups)
            reading.read()
            reading.begin()
        except Exception as error:  # noqa: BLE001  # whatever one request does, the others go on
            if len(tickets) > 1:
                return [begun for ticket in tickets if self._encoded(ticket) for begun in self._begin([ticket])]
            self._end(tickets, _because(error, "the prompt could not be read"))
            return []
        self._board(tickets, reading)
        return list(tickets)

    def _board(self, tickets: Sequence[Ticket], reading: Reading) -> None:
        flight = next((flight for flight in self._flights if flight.open), None)
        if flight is None:
            self._flights.append(flight := Flight(self.lm.engine))
        self._aboard += tickets
        try:
            flight.join(reading)
        except Exception as error:  # noqa: BLE001  # as in a step
            flight.groups += [group for group in reading.groups if group not in flight.groups]
            self._break(flight, error)

    def _break(self, flight: Flight, error: Exception) -> None:
        """Give up a flight that is no longer whole."""
        self._flights = [other for other in self._flights if other is not flight]
        own = [ticket for ticket in self._aboard if ticket.group in flight.groups]
        self._end(own, _because(error, f"decoding broke down for all {len(own)} requests in flight"))

    def _tell(self, tickets: Iterable[Ticket]) -> None:
        """Hand out what one more token has made of each text, and end who is done."""
        done: list[Ticket] = []
        whom: list[Ear] = []
        for ticket in tickets:
            if (group := ticket.group) is None or ticket.ended:
                continue
            self._tokens += 1
            ticket.note()
            if group.writing.done:
                done.append(ticket)
            elif ticket.streamed and (piece := group.writing.piece()):
                whom += ticket.put(piece)
        wake(whom)
        self._finished += len(done)
        self._ends += [time.monotonic()] * len(done)
        self._end(done, lambda ticket: ticket.group.reply if ticket.group else ticket.last_word)

    def _end(self, tickets: Sequence[Ticket], result: Callable[[Ticket], Reply | Exception]) -> None:
        if not tickets:
            return
        self._take(tickets)
        self._aboard = [ticket for ticket in self._aboard if ticket not in tickets]
        if self._long in tickets:
            self._long = self._reading = None
        wake([one for ticket in tickets for one in ticket.end(result(ticket))])

    def _take(self, tickets: Sequence[Ticket]) -> None:
        """Out of the queue."""
        with self._changed:
            self._waiting = deque(ticket for ticket in self._waiting if ticket not in tickets)

    def _everybody(self) -> list[Ticket]:
        with self._changed:
            return [*self._waiting, *([self._long] if self._long else []), *self._aboard]


def _last_word(ticket: Ticket) -> Reply | Exception:
    return ticket.last_word


def _because(error: BaseException, what: str) -> Callable[[Ticket], Exception]:
    """The error that ends a ticket: its own where it says what to do, else one that names it."""
    if isinstance(error, IdiolectError):
        return lambda ticket: error
    made = ModelError(f"{what}: {type(error).__name__}: {error}")
    made.__cause__ = error
    return lambda ticket: made
