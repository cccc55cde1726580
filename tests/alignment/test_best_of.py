"""BestOf with a model whose candidates and their scores are written down: which wins, and what it cost."""

import pytest

from idiolect.alignment.best_of import BestOf
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, Reply, Score, State, ask

MINE = State(records=[Record("On foxes", "foxes sleep", 0.0), Record("On dogs", "dogs run", 1.0)])
ASKED = ask("On foxes and dogs?", seed=10)


class Scored(ScriptedLM):
    """Says `candidates` in turn, the first when it is asked greedily; `theirs` are nats a token with records quoted, `anybodys` without."""

    def __init__(self, candidates, theirs, anybodys=None):
        super().__init__(
            lambda request: candidates[0 if not request.sampling.temperature else 1 + request.sampling.seed - ASKED.sampling.seed]
        )
        self.theirs = dict(zip(candidates, theirs, strict=True))
        self.anybodys = dict(zip(candidates, anybodys or [-3.0] * len(candidates), strict=True))

    def score(self, requests, answers):
        self.scored.extend(zip(requests, answers, strict=True))
        tables = [self.theirs if request.messages[0].role == "system" else self.anybodys for request in requests]
        return [Score((table[a],) * len(a.split()), len(a), 7) for table, a in zip(tables, answers, strict=True)]


def chosen(lm, **options):
    reply = BestOf(drawn=len(lm.theirs) - 1, **options).personalize(MINE, ASKED, lm)
    assert isinstance(reply, Reply)
    return reply


@pytest.mark.parametrize("planted", range(4))
def test_the_candidate_that_is_likeliest_for_the_person_is_given(planted):
    candidates = ["first", "second one", "third of them all", "fourth"]
    lm = Scored(candidates, [-1.0 if place == planted else -2.0 for place in range(4)])
    assert chosen(lm).text == candidates[planted]


def test_long_answers_are_not_punished_for_their_length():
    assert chosen(Scored(["short", "a much longer answer than that"], [-1.2, -1.0])).text.startswith("a much")


def test_what_anybody_would_write_counts_less_by_as_much_as_less_says():
    candidates, theirs, anybodys = ["common", "own"], [-1.0, -1.4], [-1.0, -3.0]
    assert chosen(Scored(candidates, theirs, anybodys), less=0.0).text == "common"
    assert chosen(Scored(candidates, theirs, anybodys), less=0.5).text == "own"


@pytest.mark.parametrize("less", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("empty", range(3))
def test_an_empty_answer_loses_wherever_it_stands(empty, less):
    candidates = ["one", "two", "three"]
    candidates[empty] = ""
    assert chosen(Scored(candidates, [-9.0] * 3), less=less).text == next(c for c in candidates if c)


def test_where_all_are_empty_the_greedy_one_is_given():
    lm = ScriptedLM(lambda request: "")
    assert BestOf().personalize(MINE, ASKED, lm).text == ""


def test_it_asks_greedily_once_and_for_each_seed_once_with_records_quoted():
    lm = Scored(["a", "b", "c"], [-1.0] * 3)
    chosen(lm, temperature=0.7, k=1)
    assert [(r.sampling.temperature, r.sampling.seed) for r in lm.requests] == [(0.0, 10), (0.7, 10), (0.7, 11)]
    assert all(str(r.messages).count("Wrote: ") == 1 and r.question == ASKED.question for r in lm.requests)


def test_the_cost_is_that_of_every_candidate_and_every_score():
    lm = Scored(["one word more", "two", "three words"], [-3.0, -2.0, -1.0])
    reply = chosen(lm)
    told = lm.requests[0]
    words = sum(len(message.content.split()) for message in told.messages)
    assert reply.text == "three words" and reply.calls == 3 + 3 + 3
    assert reply.prompt_tokens == 3 * words + 6 * 7 and reply.tokens == 3 + 1 + 2


def test_the_reply_names_the_records_that_shaped_it():
    assert set(chosen(Scored(["one", "two"], [-1.0, -2.0])).because) == {f"record:{record.id}" for record in MINE.records}


def test_on_real_likelihoods_the_answer_in_the_persons_words_wins():
    lm = ScriptedLM(lambda request: "foxes sleep" if request.sampling.seed == 12 and request.sampling.temperature else "Quantum Zebra")
    assert BestOf(drawn=4).personalize(MINE, ASKED, lm).text == "foxes sleep"


def test_a_person_without_records_is_asked_for_plainly():
    lm = ScriptedLM([])
    assert BestOf().personalize(State(), ASKED, lm) == ASKED and not lm.requests
