"""Weights of a request: every method with objectives takes the same ones, refuses the same ones, and follows them."""

from dataclasses import fields

import pytest

from idiolect import catalogue
from idiolect.errors import RequestError
from idiolect.types import Reply, State, ask
from tests.conformance.people import EVERYBODY
from tests.conformance.subjects import SMALL
from tests.tiny_models import tiny_llama

AIMED = [row.name for row in catalogue.ROWS if "objectives" in {one.name for one in fields(type(catalogue.load(row.name)))}]
TOLD = {"brief": 0.3, "thorough": 0.7}
bench = pytest.fixture(scope="module")(lambda: tiny_llama())


@pytest.fixture(scope="module", params=AIMED)
def fitted(request, bench):
    """Each method with objectives, learnt of everybody, its model, and the state of somebody."""
    method = catalogue.load(request.param, **SMALL.get(request.param, {}))
    method.fit(EVERYBODY, bench.lm)
    return method, bench.lm, method.enroll(EVERYBODY[:1], bench.lm)[0]


def test_the_four_that_readers_ask_for_are_among_them():
    assert {"rewarded_soups", "personalized_soups", "mod", "ric", "panacea"} <= set(AIMED) and len(AIMED) >= 12


def test_the_same_weights_are_taken_by_all_also_of_somebody_unknown(fitted):
    method, lm, state = fitted
    for known in (state, State()):
        bent = method.personalize(known, ask("What of the boats?", max_tokens=4).weighing(TOLD), lm)
        reply = bent if isinstance(bent, Reply) else lm.generate([bent])[0]
        assert "weight:brief 0.3" in reply.because and "weight:thorough 0.7" in reply.because


def test_weights_from_one_end_to_the_other_change_what_is_put_to_the_model(fitted):
    method, lm, state = fitted
    ends = [method.personalize(state, ask("What of the boats?").weighing({"brief": b, "thorough": 1 - b}), lm) for b in (0.0, 1.0)]
    first, last = (end.weighing({}) for end in ends)
    assert first != last or first.sources != last.sources  # after so few steps two adapters may still be the same numbers


@pytest.mark.parametrize(
    "weights", [{"witty": 1.0}, {"brief": -0.1, "thorough": 1.0}, {"brief": 0.0, "thorough": 0.0}, {"brief": float("nan")}]
)
def test_what_cannot_be_weighed_is_refused_by_all_with_the_way_out(fitted, weights):
    method, lm, state = fitted
    with pytest.raises(RequestError, match="brief|witty"):
        method.personalize(state, ask("What of the boats?").weighing(weights), lm)
