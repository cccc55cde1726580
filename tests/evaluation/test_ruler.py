"""Trials measured: ratings, labels, texts, and answers that do not suit their task."""

import pytest

from idiolect.errors import DataError
from idiolect.evaluation.compare import compare
from idiolect.evaluation.tasks import of_users
from idiolect.models.scripted import ScriptedLM
from idiolect.types import History, Record, User
from tests.evaluation.people import Own, crowd, echo, model


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
