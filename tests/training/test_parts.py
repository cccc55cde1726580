"""Rows in forward passes: all of them once, within the bounds, at the least cost that any cut of the sorted rows has."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.training.parts import PASS, parts

LENGTHS = st.lists(st.integers(1, 300), max_size=9)


def cost(lengths, passes):
    return sum(PASS + len(part) * max(lengths[place] for place in part) for part in passes)


@settings(max_examples=80, deadline=None)
@given(LENGTHS, st.integers(1, 900))
def test_no_other_cut_of_the_rows_in_order_of_length_costs_less(lengths, tokens):
    made = parts(lengths, tokens, [0] * len(lengths), 10**9)
    assert sorted(place for part in made for place in part) == list(range(len(lengths)))
    assert all(part == sorted(part) for part in made)
    ordered, least = sorted(range(len(lengths)), key=lambda place: -lengths[place]), float("inf")
    for count in range(len(lengths)):
        for cuts in combinations(range(1, len(lengths)), count):
            edges = [0, *cuts, len(lengths)]
            passes = [ordered[a:b] for a, b in zip(edges, edges[1:])]
            if all(len(part) == 1 or len(part) * lengths[part[0]] <= tokens for part in passes):
                least = min(least, cost(lengths, passes))
    assert not lengths or cost(lengths, made) == least


def test_what_a_row_takes_besides_its_tokens_keeps_others_out_of_its_pass():
    assert parts([10, 10, 10], 100, [0, 0, 0], 100) == [[0, 1, 2]]
    assert parts([10, 10, 10], 100, [60, 60, 60], 150) == [[0], [1, 2]] or parts([10, 10, 10], 100, [60, 60, 60], 150) == [[0, 1], [2]]
    assert parts([10, 10, 10], 100, [500, 0, 0], 100) == [[0], [1, 2]]


def test_rows_of_like_length_stand_together_and_a_long_one_apart():
    assert parts([30, 300, 31, 32], 1000, [0] * 4, 10**9) == [[1], [0, 2, 3]]
