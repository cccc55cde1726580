"""What the OpenAPI document allows, and what it does not, can be sent: nothing fails on the server, and what is refused is told in OpenAI's shape."""

from collections import Counter
from contextlib import contextmanager

import pytest
import schemathesis
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from idiolect.facts.extract import by_rules
from idiolect.models.scripted import ScriptedLM
from idiolect.serve.app import create
from idiolect.store.accounts import Accounts
from idiolect.types import Record
from tests.serve import keyed
from tests.serve.conftest import gateway_of

EXAMPLES = 6  # of each operation, for each kind: with an id that is made up or of somebody known, and what is allowed or not
ROLES = ("operator", "application", "person")
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
HOME = Record("", "I live in Oslo.", 1.0, "home")
FACT = by_rules(HOME)[0].id
SPOKEN = ScriptedLM(lambda request: "Fine.", can=(), name="echo")
quick = settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))


class Tried:
    """An application in this process, and what came of all that was sent to it."""

    def __init__(self, app, client):
        self.app, self.client, self.statuses, self.wrong = app, client, Counter(), {}
        self.schema = schemathesis.openapi.from_dict(app.openapi())

    def operations(self):
        return [found.ok() for found in self.schema.get_all_operations()]

    def send(self, operation, before=lambda: None, secret=None):
        """Examples of an operation, each answered; what is wrong with an answer is noted, with the way to see it again."""
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}

        @quick
        @seed(0)
        @given(cases(operation))
        def sent(case):
            before()
            answered = case.call(session=self.client, headers=headers)
            self.statuses[answered.status_code] += 1
            if why := fault(case, answered):
                self.wrong.setdefault((operation.label, why), f"{case.as_curl_command(headers)} -> {answered.text[:300]}")

        sent()

    def told(self):
        return "\n".join(f"{label}: {why}: {how}" for (label, why), how in self.wrong.items())


def cases(operation):
    """What the document allows and what it does not, of somebody made up and of ann."""
    kinds = [operation.as_strategy(generation_mode=mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]
    if "{user}" in operation.path:
        rest = {name: there for name, there in (("record", HOME.id), ("fact", FACT), ("token_id", "x")) if f"{{{name}}}" in operation.path}
        kinds += [operation.as_strategy(generation_mode=GenerationMode.POSITIVE, path_parameters={"user": "ann", **rest})]
    return st.one_of(kinds)


def fault(case, answered):
    """What is wrong with an answer; "" for nothing."""
    try:
        case.validate_response(answered, checks=CHECKS)
    except FailureGroup as found:
        return ", ".join(f"{type(one).__name__} {answered.status_code}" for one in found.exceptions)
    if answered.status_code < 400:
        return ""
    try:
        said = answered.json()["error"]
    except (ValueError, KeyError, TypeError):
        return "a refusal in another shape"
    whole = set(said) == {"message", "type", "param", "code"} and isinstance(said["message"], str) and said["message"] and said["type"]
    return "" if whole else "a refusal in another shape"


@contextmanager
def trying(app):
    with asgi.get_client(app) as client:
        yield Tried(app, client)
    asgi.shutdown_lifespans()


@pytest.fixture
def gateway(tmp_path):
    """One whose people are known again before each request, whatever the last one did."""
    gateway = gateway_of(tmp_path / "people.db", SPOKEN)
    for key in ("ann", "shop\x1fann"):
        gateway.store.add(key, [HOME])
    return gateway


def known(gateway, key):
    """Have somebody be known, with a record to speak of."""
    return lambda: gateway.store.add(key, [HOME])


def test_nothing_that_is_sent_to_an_open_server_fails_there(gateway):
    with trying(create(gateway)) as tried:
        for operation in tried.operations():
            tried.send(operation, known(gateway, "ann"))
    assert not tried.wrong, tried.told()
    assert tried.statuses.total() > 4 * len(tried.operations())


@pytest.mark.parametrize("role", ROLES)
def test_nothing_that_is_sent_with_a_key_fails_there(gateway, role):
    accounts = Accounts(gateway.store._session)
    secrets = {
        "operator": lambda: accounts.add("shop", "operator", "")[0],
        "application": lambda: accounts.add("shop", "application", "")[0],
        "person": lambda: accounts.issue("shop\x1fann", accounts.add("shop", "application", "")[1].id, None)[0],
    }
    with trying(keyed.app_of(gateway)) as tried:
        for operation in tried.operations():
            tried.send(operation, known(gateway, "shop\x1fann"), secrets[role]())
    assert not tried.wrong, tried.told()
    assert tried.statuses.total() > 4 * len(tried.operations())


def test_a_route_that_fails_or_refuses_in_another_shape_would_be_seen(gateway):
    app = create(gateway)

    @app.get("/v1/broken/{name}")
    async def broken(name: str) -> None:
        raise KeyError(name)

    @app.get("/v1/odd/{name}")
    async def odd(name: str) -> JSONResponse:
        return JSONResponse({"detail": "no"}, 400)

    with trying(app) as tried:
        for operation in tried.operations():
            if operation.path in ("/v1/broken/{name}", "/v1/odd/{name}"):
                tried.send(operation)
    assert {label for label, _ in tried.wrong} == {"GET /v1/broken/{name}", "GET /v1/odd/{name}"}, tried.told()


def test_nobody_without_a_key_is_told_anything_but_that_they_need_one(gateway):
    Accounts(gateway.store._session).add("shop", "application", "")
    with trying(keyed.app_of(gateway)) as tried:
        paths = {path: list(verbs) for path, verbs in tried.app.openapi()["paths"].items() if path.startswith("/v1/")}
        for path, verbs in paths.items():
            for verb in verbs:
                answered = tried.client.request(verb, f"http://127.0.0.1{path.replace('{', '').replace('}', '')}", json={})
                assert (answered.status_code, answered.json()["error"]["code"]) == (401, "invalid_api_key"), (verb, path)
    assert len(paths) > 20


def routes(found):
    """Every route of an application, those inside what it includes too, as (path, verbs)."""
    for route in found:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        yield from routes(inner) if inner is not None else [(getattr(route, "path", ""), getattr(route, "methods", None) or set())]


def test_every_route_under_v1_is_documented_with_a_summary_a_tag_and_what_it_does(gateway):
    app = create(gateway)
    written = app.openapi()["paths"]
    there = {(path.replace(":path}", "}"), verb.lower()) for path, verbs in routes(app.routes) for verb in verbs if path.startswith("/v1")}
    assert there - {(path, "head") for path in written} == {
        (path, verb) for path, verbs in written.items() for verb in verbs if path.startswith("/v1")
    }
    lacking = [
        (path, verb)
        for path, verbs in written.items()
        for verb, one in verbs.items()
        if not all(one.get(name) for name in ("summary", "tags", "description"))
    ]
    assert there and not lacking
    gateway.close()
