"""A minute's requests of each key and about each person, and memory for those alone who asked within the last minute."""

import pytest

from idiolect.errors import DataError
from idiolect.serve.faults import TooMany
from idiolect.serve.limits import Limits
from tests.serve.conftest import Serving, gateway_of
from tests.serve.keyed import app_of, filled, keys_of


@pytest.fixture
def clock():
    """The time, as a list of one number that a test moves on."""
    return [1000.0]


def asked(limits, times, name="ann", of="person"):
    """How many of so many requests are let through."""
    through = 0
    for _ in range(times):
        try:
            getattr(limits, of)(name)
            through += 1
        except TooMany:
            pass
    return through


def test_a_minutes_requests_are_let_through_and_then_as_they_run_in(clock):
    limits = Limits(per_person=60, clock=lambda: clock[0])
    assert asked(limits, 100) == 60
    clock[0] += 2.0
    assert asked(limits, 100) == 2
    clock[0] += 3600.0
    assert asked(limits, 100) == 60, "no more than a minute's are saved up"


def test_who_asked_too_often_is_told_when_to_come_back(clock):
    limits = Limits(per_key=6, clock=lambda: clock[0])
    assert asked(limits, 6, of="key") == 6
    with pytest.raises(TooMany, match="6 times a minute") as said:
        limits.key("ann")
    assert said.value.retry_after == pytest.approx(10.0) and "ann" not in str(said.value)
    clock[0] += said.value.retry_after
    limits.key("ann")
    clock[0] += 4.0
    with pytest.raises(TooMany) as said:
        limits.key("ann")
    assert said.value.retry_after == pytest.approx(6.0)


def test_each_key_and_each_person_has_their_own(clock):
    limits = Limits(per_key=2, per_person=3, clock=lambda: clock[0])
    assert [asked(limits, 9, name) for name in ("ann", "bob", "*", "%")] == [3, 3, 3, 3]
    assert asked(limits, 9, "ann", "key") == 2, "a key and a person of one name are two"


def test_no_limit_is_no_limit_and_takes_no_memory(clock):
    limits = Limits(clock=lambda: clock[0])
    assert asked(limits, 1000) == 1000 and len(limits) == 0
    for wrong in ({"per_key": -1}, {"per_person": -1}):
        with pytest.raises(DataError, match="a minute"):
            Limits(**wrong)


def test_who_was_idle_for_a_minute_takes_no_memory(clock):
    limits = Limits(per_person=2, clock=lambda: clock[0])
    for number in range(500):
        limits.person(f"person {number}")
        clock[0] += 1.0
    assert len(limits) <= 61
    assert asked(limits, 5, "person 499") == 1, "who was not idle is remembered"


def test_memory_is_bounded_however_many_ask(clock):
    limits = Limits(per_person=2, clock=lambda: clock[0], most=100)
    for number in range(5000):
        limits.person(f"person {number}")
    assert len(limits) <= 100


def test_a_key_that_asks_too_often_is_answered_with_429_and_others_go_on(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway, Limits(per_key=3))) as serving:
        keys = keys_of(serving)
        assert [keys.get(keys.shop, "/v1/models").status_code for _ in range(5)] == [200] * 3 + [429] * 2
        refused = keys.get(keys.shop, "/v1/models")
        assert 1 <= int(refused.headers["Retry-After"]) <= 20 and refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert keys.get(keys.toys, "/v1/models").status_code == 200
        assert keys.get(keys.ann, "/v1/models").status_code == 200, "a token is a key of its own"


def test_one_person_is_asked_about_so_often_whichever_key_asks(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway, Limits(per_person=4))) as serving:
        keys = keys_of(serving)
        tokens = "/v1/users/ann/tokens"
        assert [keys.get(keys.ann, "/v1/models").status_code for _ in range(2)] == [200, 200]
        assert [keys.get(keys.shop, tokens).status_code for _ in range(3)] == [200, 200, 429]
        assert keys.get(keys.ann, "/v1/models").status_code == 429
        assert keys.get(keys.toys, tokens).status_code == 200, "another application's ann is another person"
        assert keys.get(keys.shop, "/v1/users/bob/tokens").status_code == 200


def test_a_request_that_may_be_repeated_counts_once(tmp_path):
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway, Limits(per_key=3, per_person=3))) as serving:
        keys = keys_of(serving)
        made = [keys.post(keys.shop, "/v1/users/ann/tokens", headers={"Idempotency-Key": str(n)}).status_code for n in range(4)]
        assert made == [201, 201, 201, 429]


def test_a_server_without_keys_counts_nothing(tmp_path):
    gateway = gateway_of(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway, Limits(per_key=1, per_person=1))) as serving:
        assert [serving.http.get("/v1/users/ann/tokens").status_code for _ in range(4)] == [200] * 4


def test_a_person_whom_the_body_names_is_counted_where_the_route_says_so(tmp_path):
    """What chat and feedback do with `gates.about`."""
    from fastapi import APIRouter, Request

    from idiolect.serve import gates
    from idiolect.serve.here import Now

    router = APIRouter()

    @router.post("/v1/named")
    async def named(body: dict[str, str], now: Now, http: Request) -> dict[str, str]:
        gates.about(http, now.caller.reach(body["user"]))
        return {}

    router.routes[-1].endpoint.__annotations__.update(now=Now, http=Request)
    gateway = filled(tmp_path / "people.db")
    app = app_of(gateway, Limits(per_person=2))
    app.include_router(router)
    with Serving(gateway, app) as serving:
        keys = keys_of(serving)
        said = [keys.post(key, "/v1/named", {"user": "ann"}).status_code for key in (keys.shop, keys.ann, keys.shop, keys.toys)]
        assert said == [200, 200, 429, 200]
