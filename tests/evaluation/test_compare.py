"""The comparison: planted effects are found, controls hold, an interrupted run goes on, and failures stay where they are."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from idiolect.errors import DataError, MethodError, StoreError
from idiolect.evaluation.cohort import Setup
from idiolect.evaluation.compare import compare
from idiolect.evaluation.comparison import Comparison
from idiolect.evaluation.tasks import Task, of_users, task
from idiolect.method import Chain, Method
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.plain import Plain
from idiolect.types import History, Record, Reply, Request, State, User
from tests.evaluation.people import Anybody, Both, Broken, Harmful, Own, crowd, echo, model

TEXT = Task("invented", "text", "what invented people say", lambda _: crowd())


def compared(*methods: Method, users: Sequence[User] | None = None, lm: LM | None = None, folder: Path | None = None) -> Comparison:
    named = [(type(method).__name__, method) for method in methods]
    return compare(users or crowd(), lm or model(), named, TEXT, folder=folder)


def test_a_method_that_helps_with_ones_own_history_only_is_personal() -> None:
    found = compared(Own())
    row = found.rows[1]
    for metric in ("bits_per_char", "rouge1", "style"):
        figure = row.figures[metric]
        assert figure.gain and figure.gain.clear and figure.personal and figure.personal.clear
    assert found.verdict(row) == "yes"
    assert found.advice.method == "Own" and "person's own" in found.advice.reason
    assert row.changes and all(change > 0 for change in row.changes)


def test_a_method_that_helps_with_anybodys_history_shows_no_personal_gain() -> None:
    found = compared(Anybody())
    figure = found.rows[1].figures["bits_per_char"]
    assert figure.gain and figure.gain.clear and figure.gain.value < 0
    assert figure.personal and figure.personal.value == 0 and not figure.personal.clear
    assert found.verdict(found.rows[1]) == "no"
    assert found.advice.method == "Plain" and "not personal" in found.advice.reason


def test_a_gain_that_survives_the_control_in_part_is_called_so() -> None:
    found = compared(Both())
    assert found.verdict(found.rows[1]) == "in part" and found.advice.method == "Both"


def test_harm_is_called_worse_and_nothing_is_recommended_for_it() -> None:
    found = compared(Harmful())
    assert found.verdict(found.rows[1]) == "worse"
    assert found.advice.method == "Plain" and "no method improved" in found.advice.reason


def test_plain_is_always_there_first_and_once() -> None:
    assert [row.name for row in compared(Own()).rows] == ["Plain", "Own"]
    named = compare(crowd(), model(), [("own", Own()), ("nothing", Plain())], TEXT)
    assert [row.name for row in named.rows] == ["nothing", "own"]
    assert compared().advice.method == "Plain"


def test_states_are_made_once_and_the_other_arm_uses_the_others_state() -> None:
    enrolled: list[int] = []

    class Counting(Own):
        def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
            enrolled.append(len(users))
            return super().enroll(users, lm)

    lm = model()
    compare(crowd(), lm, [("Counting", Counting())], TEXT)
    assert enrolled == [12]
    told = [request.messages[0].content for request in lm.requests if request.messages[0].role == "system"]
    users = {user.records[-1].answer for user in crowd()}
    assert len(told) == 2 * 24 and set(told) == users  # both arms, two targets a person
    assert not set(told[:24:2]) - users and told[:24] != told[24:]


def test_what_is_told_never_holds_a_record_that_is_asked_for() -> None:
    users = [User(u.id, History(replace(r, answer=f"{r.answer} at {u.id} {r.time}", id="") for r in u.records)) for u in crowd()]
    lm = model()
    compare(users, lm, [("Own", Own()), ("Anybody", Anybody())], TEXT)
    asked = {user.records[-1].answer for user in users} | {user.records[-2].answer for user in users}
    assert asked <= {answer for _, answer in lm.scored}
    assert not any(answer in message.content for request in lm.requests for message in request.messages for answer in asked)


def test_a_method_that_the_model_cannot_carry_is_skipped_with_the_reason() -> None:
    class Bending(Own):
        needs = frozenset({"adapters", "train"})

    row = compared(Bending()).rows[1]
    assert row.status == "skipped" and "adapters, train" in row.reason and "scripted" in row.reason and not row.figures


def test_a_method_that_raises_is_reported_and_the_others_go_on() -> None:
    found = compared(Broken(), Own())
    assert [row.status for row in found.rows] == ["done", "failed", "done"]
    assert found.rows[1].reason == "RuntimeError: out of luck"
    assert found.advice.method == "Own"


def test_where_plain_itself_fails_the_error_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        compared(lm=ScriptedLM(lambda request: str(1 / 0)))


def test_a_method_that_answers_by_itself_has_texts_but_no_bits() -> None:
    class Itself(Own):
        def personalize(self, state: State, request: Request, lm: LM) -> Reply:  # type: ignore[override]
            lm.score([request] * 2, ["a", "b"])
            return lm.generate([super().personalize(state, request, lm)])[0]

    found = compared(Itself())
    row = found.rows[1]
    assert "bits_per_char" not in row.figures and row.figures["rouge1"].gain
    assert found.verdict(row) is None and found.advice.method == "Plain"
    assert row.costs and row.costs.calls == 3  # two scored, one written


def test_costs_are_counted_by_the_query_and_by_the_person() -> None:
    row = compared(Own(times=3)).rows[1]
    plain = compared(Own(times=3)).rows[0]
    assert row.costs and plain.costs
    assert row.costs.prompt_tokens == plain.costs.prompt_tokens + 3 * 4
    assert row.costs.calls == plain.costs.calls == 1
    assert row.costs.bytes_kept and row.costs.bytes_kept > 100 and row.costs.enroll_calls == 0


def test_enrolment_that_asks_the_model_is_counted() -> None:
    class Asking(Own):
        def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
            lm.generate([Request(replace_question(user)) for user in users])
            return super().enroll(users, lm)

    row = compared(Asking()).rows[1]
    assert row.costs and row.costs.enroll_calls == 1 and row.costs.calls == 1


def replace_question(user: User):  # type: ignore[no-untyped-def]
    from idiolect.types import ask

    return ask(user.id).messages


def test_one_person_has_no_control_and_that_is_said() -> None:
    found = compared(Own(), users=crowd(1))
    figure = found.rows[1].figures["bits_per_char"]
    assert figure.other is None and figure.personal is None and figure.own.low is None
    assert found.advice.method == "Plain" and "one person" in found.advice.reason


def test_nobody_is_an_error() -> None:
    with pytest.raises(DataError, match="no users to compare"):
        compare([], model(), [], TEXT)


def test_two_methods_of_one_name_are_refused() -> None:
    with pytest.raises(MethodError, match="'Own'"):
        compared(Own(), Own(times=2))


def test_an_interrupted_comparison_goes_on_where_it_was(tmp_path: Path) -> None:
    class Interrupting(Harmful):
        def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compared(Own(), Interrupting(), folder=tmp_path)
    lm = model()
    resumed = compared(Own(), Harmful(), lm=lm, folder=tmp_path)
    assert len(lm.requests) == 2 * 24  # Harmful's two arms; Plain and Own were taken up
    fresh = compared(Own(), Harmful())
    assert [row.figures for row in resumed.rows] == [row.figures for row in fresh.rows]
    again = model()
    compared(Own(), Harmful(), lm=again, folder=tmp_path)
    assert not again.requests and not again.scored


@pytest.mark.parametrize("change", ["config", "people", "model", "seed", "task", "share"])
def test_results_are_not_taken_up_where_anything_differs(tmp_path: Path, change: str) -> None:
    compare(crowd(), model(), [("Own", Own())], TEXT, folder=tmp_path)
    lm = ScriptedLM(echo, name="another" if change == "model" else "scripted")
    users = crowd(13)[1:] if change == "people" else crowd()
    setup = Setup(seed=change == "seed", share=0.3 if change == "share" else 0.2)
    asked = replace(TEXT, max_tokens=9) if change == "task" else TEXT
    compare(users, lm, [("Own", Own(times=2 if change == "config" else 1))], asked, setup, folder=tmp_path)
    assert lm.requests


def test_a_cut_file_of_results_is_made_again(tmp_path: Path) -> None:
    compared(Own(), folder=tmp_path)
    for path in tmp_path.glob("*.json"):
        path.write_text(path.read_text()[:50])
    lm = model()
    compared(Own(), lm=lm, folder=tmp_path)
    assert lm.requests and all(json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
    assert not list(tmp_path.glob("*.part"))


def test_results_that_cannot_be_kept_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        compared(folder=tmp_path / "file")


def test_a_comparison_survives_json_and_anything_else_is_refused() -> None:
    found = compared(Own(), Broken(), users=[replace(user, id=f"<b>{user.id}\ud800\0") for user in crowd()])
    assert Comparison.from_json(found.to_json()) == found
    for text in ("", "{}", "[1]", '{"format": "other"}', found.to_json()[:-3]):
        with pytest.raises(DataError, match="not a comparison"):
            Comparison.from_json(text)


def test_json_holds_no_text_of_anybody() -> None:
    text = compared(Own()).to_json()
    assert not any(record.answer in text or record.prompt in text for user in crowd() for record in user.records)


def test_ratings_are_measured_by_their_error() -> None:
    users = [User(f"u{i}", History(Record(f"film {t}", str(1 + i % 5), float(t)) for t in range(10))) for i in range(10)]
    found = compare(users, ScriptedLM(lambda r: echo(r) if r.messages[0].role == "system" else "3"), [("Own", Own())], of_users("r", users))
    figure = found.rows[1].figures["mae"]
    assert found.deciding == "mae" and figure.own.value == 0 and found.advice.method == "Own"
    assert found.rows[0].figures["mae"].own.value == pytest.approx(1.2)


def test_labels_are_measured_by_accuracy() -> None:
    users = [User(f"u{i}", History(Record(f"case {t}", "yes" if i % 2 else "no", float(t)) for t in range(10))) for i in range(10)]
    lm = ScriptedLM(lambda r: echo(r) if r.messages[0].role == "system" else "perhaps")
    found = compare(users, lm, [("Own", Own())], of_users("l", users))
    assert found.deciding == "accuracy" and found.rows[1].figures["macro_f1"].own.value == 1.0
    assert found.rows[0].figures["unreadable"].own.value == 1.0


def test_answers_that_do_not_suit_the_task_fail_before_the_model_is_asked() -> None:
    lm = model()
    with pytest.raises(DataError, match="not a number"):
        compare(crowd(), lm, [], of_users("r", crowd(), kind="rating"))
    assert not lm.requests


def test_a_much_cheaper_method_wins_a_tie() -> None:
    import time

    class Slow(Own):
        def personalize(self, state: State, request: Request, lm: LM) -> Request:
            time.sleep(0.002)
            return super().personalize(state, request, lm)

    found = compared(Slow(), Own())
    assert found.advice.method == "Own" and "times the seconds" in found.advice.reason


def test_progress_is_told_to_the_end() -> None:
    steps: list[tuple[str, str, int, int]] = []
    compare(crowd(), model(), [("Own", Own())], TEXT, progress=lambda *step: steps.append(step))
    assert {"Plain", "Own"} == {step[0] for step in steps}
    assert [step for step in steps if step[1] == "another's history"][-1] == ("Own", "another's history", 24, 24)


def test_a_chain_is_a_method_like_any_other(tmp_path: Path) -> None:
    for _ in range(2):
        lm = model()
        found = compare(crowd(), lm, [("both", Chain(Own(), Anybody()))], TEXT, folder=tmp_path)
        assert found.rows[1].status == "done"
    assert not lm.requests


def test_the_bundled_sample_is_compared_whole() -> None:
    one = task("sample")
    assert compare(one.read(), model(), [("Own", Own())], one).counts.compared == 14
