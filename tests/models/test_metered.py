"""The counting model: it counts, and is otherwise the model it wraps."""

import copy

from idiolect.models.lm import LM
from idiolect.models.metered import Metered
from idiolect.models.scripted import ScriptedLM
from idiolect.types import ask


def test_calls_and_tokens_are_counted_and_replies_are_the_models() -> None:
    inner = ScriptedLM()
    lm = Metered(inner)
    assert isinstance(lm, LM) and (lm.name, lm.can) == (inner.name, inner.can)
    requests = [ask("one two"), ask("three")]
    assert lm.generate(requests) == ScriptedLM().generate(requests)
    assert lm.score(requests, ["a", "b"]) == ScriptedLM().score(requests, ["a", "b"])
    assert "".join(lm.stream(requests[0])) == "one two"
    assert (lm.meter.calls, lm.meter.prompt_tokens, lm.meter.tokens) == (5, 6, 3)


def test_what_is_not_counted_is_the_models_own_and_the_model_can_be_unwrapped() -> None:
    inner = ScriptedLM()
    lm = Metered(inner)
    assert lm.requests is inner.requests and lm.inner is inner
    assert not hasattr(lm, "nothing") and copy.copy(lm).inner is inner
