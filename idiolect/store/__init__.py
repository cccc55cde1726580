"""What is kept of people: their records, and what each taught a method; all of it theirs to see, take away and erase."""

from idiolect.store.erasure import Receipt
from idiolect.store.rows import Provenance
from idiolect.store.store import Store

__all__ = ["Provenance", "Receipt", "Store"]
