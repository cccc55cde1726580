"""What is noted of requests: ids, routes, times, tokens and errors; and that what a route raises is answered, and not repeated."""

import asyncio
import re
import time

import openai
import pytest
from fastapi.testclient import TestClient

from idiolect.errors import EndpointError
from idiolect.models.scripted import ScriptedLM
from idiolect.serve.watch import NOWHERE, SEEN, Watch, failed, part
from tests.serve.conftest import Serving
from tests.serve.watched import app_of, heard_of


@pytest.fixture
def watched(tmp_path):
    """A server, and what was seen of its requests."""
    gateway = heard_of(tmp_path / "people.db")
    seen = []
    with Serving(gateway, app_of(gateway, seen.append)) as serving:
        serving.seen = seen
        yield serving


def latest(serving, route, count=1):
    """The last request of a route, once there were `count`: a caller has the answer a moment before it is noted."""
    until = time.monotonic() + 10
    while len(found := [seen for seen in serving.seen if seen.route == route]) < count:
        assert time.monotonic() < until, f"{route} was not noted"
        time.sleep(0.005)
    return found[-1]


def test_an_answer_is_noted_with_its_method_its_tokens_and_its_parts(watched):
    reply = watched.openai().chat.completions.create(model="echo", user="ann", messages=[{"role": "user", "content": "Where?"}])
    seen = latest(watched, "/v1/chat/completions")
    assert (seen.verb, seen.status, seen.model, seen.method) == ("POST", 200, "echo", "long_term")
    assert (seen.prompt_tokens, seen.tokens) == (reply.usage.prompt_tokens, reply.usage.completion_tokens)
    assert seen.personal == reply.usage.prompt_tokens_details.personal_tokens > 0
    assert {"bend", "generate", "store"} <= {one.name for one in seen.parts}
    assert 0 < seen.store < seen.seconds and seen.waited > 0 and seen.first is None and not seen.error
    assert all(seen.began <= one.began and one.began + one.seconds <= seen.began + seen.seconds for one in seen.parts)


def test_of_a_stream_the_time_to_its_first_piece_is_noted(watched):
    chunks = watched.openai().chat.completions.create(
        model="echo", user="ann", messages=[{"role": "user", "content": "Where do I live?"}], stream=True
    )
    assert "Oslo" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    seen = latest(watched, "/v1/chat/completions")
    assert 0 < seen.first < seen.seconds and seen.tokens > 0


def test_a_state_is_read_once_and_then_found_in_memory(watched):
    known = []
    for count, user in enumerate(("ann", "ann", "ann", "zoe"), start=1):
        watched.ask(user, "Where do I live?")
        known.append(latest(watched, "/v1/chat/completions", count).known)
    assert known == [False, True, True, None]


def test_nobodys_answer_has_a_model_and_no_method(watched):
    watched.ask(None, "Where?")
    seen = latest(watched, "/v1/chat/completions")
    assert (seen.model, seen.method, seen.personal) == ("echo", "", 0) and seen.tokens > 0


def test_a_method_that_answers_by_itself_is_counted_too(watched):
    watched.ask("ann", "Where do I live?", model="cue_cot")
    seen = latest(watched, "/v1/chat/completions")
    assert seen.method == "cue_cot" and seen.tokens > 0


@pytest.mark.parametrize("given", ["abc-123", "A" * 64])
def test_a_request_keeps_the_id_it_comes_with(watched, given):
    answered = watched.http.get("/healthz", headers={"X-Request-Id": given})
    assert answered.headers["x-request-id"] == given and latest(watched, "/healthz").id == given


@pytest.mark.parametrize("given", ["ann@example.org", "A" * 65, "", "a b"])
def test_an_id_that_may_be_personal_is_not_repeated(watched, given):
    answered = watched.http.get("/healthz", headers={"X-Request-Id": given})
    assert re.fullmatch("[0-9a-f]{16}", answered.headers["x-request-id"])


def test_a_made_up_path_or_verb_is_not_noted(watched):
    watched.http.get("/v1/people/ann@example.org")
    assert latest(watched, NOWHERE).status == 404
    watched.http.request("PROPFIND", "/v1/people/ann@example.org")
    assert latest(watched, NOWHERE, 2).verb == "OTHER"
    assert not any("ann" in str((seen.route, seen.verb)).lower() for seen in watched.seen)


def test_an_error_is_noted_by_its_class_and_answered_as_before(watched):
    with pytest.raises(openai.NotFoundError):
        watched.openai().chat.completions.create(model="nobodys", messages=[{"role": "user", "content": "Where?"}])
    seen = latest(watched, "/v1/chat/completions")
    assert (seen.error, seen.status, seen.fault) == ("MethodError", 404, None)


def test_what_a_route_raises_unexpectedly_is_answered_without_its_text(watched):
    answered = watched.http.get("/broken/ann")
    assert answered.status_code == 500 and answered.json()["error"]["type"] == "server_error"
    assert "diary" not in answered.text and answered.headers["x-request-id"]
    seen = latest(watched, "/broken/{name}")
    assert seen.error == "KeyError" and isinstance(seen.fault, KeyError) and seen.status == 500


def test_an_error_in_a_stream_is_noted_though_its_beginning_was_sent(tmp_path):
    class Breaking(ScriptedLM):
        def stream(self, request):
            yield "It "
            raise EndpointError("the diary of ann")

    gateway, seen = heard_of(tmp_path / "people.db", Breaking(can=(), name="echo")), []
    with Serving(gateway, app_of(gateway, seen.append)) as serving:
        serving.seen = seen
        with pytest.raises(openai.APIError):
            list(serving.openai().chat.completions.create(model="echo", messages=[{"role": "user", "content": "?"}], stream=True))
        noted = latest(serving, "/v1/chat/completions")
    assert (noted.error, noted.status) == ("EndpointError", 200) and noted.first is not None


def test_an_answer_that_began_is_broken_off_and_one_that_nobody_waits_for_is_499():
    async def halfway(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("the diary of ann")

    async def never(scope, receive, send):
        await asyncio.sleep(100)

    async def run():
        seen, sent = [], []
        scope = {"type": "http", "method": "GET", "headers": [], "path": "/"}

        async def send(message):
            sent.append(message)

        with pytest.raises(KeyError):
            await Watch(halfway, [seen.append])({**scope}, None, send)
        task = asyncio.create_task(Watch(never, [seen.append])({**scope}, None, send))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen, sent

    seen, sent = asyncio.run(run())
    assert [one.status for one in seen] == [200, 499] and [one.error for one in seen] == ["KeyError", ""]
    assert len(sent) == 1 and SEEN.get() is None


def test_what_is_no_request_passes_unseen():
    async def app(scope, receive, send):
        assert SEEN.get() is None
        passed.append(scope["type"])

    passed = []
    asyncio.run(Watch(app, [passed.append])({"type": "lifespan"}, None, None))
    assert passed == ["lifespan"]


def test_without_a_request_nothing_is_noted(tmp_path):
    with part("bend"):
        failed(KeyError())
    gateway = heard_of(tmp_path / "people.db")
    with TestClient(app_of(gateway)):
        assert asyncio.run(gateway.run(gateway.store.users)) == ["ann"]
    assert SEEN.get() is None
