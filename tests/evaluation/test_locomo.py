"""LoCoMo's figures on two invented conversations, counted by hand."""

import pytest

from idiolect.data.locomo import Question, read
from idiolect.evaluation import locomo
from idiolect.evaluation.recalled import Finder, finder, silent
from idiolect.models.scripted import ScriptedLM
from tests.evaluation.published import write_locomo


@pytest.fixture
def talks(tmp_path):
    return read(write_locomo(tmp_path))


class Fixed(Finder):
    """Finds the same groups whatever is asked; "*" stands for the conversation's name."""

    def __init__(self, name, *groups):
        super().__init__(name)
        self.groups = groups

    def know(self, users):
        self.users = [user.id for user in users]

    def find(self, user_id, question, k):
        return [tuple(f"{user_id}:{one}" for one in group) for group in self.groups]

    def tell(self, user_id, request):
        return request.told(f"of {user_id}", because=[f"record:{one}" for group in self.find(user_id, "", 0) for one in group])

    def told(self, user_id, bent):
        return tuple(one.removeprefix("record:") for one in bent.because)


def test_recall_is_the_share_of_a_questions_evidence_among_the_first(talks):
    found = locomo.find(talks, Fixed("fixed", ["D1:1"], ["D2:1"], ["D1:3"]), ks=(1, 2, 3))
    assert found.values.tolist() == [[0.5, 0.5, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0]] * 2
    assert found.used.tolist() == [3.0] * 6 and found.all_used.tolist() == [1.0] * 6


def test_a_group_that_is_cut_counts_as_the_mean_over_its_orders(talks):
    found = locomo.find(talks, Fixed("whole", ["D1:1", "D1:2", "D1:3", "D2:1"]), ks=(1, 3))
    assert found.values[:3].tolist() == [[0.25, 0.75]] * 3


def test_the_first_finder_is_asked_for_as_many_as_another_tells(talks):
    first, other = Fixed("first", ["D2:1"], ["D1:2"], ["D1:1"]), Fixed("other", ["D1:1"], ["D1:3"])
    locomo.find(talks, first, ks=(1,))
    found = locomo.find(talks, other, ks=(1,), first=first)
    assert found.all_used[:3].tolist() == [1.0, 0.0, 0.0] and found.matched[:3].tolist() == [0.0, 1.0, 1.0]
    whole = {row.kind: row for row in locomo.rows(talks, [found])}["multi-hop"]
    assert (whole.used, whole.all_used, whole.matched, whole.beside.value) == (2.0, 1.0, 0.0, 1.0)


def test_who_tells_nothing_finds_nothing(talks):
    found = locomo.find(talks, Fixed("none"))
    assert not found.values.any() and not found.matched.any()


def test_rows_leave_adversarial_questions_out_of_the_answerable_and_show_them_apart(talks):
    found = [locomo.find(talks, Fixed("a", ["D1:1"], ["D1:3"]), ks=(2,)), locomo.find(talks, Fixed("b", ["D2:1"]), ks=(2,))]
    rows = {(row.name, row.kind): row for row in locomo.rows(talks, found)}
    assert {kind for _, kind in rows} == {"answerable", "multi-hop", "single-hop", "adversarial"}
    assert rows["a", "answerable"].questions == 4 and rows["a", "answerable"].by_question[0].value == 0.5
    assert rows["a", "adversarial"].by_question[0].value == 0.0 and rows["b", "adversarial"].by_question[0].value == 1.0
    assert rows["a", "answerable"].change == () and rows["b", "multi-hop"].change[0].value == -1.0


def test_intervals_over_questions_and_over_conversations_differ(talks):
    one = locomo.rows(talks, [locomo.find(talks, Fixed("a", ["D1:1"], ["D1:3"]), ks=(2,))])[0]
    assert one.by_question[0].low < 0.5 < one.by_question[0].high  # half of the questions are found ...
    assert one.by_conversation[0].low == one.by_conversation[0].high == 0.5  # ... and half of each conversation's


def test_a_real_ranker_finds_the_turn_that_shares_the_questions_words(talks):
    found = locomo.find(talks, finder("bm25", None, silent()), ks=(1,))
    assert found.values[1].tolist() == [1.0]


@pytest.mark.parametrize(
    ("reply", "truth", "category", "score"),
    [
        ("She painted boats", "painting a boat", 4, 0.8),  # stems: she paint boat / paint boat
        ("Boats, and clouds", "clouds, boats, trees", 1, 2 / 3),
        ("likely yes", "Likely yes; since she said so", 3, 1.0),
        ("Not mentioned.", "", 5, 1.0),
        ("boats", "", 5, 0.0),
        ("", "boats", 2, 0.0),
    ],
)
def test_answers_are_scored_as_the_benchmark_scores_each_category(reply, truth, category, score):
    pytest.importorskip("nltk")
    assert locomo.score(reply, Question("q", truth, (), category)) == pytest.approx(score)


def test_answers_are_asked_with_an_instruction_that_the_finder_did_not_search_by(talks):
    pytest.importorskip("nltk")
    lm = ScriptedLM(lambda request: "not mentioned")
    found = locomo.answer(talks, finder("bm25", None, lm), lm)
    assert found.values[:, 0].tolist() == [0.0, 0.0, 1.0] * 2
    asked = lm.requests[1]
    assert asked.question == f"{locomo.INSTRUCTION}What does Bo paint?" and "paint boats" in asked.messages[0].content
