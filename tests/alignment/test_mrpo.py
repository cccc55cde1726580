"""MRPO: two references at once, where it is plain DPO, and what a person's choices teach."""

import numpy as np
import pytest

from idiolect.alignment.mrpo import MRPO
from idiolect.errors import RequestError
from idiolect.training.choices import preferences
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO, prefer
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB
from tests.training.conftest import near

SMALL = {"rank": 2, "epochs": 4, "batch": 2, "answer_tokens": 4, "k": 0, "lr": 5e-3}
CHOOSER = User("cho", [Record(f"Question {i}?", f"the fox sleeps {i}", i, "", "choice", f"a dog runs {i}") for i in range(4)])


def taught(llama, **options):
    method = MRPO(**{**SMALL, **options})
    method.fit([ANN, BOB], llama.lm)
    return method


def plain_dpo(llama, user):
    plan = Plan(lr=5e-3, epochs=4, batch=2)
    return prefer(llama.lm, [preferences(user)], DPO(0.1), rank=2, alpha=4.0, plan=plan)[0]


def test_without_trust_in_the_second_reference_and_before_everybody_taught_it_is_dpo(llama):
    wanted = plain_dpo(llama, CHOOSER)
    assert near(taught(llama, trust=0.0).enroll([CHOOSER], llama.lm)[0].adapter, wanted)
    assert near(MRPO(**SMALL).enroll([CHOOSER], llama.lm)[0].adapter, wanted)


def test_the_second_reference_counts_and_its_share_stands_where_the_variant_says(llama):
    paper, released, none = (
        taught(llama, trust=9.0, **options).enroll([CHOOSER], llama.lm)[0].adapter
        for options in ({"share": 0.9}, {"share": 0.9, "variant": "released"}, {"share": 0.0})
    )
    turned = taught(llama, trust=9.0, share=0.1, variant="released").enroll([CHOOSER], llama.lm)[0].adapter
    assert near(turned, paper) and not near(paper, released)
    assert near(none, plain_dpo(llama, CHOOSER)) and not near(paper, none)


def test_what_was_chosen_becomes_likelier_than_what_was_left(llama):
    method = taught(llama, lr=1e-2)
    state = method.enroll([CHOOSER], llama.lm)[0]
    margins = []
    for known in (State(), state):
        bent = [method.personalize(known, ask(record.prompt), llama.lm) for record in CHOOSER.records]
        scores = [
            [score.nats for score in llama.lm.score(bent, [getattr(r, side) for r in CHOOSER.records])] for side in ("answer", "other")
        ]
        margins.append(np.mean(scores[0]) - np.mean(scores[1]))
    assert margins[1] > margins[0] + 1


def test_a_variant_that_does_not_exist_is_refused(llama):
    with pytest.raises(RequestError, match="'mine'"):
        taught(llama, variant="mine").enroll([CHOOSER], llama.lm)
