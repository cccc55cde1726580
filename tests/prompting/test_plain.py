"""Plain: the control that changes nothing."""

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.plain import Plain
from tests.conformance.people import ANN, conversation


def test_the_request_comes_back_as_it_was_and_nobody_is_asked():
    lm = ScriptedLM()
    state = Plain().enroll([ANN], lm)[0]
    asked = conversation()
    assert Plain().personalize(state, asked, lm) is asked
    assert not lm.requests and not lm.scored
