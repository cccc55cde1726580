"""The desk: what a person set holds for every method and every model, is read once for each change, and is nobody else's."""

import json

import pytest

from idiolect import catalogue
from idiolect.assistant import Assistant, Kept, configured
from idiolect.models.scripted import ScriptedLM
from idiolect.serve import person
from idiolect.serve.desk import NEAR, TOLD, Desk
from idiolect.store import Store
from idiolect.store.wishes import Gone, Handling, Noted, gone, handled, noted
from idiolect.types import Record, Request, ask
from tests.conformance.subjects import SMALL
from tests.serve.conftest import told
from tests.serve.desks import FAR, opened

SECRET = "the vault code is heron-quixotic"
TEXT_ONLY = catalogue.able(ScriptedLM().can)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "p.db") as store:
        yield store


def lived(secret=SECRET):
    """Records of every kind, all of which say the secret, and one of each that does not."""
    kinds = [("message", ""), ("rating", "R"), ("edit", "A draft."), ("choice", "The other."), ("correction", "R")]
    own = [
        Record(f"Question {n}?", f"{secret}, said in {kind}", n, f"s-{kind}", kind, f"{other}{secret}" if other else "")
        for n, (kind, other) in enumerate(kinds)
    ]
    plain = [
        Record(f"Question {n}?", "3" if kind == "rating" else f"I like plain thing {n}.", 10 + n, f"p-{kind}", kind, other)
        for n, (kind, other) in enumerate(kinds)
    ]
    return [*own, *plain]


def everything(lm):
    """All that a model was ever sent, as one text."""
    asked = [*lm.requests, *(request for request, _ in lm.scored)]
    return "\n".join(message.content for request in asked for message in request.messages) + "\n".join(answer for _, answer in lm.scored)


def replying(request):
    return "1. a plain reply" if "heron" not in str(request) else "2. heron-quixotic"


@pytest.mark.parametrize("name", TEXT_ONLY)
@pytest.mark.parametrize("sensitivity,model,reaches", [("local", FAR, False), ("never", "tiny", False), ("local", "tiny", None)])
def test_what_is_not_for_a_model_never_reaches_it_by_any_method(store, name, sensitivity, model, reaches):
    """Whatever the method does: it learns from everybody, from this person, is told more, and answers. None: it may."""
    desk, lm, method = Desk(store), ScriptedLM(replying), catalogue.load(name, **SMALL.get(name, {}))
    records = lived()
    store.add("ann", records[:-2])
    for other in ("bob", "eve"):
        store.add(other, [Record(f"Question {n}?", f"I like plain thing {n}.", n, f"{other}{n}") for n in range(4)])
    desk.say("ann", [handled(f"s-{one.kind}", Handling(sensitivity, pinned=True)) for one in records[:5]])
    who = Assistant(lm, method, Kept(store, name, configured(model, method), desk.view))
    who.fit([desk.view(store.user(one), model) for one in ("ann", "bob", "eve")])
    who.update("ann")
    who.observe("ann", *records[-2:])
    for question in ("Question 1?", "What is the vault code?"):
        request = desk.told("ann", desk.shape("ann", ask(question)), model)
        who.replies(["ann"], [request])
    sent = everything(lm) + json.dumps(store.export("ann")["states"])
    if reaches is False:
        assert "heron" not in sent.replace("What is the vault code?", "")
    else:
        assert "heron" in sent


def test_a_remote_answer_of_the_server_does_not_hold_what_is_local_and_a_local_one_does(tmp_path):
    with opened(tmp_path / "p.db") as client:
        client.store.add("ann", [*told("I live in Oslo."), Record("", f"Note: {SECRET}.", 5.0, "s")])
        client.patch("/v1/users/ann/records/s", json={"sensitivity": "local", "pinned": True})
        for method in ("long_term", "rag", "secom", "mem_prompt"):
            assert "heron" in client.ask("ann", "vault code?", model=f"echo+{method}")[0]
            assert "heron" not in client.ask("ann", "vault code?", model=f"far+{method}")[0]


def test_wishes_are_read_once_for_each_change_whoever_makes_it(store, monkeypatch):
    desk, other = Desk(store), Desk(store)
    store.add("ann", told("I live in Oslo."))
    reads = []
    of = desk.wishes.of
    monkeypatch.setattr(desk.wishes, "of", lambda key: reads.append(key) or of(key))
    for _ in range(3):
        desk.allowed("ann", "rag"), desk.shape("ann", ask("x")), desk.told("ann", ask("x"))
    assert reads == ["ann"]
    other.say("ann", [("slider", "length", 1.0)])
    assert "longer" in desk.shape("ann", ask("x")).messages[0].content and reads == ["ann"] * 2
    store.erase("ann")
    assert desk.of("ann").wished.sliders == {} and reads == ["ann"] * 2


def test_nobody_is_told_what_another_set(store):
    desk = Desk(store)
    for user in ("ann", "bob", "*", "%"):
        store.add(user, told("x"))
    desk.say("ann", [noted(Noted("n", SECRET, 1.0, "added", handling=Handling(pinned=True))), ("slider", "length", 1.0)])
    for user in ("bob", "*", "%", "an", "nobody"):
        assert desk.told(user, desk.shape(user, ask("vault code?")), "tiny") == ask("vault code?")
    assert "heron" in desk.told("ann", ask("x"), "tiny").messages[0].content


def test_what_is_pinned_takes_its_part_of_the_window_and_what_did_not_fit_is_named(store):
    desk = Desk(store)
    store.add("ann", told("x"))
    long = [noted(Noted(f"n{n}", f"fact {n} " + "many words " * 30, n, "added", handling=Handling(pinned=True))) for n in range(40)]
    desk.say("ann", long)
    wide, narrow = desk.told("ann", ask("x"), "tiny"), desk.told("ann", ask("x"), "tiny", 1000)
    assert len(narrow.messages[0].content) < len(wide.messages[0].content) <= 4 * TOLD + 200
    assert any(reason.startswith("left out:fact:n") for reason in narrow.because) and "fact:n0" in narrow.because


def test_of_facts_that_are_not_pinned_the_nearest_to_the_question_are_told(store):
    desk = Desk(store)
    store.add("ann", told("x"))
    desk.say("ann", [noted(Noted(f"n{n}", f"Owns instrument{n}", n, "mem0")) for n in range(30)])
    heard = desk.told("ann", ask("What of instrument3?"), "tiny")
    assert "Known: Owns instrument3" in heard.messages[0].content and len(heard.because) == NEAR


def test_what_was_learnt_is_wanted_again_after_it_was_let_go_of_unless_the_method_may_not_be_used(tmp_path):
    with opened(tmp_path / "p.db") as client:
        client.store.add("ann", told("I live in Oslo.", "I like tea."))
        wanted = []
        client.desk.relearn = lambda *one: wanted.append(one)
        for method in ("rag", "secom"):
            client.gateway.assistant(client.gateway.served(method)).update("ann")
        client.put("/v1/users/ann/consent", json={"methods": {"rag": False}})
        assert wanted == [("ann", "secom", "echo")]
        client.put("/v1/users/ann/preferences", json={"weights": {"length": 1}})
        client.delete("/v1/users/ann")
        assert wanted == [("ann", "secom", "echo")]


def test_a_server_learns_again_what_was_let_go_of(tmp_path):
    with opened(tmp_path / "p.db") as client:
        client.store.add("ann", told("I live in Oslo.", "I like tea."))
        client.gateway.assistant(client.gateway.served("secom")).update("ann")
        person.attach(client.app)
        client.app.state.desk.say("ann", [("consent", "rating", False)], unlearn=True)
        lessons = client.get("/v1/users/ann/lessons").json()["data"]
        assert [(one["method"], one["model"]) for one in lessons] == [("secom", "echo")]


def test_what_goes_before_the_question_leaves_the_question_as_it_is(store):
    desk = Desk(store)
    store.add("ann", told("x"))
    desk.say("ann", [noted(Noted("n", SECRET, 1.0, "added", handling=Handling(pinned=True))), gone(Gone("never this"))])
    asked = ask("never this?")
    heard: Request = desk.told("ann", asked, "tiny")
    assert heard.question == asked.question and heard.sampling == asked.sampling
