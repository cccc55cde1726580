"""BAPO: held to the model's own answers, the more the stronger; without that, plain DPO."""

import numpy as np

from idiolect.alignment.bapo import BAPO
from idiolect.models.scripted import ScriptedLM
from idiolect.training.choices import preferences
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO, prefer
from idiolect.types import Record, User, ask
from tests.training.conftest import near

SMALL = {"rank": 2, "epochs": 6, "batch": 4, "answer_tokens": 6, "k": 0, "lr": 1e-2, "beta": 0.5}
CHOOSER = User("cho", [Record(f"Question {i}?", f"the fox sleeps {i}", i, "", "choice", f"a dog runs {i}") for i in range(4)])


def test_the_anchor_is_what_the_model_answers_greedily_to_the_same_request_put_once():
    lm = ScriptedLM(lambda request: f"by itself: {request.question}")
    jobs = [[(ask("q"), "a", "b"), (ask("q"), "c", "d")], [(ask("r"), "e", "f")]]
    made = BAPO(answer_tokens=7)._anchored(jobs, lm)
    assert made == [[(ask("q"), "a", "b", "by itself: q"), (ask("q"), "c", "d", "by itself: q")], [(ask("r"), "e", "f", "by itself: r")]]
    assert [(r.sampling.temperature, r.sampling.max_tokens) for r in lm.requests] == [(0.0, 7)] * 2


def test_at_strength_0_it_is_dpo(llama):
    made = BAPO(**{**SMALL, "strength": 0.0, "lr": 1e-3}).enroll([CHOOSER], llama.lm)[0].adapter
    plan = Plan(lr=1e-3, epochs=6, batch=4)
    assert near(made, prefer(llama.lm, [preferences(CHOOSER)], DPO(0.5), rank=2, alpha=4.0, plan=plan)[0])


def test_the_stronger_the_anchor_the_less_the_models_own_answers_lose_and_choices_are_still_learnt(llama):
    asked = [ask(record.prompt, max_tokens=6) for record in CHOOSER.records]
    own = [reply.text for reply in llama.lm.generate(asked)]
    before = np.array([score.nats for score in llama.lm.score(asked, own)])
    lost, margins = [], []
    for strength in (0.0, 1.0, 9.0):
        method = BAPO(**SMALL, strength=strength)
        state = method.enroll([CHOOSER], llama.lm)[0]
        bent = [method.personalize(state, request, llama.lm) for request in asked]
        lost.append(float((before - [score.nats for score in llama.lm.score(bent, own)]).mean()))
        sides = [[s.nats for s in llama.lm.score(bent, [getattr(r, side) for r in CHOOSER.records])] for side in ("answer", "other")]
        margins.append(np.mean(sides[0]) - np.mean(sides[1]))
    assert lost[0] > 1 and lost[0] > lost[1] > lost[2] and lost[2] < 0.5 * lost[0]
    plain = [[s.nats for s in llama.lm.score(asked, [getattr(r, side) for r in CHOOSER.records])] for side in ("answer", "other")]
    assert min(margins) > np.mean(plain[0]) - np.mean(plain[1]) + 1
