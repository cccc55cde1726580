"""The scripted model: says its script, keeps what it was asked, refuses what it cannot."""

import math

import numpy as np
import pytest

from idiolect.errors import ModelError
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM, toy_logprobs
from idiolect.types import Prefix, ask


def test_it_is_a_language_model():
    assert isinstance(ScriptedLM(), LM)


def test_a_list_is_used_in_turn_and_its_end_is_an_error():
    lm = ScriptedLM(["one", "two"])
    assert [reply.text for reply in lm.generate([ask("a"), ask("b")])] == ["one", "two"]
    with pytest.raises(ModelError, match="ended after 2 replies"):
        lm.generate([ask("c")])


def test_a_function_sees_the_request():
    assert ScriptedLM(lambda request: request.question.upper()).generate([ask("hello")])[0].text == "HELLO"


def test_without_a_script_the_last_line_is_said_back():
    assert ScriptedLM().generate([ask("Title this.\n\nA paper on cats. \n")])[0].text == "A paper on cats."


def test_a_text_instead_of_a_list_is_refused():
    with pytest.raises(ModelError, match="list of texts"):
        ScriptedLM("abc")


def test_requests_are_kept_in_order():
    lm = ScriptedLM()
    lm.generate([ask("a"), ask("b")])
    lm.score([ask("c")], ["d"])
    assert [r.question for r in lm.requests] == ["a", "b"]
    assert [(r.question, a) for r, a in lm.scored] == [("c", "d")]


def test_what_it_cannot_is_refused_before_anything_is_kept():
    lm = ScriptedLM(can=())
    bent = ask("a").bent(prefix=Prefix(np.zeros((1, 2), np.float32)))
    with pytest.raises(ModelError, match="prefix"):
        lm.generate([ask("b"), bent])
    with pytest.raises(ModelError, match="logprobs"):
        lm.score([ask("b")], ["c"])
    assert lm.requests == [] and lm.scored == []
    assert ScriptedLM(can=("prefix",)).generate([bent])[0].because == bent.sources


def test_an_unknown_capability_is_refused():
    with pytest.raises(ModelError, match="no such capability"):
        ScriptedLM(can=("telepathy",))


def test_a_reply_ends_at_a_stop_string_and_at_its_length():
    lm = ScriptedLM(lambda request: "one two  three\nfour")
    assert lm.generate([ask("?", stop=("\n", "zzz"))])[0].text == "one two  three"
    reply = lm.generate([ask("?", max_tokens=2)])[0]
    assert (reply.text, reply.finish, reply.tokens) == ("one two", "length", 2)
    assert lm.generate([ask("?")])[0].finish == "stop"


def test_the_stream_joins_to_the_reply():
    lm = ScriptedLM(lambda request: "  one two \n three ")
    pieces = list(lm.stream(ask("?")))
    assert len(pieces) == 4 and "".join(pieces) == "  one two \n three "


def test_text_like_the_prompt_is_likelier():
    near, far = ScriptedLM().score([ask("the cat sat on the mat")] * 2, ["the cat sat", "QUIZ 90 JX!"])
    assert near.bits_per_char < far.bits_per_char


def test_toy_scores_are_a_distribution():
    seen = [chr(c) for c in range(32, 127)] + ["é"]
    mass = sum(math.exp(toy_logprobs("a café, a cat", "a" + c)[1]) for c in seen)
    rest = (0x110000 - len(seen)) * math.exp(toy_logprobs("a café, a cat", "a\u4e00")[1])
    newline = math.exp(toy_logprobs("a café, a cat", "a\n")[1]) - math.exp(toy_logprobs("a café, a cat", "a\u4e00")[1])
    assert mass + rest + newline == pytest.approx(1.0)


def test_an_empty_answer_scores_nothing():
    assert ScriptedLM().score([ask("a")], [""])[0].nats == 0
