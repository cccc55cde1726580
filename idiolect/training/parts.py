"""Rows of unlike length in forward passes: little padding, few passes, none beyond the memory there is."""

from __future__ import annotations

from collections.abc import Sequence

PASS = 48  # tokens that take about as long as the fixed cost of one more pass


def parts(lengths: Sequence[int], tokens: int, extra: Sequence[int], room: int) -> list[list[int]]:
    """Places of `lengths` in passes that cost least in all, each pass in its rows' order.

    In a pass, rows times the longest stay within `tokens`; the same and its rows' `extra`, what a row takes in memory beyond its tokens
    (and counted in them), within `room`. A row beyond a bound by itself stands alone.
    """
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    best, came = [0], [0]  # cost of the first n rows in the best passes, and where the last of these begins
    for end in range(1, len(order) + 1):
        cost, begin, beyond = None, end - 1, 0
        for start in range(end - 1, -1, -1):
            padded, beyond = (end - start) * lengths[order[start]], beyond + extra[order[start]]
            if start < end - 1 and (padded > tokens or padded + beyond > room):
                break
            if cost is None or best[start] + padded + PASS < cost:
                cost, begin = best[start] + padded + PASS, start
        best.append(cost or 0)
        came.append(begin)
    made, end = [], len(order)
    while end:
        made.append(sorted(order[came[end] : end]))
        end = came[end]
    return made[::-1]
