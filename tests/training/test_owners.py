"""Everybody's pairs, and whose each is."""

from idiolect.training.owners import owned
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks

PEOPLE = [ANN, NOBODY, BOB, CYD]


def test_each_pair_is_told_to_be_of_the_person_who_wrote_it():
    pairs, owners = owned(PEOPLE, 0, 32, 100, 0)
    assert len(pairs) == len(owners) == sum(len(user.records) for user in PEOPLE)
    assert all({PEOPLE[owner].id} == {name for name, _ in marks(answer)} for (_, answer), owner in zip(pairs, owners, strict=True))


def test_at_most_so_many_are_drawn_by_the_seed():
    drawn = [owned(PEOPLE, 1, 4, 5, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2] and [len(owners) for _, owners in drawn] == [5, 5, 5]
