"""A trial: everyone enrolled once, asked under two states, and what that costs."""

from collections.abc import Sequence
from dataclasses import replace

from idiolect.evaluation.compare import compare
from idiolect.models.lm import LM
from idiolect.types import History, Reply, Request, State, User, ask
from tests.evaluation.people import TEXT, Anybody, Own, compared, crowd, model


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
            lm.generate([ask(user.id) for user in users])
            return super().enroll(users, lm)

    row = compared(Asking()).rows[1]
    assert row.costs and row.costs.enroll_calls == 1 and row.costs.calls == 1


def test_progress_is_told_to_the_end() -> None:
    steps: list[tuple[str, str, int, int]] = []
    compare(crowd(), model(), [("Own", Own())], TEXT, progress=lambda *step: steps.append(step))
    assert {"Plain", "Own"} == {step[0] for step in steps}
    assert [step for step in steps if step[1] == "another's history"][-1] == ("Own", "another's history", 24, 24)
