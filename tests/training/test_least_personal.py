"""Which draft is rejected: by likelihoods that are set, what is no draft at all, and on a real model."""

from idiolect.models.scripted import ScriptedLM
from idiolect.training.least_personal import least_personal
from idiolect.types import Adapter, Score, ask

OWN, OTHER = (Adapter({}, name=name, scale=scale) for name, scale in (("ann", 1.0), ("bob", 2.0)))
JOB = [(ask("Question 1"), "mine"), (ask("Question 2"), "mine too")]


class Drafting(ScriptedLM):
    """Drafts in a fixed order, with likelihoods a token that are set: (without the adapter, with it)."""

    def __init__(self, drafts, likelihoods):
        super().__init__(lambda request: drafts[request.sampling.seed], can=("adapters", "logprobs"))
        self.likelihoods = likelihoods

    def score(self, requests, answers):
        said = [self.likelihoods[answer][1 if request.adapters else 0] for request, answer in zip(requests, answers, strict=True)]
        return [Score((one,) * len(answer.split()), len(answer)) for one, answer in zip(said, answers, strict=True)]


def test_the_draft_is_rejected_that_the_shared_model_likes_better_by_most():
    lm = Drafting(["one", "two", "three"], {"one": (-3.0, -1.0), "two": (-2.0, -2.5), "three": (-1.0, -1.2)})
    assert least_personal(lm, [OWN], [JOB], 3, 8) == [[(request, answer, "two") for request, answer in JOB]]


def test_a_likelihood_is_by_token_so_that_length_alone_chooses_nothing():
    long = "one one one one one one"
    lm = Drafting([long, "two"], {long: (-1.0, -1.1), "two": (-1.0, -1.5)})
    assert least_personal(lm, [OWN], [JOB[:1]], 2, 8)[0][0][2] == "two"


def test_blank_drafts_and_the_persons_own_words_are_no_drafts():
    lm = Drafting(["mine ", " ", "two"], {"mine ": (0.0, -9.0), "two": (-1.0, -1.0)})
    assert [one[2] for one in least_personal(lm, [OWN], [JOB], 3, 8)[0]] == ["two", "mine "]
    assert least_personal(Drafting([" "], {}), [OWN, OTHER], [JOB, []], 1, 8) == [[], []]


def test_each_job_is_drafted_with_its_own_adapter_and_judged_over_the_answer_alone(llama):
    own = [llama.adapter(1), llama.adapter(2)]
    jobs = [[(ask(f"Tell me of the fox {i}"), "the dog") for i in range(2)], [(ask("Tell me of the dog"), "the fox")]]
    together = least_personal(llama.lm, own, jobs, 3, 6)
    assert together == [least_personal(llama.lm, [one], [job], 3, 6)[0] for one, job in zip(own, jobs, strict=True)]
    for one, preferences in zip(own, together, strict=True):
        for request, answer, rejected in preferences:
            asked = request.bent(adapters={one: 1.0}).sampled(max_tokens=6, temperature=1.0)
            drafts = [reply.text for reply in llama.lm.generate([asked.sampled(seed=seed) for seed in range(3)])]
            drafts = [text for text in drafts if text.strip()]
            ahead = [
                (a.nats - b.nats) / len(a.logprobs)
                for a, b in zip(llama.lm.score([request] * len(drafts), drafts), llama.lm.score([asked] * len(drafts), drafts), strict=True)
            ]
            assert rejected == drafts[ahead.index(max(ahead))] and answer in ("the dog", "the fox")


def test_without_drafts_there_are_no_preferences(llama):
    assert least_personal(llama.lm, [OWN], [[]], 3, 6) == [[]]
