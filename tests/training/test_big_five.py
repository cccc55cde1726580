"""The Big Five: sums of facets, and distances in closed form."""

import pytest

from idiolect.errors import DataError
from idiolect.training.big_five import ALL_FACETS, FACETS, apart, sums

EVERYTHING = dict.fromkeys(ALL_FACETS, 1.0)


def test_all_facets_shown_make_six_of_each_trait_and_nobody_is_far_from_themselves():
    assert len(set(ALL_FACETS)) == 30 and set(sums(EVERYTHING).values()) == {6.0}
    own = apart(EVERYTHING, EVERYTHING)
    assert own.cosine == pytest.approx(1.0) and own.euclidean == own.manhattan == 0.0


def test_a_trait_is_the_sum_of_its_own_facets_only():
    assert sums({"trust": 0.5, "sympathy": 1.0}) == {trait: 1.5 if trait == "agreeableness" else 0.0 for trait in FACETS}


def test_two_people_of_one_trait_each_stand_at_a_right_angle():
    made = apart({"trust": 1.0, "morality": 1.0, "altruism": 1.0}, {"anxiety": 1.0, "anger": 1.0, "depression": 1.0, "immoderation": 1.0})
    assert (made.cosine, made.euclidean, made.manhattan) == (0.0, 5.0, 7.0)
    assert apart({}, EVERYTHING).cosine == 0.0


@pytest.mark.parametrize("facets", [{"genius": 1.0}, {"trust": 1.5}, {"trust": float("nan")}])
def test_what_is_no_facet_is_refused(facets):
    with pytest.raises(DataError, match="facets are imagination"):
        sums(facets)
