"""What happens is learnt at once, is on the disk before it is acknowledged, and is what every other process sees."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from idiolect import catalogue
from idiolect.assistant import Assistant, Kept, changes
from idiolect.errors import StoreError
from idiolect.method import Chain, Method
from idiolect.models.scripted import ScriptedLM
from idiolect.store import Store
from idiolect.types import KINDS, Record, State, User, ask

CANARY = "nineteen saffron buns"
FIRST = Record("What did you eat?", f"I ate {CANARY}.", 1, "first")


@dataclass
class Steps(Method):
    """Learns step by step: how many records of each kind it was told, in text."""

    reads: ClassVar[frozenset[str]] = frozenset(KINDS)

    def enroll(self, users, lm):
        return [self.observe(State(), user, list(user.records), lm) for user in users]

    def observe(self, state, user, new, lm):
        return State(text=state.text + "".join(record.kind[0] for record in new), records=user.records)

    def personalize(self, state, request, lm):
        return request.told(state.text, because=["steps"])


def kept(folder, method="steps", model="scripted"):
    return Kept(Store(folder / "p.db"), method, {"model": model})


def told(assistant, user_id, question="What did you eat?"):
    bent = assistant.personalize([user_id], [ask(question)])[0]
    return bent.messages[0].content if len(bent.messages) > 1 else ""


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_next_request_knows_what_was_observed(tmp_path, on_disk):
    assistant = Assistant(ScriptedLM(), catalogue.load("rag"), kept(tmp_path, "rag") if on_disk else None)
    assert told(assistant, "ann") == ""
    seen = assistant.observe("ann", FIRST)
    assert seen.records == ("first",) and seen.changed == ("records",)
    assert CANARY in told(assistant, "ann") and told(assistant, "bob") == ""
    assert assistant.observe("ann", FIRST).records == () and assistant.observe("ann", FIRST).changed == ()


def test_observing_asks_nothing_of_the_model(tmp_path):
    lm = ScriptedLM()
    Assistant(lm, catalogue.load("pag"), kept(tmp_path, "pag")).observe("ann", FIRST)
    assert lm.requests == lm.scored == []


def test_a_method_is_given_only_the_kinds_it_reads():
    assistant = Assistant(ScriptedLM(), catalogue.load("rag"))
    seen = assistant.observe("ann", Record("q", "2", 1, kind="rating", other="a reply"))
    assert len(seen.records) == 1 and seen.changed == () and told(assistant, "ann", "q") == ""
    every = Assistant(ScriptedLM(), Steps())
    assert every.observe("ann", Record("q", "2", 1, kind="rating", other="a reply")).changed == ("text", "records")


def test_links_of_a_chain_learn_each_what_they_read_and_it_is_said_which_changed():
    assistant = Assistant(ScriptedLM(), Chain(catalogue.load("rag"), Steps()))
    seen = assistant.observe("ann", Record("q", "No, the other.", 1, kind="correction", other="this"))
    assert seen.changed == ("part 2: text", "part 2: records") and told(assistant, "ann") == "c"


def test_after_a_restart_it_goes_on_from_what_was_observed(tmp_path):
    Assistant(ScriptedLM(), Steps(), kept(tmp_path)).observe("ann", FIRST, Record("q", "5", 2, kind="rating"))
    again = Assistant(ScriptedLM(), Steps(), kept(tmp_path))
    assert told(again, "ann") == "mr"
    again.update("ann")
    again.observe("ann", Record("q", "final", 3, kind="edit", other="draft"))
    assert told(Assistant(ScriptedLM(), Steps(), kept(tmp_path)), "ann") == told(again, "ann") == "mre"


def test_what_is_learnt_step_by_step_is_told_once_however_it_comes(tmp_path):
    one, other = (Assistant(ScriptedLM(), Steps(), kept(tmp_path)) for _ in range(2))
    one.observe("ann", FIRST)
    assert told(other, "ann") == "m"
    other.observe("ann", Record("q", "5", 2, kind="rating"))
    one.observe("ann", Record("q", "final", 3, kind="edit", other="draft"))
    assert told(one, "ann") == told(other, "ann") == "mre"


def test_what_is_forgotten_or_erased_elsewhere_is_gone_from_the_next_answer(tmp_path):
    place = kept(tmp_path, "rag")
    assistant = Assistant(ScriptedLM(), catalogue.load("rag"), place)
    assistant.observe("ann", FIRST, Record("And then?", "Rain.", 2, "rain"))
    assert CANARY in told(assistant, "ann")
    with Store(place.store.path) as elsewhere:
        elsewhere.forget("ann", ["first"])
        assert CANARY not in told(assistant, "ann") and "Rain." in told(assistant, "ann", "And then?")
        elsewhere.edit("ann", Record("And then?", "Snow.", 2, "rain"))
        assert "Snow." in told(assistant, "ann", "And then?")
        elsewhere.erase("ann")
    assert told(assistant, "ann") == "" and assistant.states == {}


def test_one_persons_events_never_reach_another(tmp_path):
    assistant = Assistant(ScriptedLM(), catalogue.load("rag"), kept(tmp_path, "rag"))
    assistant.observe("bob", Record("What did you eat?", "Bread.", 1))
    before = assistant.personalize(["bob"], [ask("What did you eat?")])
    assistant.observe("ann", FIRST)
    assert assistant.personalize(["bob"], [ask("What did you eat?")]) == before


def test_what_cannot_be_kept_changes_nothing(tmp_path):
    place = kept(tmp_path, "rag")
    assistant = Assistant(ScriptedLM(), catalogue.load("rag"), place)
    assistant.observe("ann", FIRST)
    place.store.close()
    with pytest.raises(StoreError, match="closed"):
        assistant.observe("ann", Record("q", "lost", 2))
    assert len(assistant.states["ann"].records) == 1


def test_whoever_is_killed_after_the_acknowledgement_has_kept_the_record(tmp_path):
    script = textwrap.dedent(
        """
        import sys
        from idiolect import catalogue
        from idiolect.assistant import Assistant, Kept
        from idiolect.models.scripted import ScriptedLM
        from idiolect.store import Store
        from idiolect.types import Record
        assistant = Assistant(ScriptedLM(), catalogue.load("rag"), Kept(Store(sys.argv[1]), "rag", {}))
        for number in range(10_000):
            assistant.observe("ann", Record("q", f"answer {number}", number))
            print(number, flush=True)
        """
    )
    place = tmp_path / "p.db"
    with subprocess.Popen([sys.executable, "-c", script, str(place)], stdout=subprocess.PIPE, text=True) as process:
        acknowledged = [process.stdout.readline().strip() for _ in range(20)][-1]
        os.kill(process.pid, signal.SIGKILL)
    with Store(place) as store:
        answers = {record.answer for record in store.user("ann").records}
    assert {f"answer {number}" for number in range(int(acknowledged) + 1)} <= answers


def test_changes_are_named_down_to_the_part():
    one = State(text="a", arrays={"v": np.ones(2)}, parts=(State(text="p"),))
    other = State(text="a", arrays={"v": np.zeros(2)}, parts=(State(text="q"),))
    assert changes(one, one) == () and changes(one, other) == ("arrays", "part 1: text")
    assert changes(State(), State(parts=(State(), State(text="new")))) == ("part 2: text",)


def test_without_a_store_who_was_enrolled_can_go_on(tmp_path):
    assistant = Assistant(ScriptedLM(), catalogue.load("rag"))
    assistant.enroll([User("ann", [FIRST])])
    assistant.observe("ann", Record("And then?", "Rain.", 2))
    assert CANARY in told(assistant, "ann") and "Rain." in told(assistant, "ann", "And then?")


class Slow(Steps):
    """Learns a person while something else happens to them."""

    def update(self, state, user, new, lm):
        made = self.enroll([user], lm)[0]
        self.meanwhile()
        return made


@pytest.mark.parametrize("change", ["forget", "edit", "erase", "withdraw"])
def test_what_was_taken_back_while_a_person_was_learnt_does_not_come_back_with_what_was_learnt(tmp_path, change):
    hidden = set()
    own = Kept(Store(tmp_path / "p.db"), "slow", {"model": "scripted"}, lambda user, model: User(user.id, user.records.without(hidden)))
    assistant, other = Assistant(ScriptedLM(), method := Slow(), own), Store(tmp_path / "p.db")
    assistant.observe("ann", FIRST)
    method.meanwhile = {
        "forget": lambda: other.forget("ann", ["first"]),
        "edit": lambda: other.edit("ann", Record("What did you eat?", "Soup.", 1, "first")),
        "erase": lambda: other.erase("ann"),
        "withdraw": lambda: (hidden.add("first"), other.unlearn("ann")),
    }[change]
    with pytest.raises(StoreError):
        assistant.update("ann")
    assert not (other.provenance("ann") if "ann" in other.users() else [])
    assert CANARY not in "".join(record.answer for record in (assistant.state("ann") or State()).records)


def test_what_comes_while_a_person_is_learnt_is_no_hindrance(tmp_path):
    own, other = Kept(Store(tmp_path / "p.db"), "slow", {"model": "scripted"}), Store(tmp_path / "p.db")
    assistant = Assistant(ScriptedLM(), method := Slow(), own)
    assistant.observe("ann", FIRST)
    method.meanwhile = lambda: other.add("ann", [Record("And to drink?", "Tea.", 2, "second")])
    assistant.update("ann")
    assert [one.method for one in other.provenance("ann")] == ["slow"]
    assert [record.id for record in assistant.state("ann").records] == ["first", "second"]
