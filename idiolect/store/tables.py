"""Every table of the schema: whoever opens a store imports this, so that all of them are made, whoever uses them first."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, String

from idiolect.store import accounts, audit, lessons, repeats, replies, schema, sealing, wishes

MODULES = (schema, replies, lessons, accounts, audit, repeats, wishes, sealing)  # each keeps something in tables of its own
EVERY = tuple(schema.metadata.sorted_tables)


def texts() -> list[list[Column[Any]]]:
    """The columns that hold texts, table by table."""
    found = [[column for column in table.columns if isinstance(column.type, String | schema.AnyText)] for table in EVERY]
    return [columns for columns in found if columns]
