"""The loop of a simulated dialogue with scripted roles: who speaks when, where it stops, what it teaches, and how traits are drawn."""

from collections import Counter

import pytest

from idiolect.errors import MethodError
from idiolect.training.simulation import ANSWER, CLOSE, Action, Cast, Dialogue, Scene, Turn, drawn, lessons, simulate

ASK = Action("ask", "size")
SCENE = Scene("A title, please", "the quay", {"question": "A title, please", "size": "Four words"})


class Script:
    """Plays all three roles: says what it did, follows a list of actions in each dialogue, and vetoes what is in `bad`."""

    def __init__(self, *actions, bad=()):
        self.actions, self.bad, self.choices = actions, bad, 0

    def says(self, dialogues):
        return [f"person {len(one.turns)}" for one in dialogues]

    def chooses(self, dialogues):
        self.choices += len(dialogues)
        return [self.actions[len(one.done)] for one in dialogues]

    def allows(self, dialogue, action, text):
        return text not in self.bad

    def acts(self, dialogues, actions):
        return [f"{action.name} {len(one.turns)}" for one, action in zip(dialogues, actions, strict=True)]

    def plainly(self, dialogue, action):
        return f"plainly {action.name}"


def run(*actions, most=9, bad=(), scenes=(SCENE,)):
    script = Script(*actions, bad=bad)
    return simulate(scenes, Cast(script, script, script), most)


def test_the_loop_ends_at_the_supervisors_stop_action_and_keeps_the_order_of_roles():
    dialogue = run(ASK, ANSWER, CLOSE, ASK, ANSWER)[0]
    assert dialogue.closed and dialogue.done == (ASK, ANSWER)
    assert [(turn.role, turn.text) for turn in dialogue.turns] == [
        ("person", "person 0"),
        ("server", "ask 1"),
        ("person", "person 2"),
        ("server", "answer 3"),
        ("person", "person 4"),
    ]


@pytest.mark.parametrize("length", range(6))
def test_whatever_the_flow_persons_and_server_take_turns_and_the_person_has_the_last_word(length):
    dialogue = run(*[ASK] * length, CLOSE)[0]
    assert [turn.role for turn in dialogue.turns] == ["person", "server"] * length + ["person"]
    assert [bool(turn.action) for turn in dialogue.turns] == [False, True] * length + [False]


def test_a_dialogue_that_nobody_closes_stops_after_so_many_turns_stays_open_and_teaches_nothing():
    dialogue = run(*[ASK] * 9, most=2)[0]
    assert not dialogue.closed and len(dialogue.done) == 2 and dialogue.turns[-1].role == "person"
    assert lessons(dialogue) == []
    assert run(ASK, ASK, CLOSE, most=2)[0].closed


def test_dialogues_of_different_lengths_run_in_step_and_none_moves_another():
    class Uneven(Script):
        def chooses(self, dialogues):
            self.choices += len(dialogues)
            return [CLOSE if len(one.done) >= int(one.scene.question) else ASK for one in dialogues]

    scenes = [Scene(str(count), "", {}) for count in (2, 0, 1)]
    script = Uneven()
    made = simulate(scenes, Cast(script, script, script), 5)
    assert [len(one.done) for one in made] == [2, 0, 1] and all(one.closed for one in made)
    assert script.choices == 3 + 2 + 1  # who is closed is not asked again
    alone = [simulate([scene], Cast(script, script, script), 5)[0] for scene in scenes]
    assert alone == made


def test_a_vetoed_turn_is_said_plainly_and_counted():
    dialogue = run(ASK, ANSWER, CLOSE, bad=("ask 1",))[0]
    assert dialogue.vetoed == 1 and [turn.text for turn in dialogue.turns if turn.action] == ["plainly ask", "answer 3"]


def test_an_action_that_there_is_not_is_refused():
    with pytest.raises(MethodError, match="ask, answer or close, not sing"):
        run(Action("sing"))


def test_each_of_the_servers_turns_is_a_lesson_with_what_was_said_before_it():
    dialogue = run(ASK, ANSWER, CLOSE)[0]
    first, second = lessons(dialogue)
    assert ([message.role for message in first[0]], first[1], first[2]) == (["user"], ASK, "ask 1")
    assert [(message.role, message.content) for message in second[0]] == [
        ("user", "person 0"),
        ("assistant", "ask 1"),
        ("user", "person 2"),
    ]
    assert second[1:] == (ANSWER, "answer 3")


def test_a_field_is_known_once_the_person_said_it_whoever_else_did_and_missing_till_it_is_asked_for():
    dialogue = Dialogue(SCENE)
    assert dialogue.missing == ("question", "size") and not dialogue.known
    dialogue = dialogue.plus(Turn("person", "a title, PLEASE: of foxes"))
    assert dialogue.known == {"question"} and dialogue.missing == ("size",)
    dialogue = dialogue.plus(Turn("server", "Four words?", ASK))
    assert dialogue.known == {"question"} and dialogue.missing == ()  # asked for; what the server says is not the person's
    assert dialogue.plus(Turn("person", "four words.")).known == {"question", "size"}
    assert Dialogue(Scene("q", "", {"size": "x"}, frozenset({"size"}))).known == {"size"}


@pytest.mark.parametrize("count", [0, 1, 7, 40, 101])
@pytest.mark.parametrize("seed", [0, 1])
def test_drawn_traits_have_the_given_marginals(count, seed):
    marginals = {"education": {"none": 0.119, "school": 0.562, "more": 0.319}, "opening": {"short": 0.7, "whole": 0.3, "never": 0.0}}
    made = drawn(marginals, count, seed)
    assert len(made) == count
    for trait, shares in marginals.items():
        counts = Counter(one[trait] for one in made)
        assert sum(counts.values()) == count and all(abs(counts[value] - share * count) < 1 for value, share in shares.items())
    assert made == drawn(marginals, count, seed)


def test_traits_are_drawn_apart_from_one_another():
    half = {"yes": 0.5, "no": 0.5}
    made = drawn({"one": half, "other": half}, 400, 0)
    both = sum(one["one"] == one["other"] for one in made)
    assert 150 < both < 250 and made != drawn({"one": half, "other": half}, 400, 1)


@pytest.mark.parametrize("shares", [{"a": 0.5}, {"a": 1.5, "b": -0.5}, {}])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(MethodError, match="'mood' are 0 or more and 1 together"):
        drawn({"mood": shares}, 3, 0)
