"""Who calls is known by their key, sees what is theirs, and learns nothing from what is refused; without keys only this machine calls."""

import hashlib
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from idiolect.errors import DataError, RequestError
from idiolect.serve import gates
from idiolect.serve.callers import BETWEEN, Caller, parts, place, prefix
from idiolect.serve.faults import NotFound
from idiolect.serve.settings import Settings
from idiolect.store.accounts import APPLICATION, Accounts
from tests.serve.conftest import Serving, gateway_of, told
from tests.serve.keyed import app_of, filled, keys_of

QUESTION = {"messages": [{"role": "user", "content": "Where do I live?"}]}
applications = st.one_of(st.just(""), st.from_regex(APPLICATION, fullmatch=True))
people = st.text(st.one_of(st.characters(), st.sampled_from("\x1f*%_./")), min_size=1, max_size=40)


@pytest.fixture
def keys(tmp_path):
    """A server with keys."""
    gateway = filled(tmp_path / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield keys_of(serving)


@pytest.fixture
def openly(tmp_path):
    """A server without keys."""
    gateway = gateway_of(tmp_path / "people.db")
    gateway.store.add("ann", told("I live in Oslo."))
    with Serving(gateway, app_of(gateway)) as serving:
        yield serving


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The same, for what leaves it as it is."""
    gateway = filled(tmp_path_factory.mktemp("shared") / "people.db")
    with Serving(gateway, app_of(gateway)) as serving:
        yield keys_of(serving)


@given(applications, people, applications, people)
@example("", f"shop{BETWEEN}ann", "shop", "ann")
@example("shop", f"a{BETWEEN}b", f"shop{BETWEEN}a"[:4], "b")
@example("", f"{BETWEEN}ann", "", "ann")
def test_two_people_never_share_a_place(application, person, other, another):
    """Whatever an application calls its people, it reaches none of another's: a place is of one application and one person."""
    assert parts(place(application, person)) == (application, person)
    assert (place(application, person) == place(other, another)) == ((application, person) == (other, another))


@given(applications, people, applications, people)
@example("shop", "ann", "", f"shop{BETWEEN}ann")
def test_a_caller_owns_what_it_reaches_and_nothing_else(application, person, other, another):
    caller = Caller(application, "application", None, "key-1")
    assert caller.own(caller.reach(person)) == person
    assert (caller.own(place(other, another)) is None) == (other != application)
    if application and other != application:
        assert not place(other, another).startswith(prefix(application))


@given(applications, people, people)
def test_a_persons_token_reaches_that_person_alone(application, person, other):
    token = Caller(application, "person", person, "tok-1")
    assert token.own(token.reach(person)) == person
    if other != person:
        with pytest.raises(NotFound):
            token.reach(other)
        assert token.own(place(application, other)) is None


def test_an_id_has_between_one_and_512_characters():
    for wrong in ("", "x" * 513):
        with pytest.raises(RequestError, match="512"):
            Caller("shop", "application").reach(wrong)


GARBAGE = [
    "", "Bearer", "Basic aWRsOng=", "Bearer idl_", "Bearer idl_*", "Bearer *", "Bearer %", "bearer null",
    "Bearer idl_" + "A" * 43, "Bearer idt_" + "A" * 43, "Bearer idl_" + "A" * 5000, "Bearer ' OR '1'='1", "Bearer \xff\xfe",
    "Bearer idl_" + "\xe9" * 43, "Token x", "Bearer a b", "Bearer\tx",
]  # fmt: skip


@pytest.mark.parametrize("said", GARBAGE, ids=range(len(GARBAGE)))
def test_a_server_with_keys_refuses_everything_else_in_the_same_words(shared, said):
    headers = {"Authorization": said.encode("latin-1")}
    answered = shared.serving.http.get("/v1/models", headers=headers)
    assert answered.status_code == 401
    assert answered.json() == {"error": {"message": gates.WHO, "type": "invalid_request_error", "param": None, "code": "invalid_api_key"}}


def test_an_almost_right_key_is_refused_as_one_that_is_quite_wrong(keys):
    secret, made = keys.accounts.add("shop", "application")
    keys.accounts.revoke(made.id)
    short, _ = keys.accounts.issue("shop\x1fann", None, None)
    flipped = keys.shop[:-2] + ("AA" if keys.shop[-2:] != "AA" else "BB")
    said = [
        keys.get(one, "/v1/models") for one in (None, secret, short, flipped, keys.shop[:-1], f"{keys.shop},{keys.shop}", keys.shop.lower())
    ]
    assert {(one.status_code, one.text) for one in said} == {(401, said[0].text)}
    twice = [("Authorization", f"Bearer {keys.shop}")] * 2
    assert keys.serving.http.get("/v1/models", headers=twice).status_code == 401
    assert keys.serving.http.get("/v1/models", headers={"Authorization": f"bEARER  {keys.shop}"}).status_code == 200
    assert keys.serving.http.get("/v1/models", params={"api_key": keys.shop, "key": keys.shop}).status_code == 401, "never in a URL"


def test_the_official_client_says_its_key_and_is_refused_without_one(shared):
    import openai

    assert shared.serving.openai(shared.shop).models.list().data
    with pytest.raises(openai.AuthenticationError) as refused:
        shared.serving.openai("idl_" + "B" * 43).models.list()
    assert refused.value.code == "invalid_api_key" and "BBB" not in str(refused.value)


def test_people_of_the_same_name_are_each_their_own_applications(shared):
    answers = [
        shared.post(key, "/v1/chat/completions", {**QUESTION, "user": "ann"}).json() for key in (shared.shop, shared.toys, shared.operator)
    ]
    texts = [one["choices"][0]["message"]["content"] for one in answers]
    assert "Oslo" in texts[0] and "Lima" not in texts[0] and "Lima" in texts[1] and "Oslo" not in texts[1]
    assert "Oslo" not in texts[2] and "Lima" not in texts[2], "the operator's ann is a third one"
    reply = answers[0]["id"]
    assert shared.get(shared.shop, f"/v1/replies/{reply}/why").status_code == 200
    assert shared.get(shared.ann, f"/v1/replies/{reply}/why").status_code == 200
    for key in (shared.toys, shared.operator):
        assert shared.get(key, f"/v1/replies/{reply}/why").status_code == 404


ODD = ["*", "%", "_", "an%", "a_n", "../ann", "..", "shop\x1fann", "\x1fann", "toys\x1fann", "\u0430nn", "ann\u200b", "ANN", " ann", "x" * 512,
       "ann\x00", "ann' OR '1'='1", "\u212bnn", "$ne"]  # fmt: skip


@pytest.mark.parametrize("user", ODD)
def test_an_id_is_one_text_and_never_a_pattern(shared, user):
    for key in (shared.shop, shared.toys, shared.operator):
        said = shared.post(key, "/v1/chat/completions", {**QUESTION, "user": user})
        assert said.status_code == 200 and "Oslo" not in said.text and "Lima" not in said.text
    before = {who: shared.serving.store.user(f"{who}\x1fann") for who in ("shop", "toys")}
    assert shared.post(shared.ann, "/v1/chat/completions", {**QUESTION, "user": user}).status_code == 404
    assert before == {who: shared.serving.store.user(f"{who}\x1fann") for who in before}


def test_a_persons_token_answers_them_and_nobody_else(shared):
    said = shared.post(shared.ann, "/v1/chat/completions", QUESTION)
    assert said.status_code == 200 and "Oslo" in said.text, "who asks need not say who they are"
    assert shared.post(shared.ann, "/v1/chat/completions", {**QUESTION, "user": "ann"}).status_code == 200
    refused = [
        shared.post(shared.ann, "/v1/chat/completions", {**QUESTION, "user": user}) for user in ("bob", "toys\x1fann", "shop\x1fann", "*")
    ]
    assert [one.status_code for one in refused] == [404] * 4


def test_a_revocation_is_seen_at_once_here_and_within_seconds_elsewhere(keys, monkeypatch):
    secret, made = keys.accounts.add("shop", "application")
    assert keys.get(secret, "/v1/models").status_code == 200
    assert keys.delete(keys.operator, f"/v1/keys/{made.id}").status_code == 200
    assert keys.get(secret, "/v1/models").status_code == 401
    assert gates.FRESH <= 5
    monkeypatch.setattr(gates, "FRESH", 0.5)
    another, made = keys.accounts.add("shop", "application")
    assert keys.get(another, "/v1/models").status_code == 200
    keys.accounts.revoke(made.id)  # as another process does
    time.sleep(0.6)
    assert keys.get(another, "/v1/models").status_code == 401


def test_what_was_looked_up_while_it_was_revoked_is_not_believed(tmp_path):
    gateway = gateway_of(tmp_path / "people.db")
    accounts = Accounts(gateway.store._session)
    secret, made = accounts.add("shop", "application")
    gate = gates.gate_for(gateway.settings, gateway.store)
    looked = gate._looked_up

    def slowly(said):
        found = looked(said)
        accounts.revoke(made.id)
        gate.forget()
        return found

    gate._looked_up = slowly
    with Serving(gateway, app_of(gateway)) as serving:
        serving.app.state.gate = gate
        assert serving.http.get("/v1/models", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
        assert not gate._held and serving.http.get("/v1/models", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_an_end_is_seen_at_once_though_the_key_was_just_looked_up(keys):
    secret, _ = keys.accounts.add("shop", "application", "", time.time() + 1.5)
    assert keys.get(secret, "/v1/models").status_code == 200
    time.sleep(1.6)
    assert keys.get(secret, "/v1/models").status_code == 401


def test_no_secret_stays_in_memory_or_is_shown(shared):
    shared.get(shared.shop, "/v1/models")
    gate = shared.serving.app.state.gate
    assert hashlib.sha256(shared.shop.encode()).digest() in gate._held
    assert shared.shop[4:] not in repr((gate, gate._held, gate.__dict__, gate._accounts.keys(9)))


def test_of_a_key_the_day_of_its_use_is_kept(keys):
    keys.get(keys.shop, "/v1/models")
    used = {one.id: one.used for one in keys.accounts.keys(9)}
    assert used[keys.id_of(keys.shop)] == int(time.time() // 86400) and used[keys.id_of(keys.toys)] is None


def test_the_first_key_closes_an_open_server_and_no_revocation_opens_it_again(openly):
    token = openly.http.post("/v1/users/ann/tokens").json()["token"]
    assert openly.http.get("/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    assert openly.http.get("/v1/audit", headers={"Authorization": f"Bearer {token}"}).status_code == 403
    made = openly.http.post("/v1/keys", json={"role": "operator"}).json()
    assert openly.http.get("/v1/models").status_code == 401
    operator = {"Authorization": f"Bearer {made['key']}"}
    assert openly.http.get("/v1/models", headers=operator).status_code == 200
    assert openly.http.get("/v1/models", headers={"Authorization": f"Bearer {token}"}).status_code == 401, "anybody could have made it"
    assert openly.http.delete(f"/v1/keys/{made['id']}", headers=operator).status_code == 200
    assert openly.http.get("/v1/models").status_code == 401


def test_a_key_that_another_process_made_closes_an_open_server(openly, monkeypatch):
    assert openly.http.get("/v1/models").status_code == 200
    Accounts(openly.store._session).add("shop", "application")
    monkeypatch.setattr(gates, "FRESH", 0.0)
    assert openly.http.get("/v1/models").status_code == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.org", "127.0.0.1.nip.io"])
def test_an_address_that_others_can_reach_needs_a_key_to_start(tmp_path, host):
    gateway = gateway_of(tmp_path / "people.db")
    with pytest.raises(DataError, match=r"idiolect keys add`, or .*--host 127.0.0.1"):
        gates.gate_for(Settings(host=host), gateway.store)
    accounts = Accounts(gateway.store._session)
    _, made = accounts.add("shop", "application")
    assert gates.gate_for(Settings(host=host), gateway.store)
    with pytest.raises(DataError, match=r"--host 127.0.0.1"):
        gates.gate_for(Settings(host=host, keys=False), gateway.store)
    accounts.revoke(made.id)
    with pytest.raises(DataError, match="no key"):
        gates.gate_for(Settings(host=host, keys=True), gateway.store)
    gateway.close()


def test_keys_can_be_asked_for_from_the_start_and_never(tmp_path):
    for keys, status in ((True, 401), (False, 200)):
        gateway = gateway_of(tmp_path / f"{keys}.db", keys=keys)
        if not keys:
            Accounts(gateway.store._session).add("shop", "application")
        with Serving(gateway, app_of(gateway)) as serving:
            assert serving.http.get("/v1/models").status_code == status
