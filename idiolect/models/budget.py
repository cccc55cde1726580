"""What each person costs, call by call, and a budget at which it stops before the model is asked."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from idiolect.errors import BudgetError
from idiolect.models.lm import BYTES_A_TOKEN, LM
from idiolect.models.metered import Meter, Metered
from idiolect.types import Reply, Request, Score

DAY = 86400
PAYER: ContextVar[str] = ContextVar("payer", default="")


@dataclass(frozen=True, slots=True)
class Budget:
    """What one person may use `per` UTC day or month, or ever: calls, and tokens of prompts and replies together (None: no limit)."""

    calls: int | None = None
    tokens: int | None = None
    per: Literal["day", "month", "ever"] = "day"

    def starts(self, now: float) -> int:
        """The first day that counts, in days since 1970."""
        today = datetime.fromtimestamp(now, UTC)
        first = {"day": today, "month": today.replace(day=1), "ever": datetime.fromtimestamp(0, UTC)}[self.per]
        return int(first.timestamp()) // DAY

    def ends(self, now: float) -> str:
        """When it starts anew, in words."""
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        later = today + timedelta(days=1) if self.per == "day" else (today.replace(day=28) + timedelta(days=4)).replace(day=1)
        return "never" if self.per == "ever" else f"{later:%Y-%m-%d %H:%M} UTC"


class Ledger(Protocol):
    """Who used how much on which day: `Store.usage`, which lasts, or a `Tally`."""

    def add(self, user_id: str, model: str, day: int, calls: int, prompt_tokens: int, tokens: int) -> bool:
        """Count for a person, and whether it could be: somebody unknown is not."""
        ...

    def spent(self, user_id: str, since: int) -> tuple[int, int, int]:
        """Calls, tokens of prompts, and tokens of replies, from day `since` on."""
        ...


class Tally:
    """A ledger that lasts as long as the process."""

    def __init__(self) -> None:
        self._days: dict[str, dict[int, tuple[int, int, int]]] = {}

    def add(self, user_id: str, model: str, day: int, calls: int, prompt_tokens: int, tokens: int) -> bool:
        """Count for anybody."""
        own = self._days.setdefault(user_id, {})
        before = own.get(day, (0, 0, 0))
        own[day] = (before[0] + calls, before[1] + prompt_tokens, before[2] + tokens)
        return True

    def spent(self, user_id: str, since: int) -> tuple[int, int, int]:
        """Calls, tokens of prompts, and tokens of replies, from day `since` on."""
        mine = [counts for day, counts in self._days.get(user_id, {}).items() if day >= since]
        return sum(row[0] for row in mine), sum(row[1] for row in mine), sum(row[2] for row in mine)


class Budgeted(Metered):
    """`inner`, counted in `ledger` for whoever pays (`paid_by`), and refused to them once their budget is used up.

    Calls for nobody in particular are in `meter` alone and have no limit. A call is refused before the model is asked; the
    tokens of one that was let through may exceed what was left, and threads may each be let through at the same moment. What
    threads and tasks ask goes to their own payer.
    """

    def __init__(
        self, inner: LM, budget: Budget | None = None, ledger: Ledger | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__(inner)
        self.budget, self.ledger, self.clock = budget or Budget(), ledger or Tally(), clock
        self._strangers = Tally()  # people that the ledger does not know

    @contextlib.contextmanager
    def paid_by(self, user_id: str) -> Iterator[None]:
        """Everything asked in this block counts for this person."""
        token = PAYER.set(user_id)
        try:
            yield
        finally:
            PAYER.reset(token)

    def spent(self, user_id: str) -> Meter:
        """What a person used in the budget's current day, month, or ever."""
        since = self.budget.starts(self.clock())
        both = zip(self.ledger.spent(user_id, since), self._strangers.spent(user_id, since), strict=True)
        calls, prompt_tokens, tokens = (one + other for one, other in both)
        return Meter(calls, prompt_tokens, tokens=tokens)

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """The model's replies, counted. Raises BudgetError before anything is asked."""
        self._allow(len(requests))
        replies = super().generate(requests)
        parts = [(reply.calls, reply.prompt_tokens, reply.tokens) for reply in replies]
        self._charge(PAYER.get(), *(sum(part) for part in zip((0, 0, 0), *parts, strict=True)))
        return replies

    def stream(self, request: Request) -> Iterator[str]:
        """The model's stream, one call; its tokens are estimated from its bytes. Raises BudgetError before anything is asked."""
        self._allow(1)
        payer = PAYER.get()
        asked = sum(len(message.content.encode("utf-8", "surrogatepass")) for message in request.messages)
        return self._counted(super().stream(request), payer, asked)

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """The model's scores, counted. Raises BudgetError before anything is asked."""
        self._allow(len(requests))
        scores = super().score(requests, answers)
        self._charge(PAYER.get(), len(scores), sum(score.prompt_tokens for score in scores), 0)
        return scores

    def _allow(self, calls: int) -> None:
        payer, budget = PAYER.get(), self.budget
        if not payer or budget.calls is budget.tokens is None:
            return
        used = self.spent(payer)
        both = used.prompt_tokens + used.tokens
        out_of_calls = budget.calls is not None and used.calls + calls > budget.calls
        if out_of_calls or (budget.tokens is not None and both >= budget.tokens):
            limits = f"{_of(used.calls, budget.calls)} calls and {_of(both, budget.tokens)} tokens"
            raise BudgetError(
                f"{payer!r} has used {limits} per {budget.per}, and asks for {calls} calls more: it starts anew "
                f"{budget.ends(self.clock())}; raise Budget(calls=..., tokens=...), or ask less with a method that needs no model"
            )

    def _charge(self, payer: str, calls: int, prompt_tokens: int, tokens: int) -> None:
        if payer and calls:
            day = int(self.clock()) // DAY
            if not self.ledger.add(payer, self.name, day, calls, prompt_tokens, tokens):
                self._strangers.add(payer, self.name, day, calls, prompt_tokens, tokens)

    def _counted(self, pieces: Iterator[str], payer: str, asked: int) -> Iterator[str]:
        made = 0
        try:
            for piece in pieces:
                made += len(piece.encode("utf-8", "surrogatepass"))
                yield piece
        finally:
            self._charge(payer, 1, -(-asked // BYTES_A_TOKEN), -(-made // BYTES_A_TOKEN))


def _of(used: int, limit: int | None) -> str:
    return f"{used:,}" if limit is None else f"{used:,} of {limit:,}"
