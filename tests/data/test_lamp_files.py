"""LaMP's official files and LongLaMP's rows: read into questions with earlier records, and predictions in the same form."""

import json
import types

import pytest

from idiolect.data import lamp_files
from idiolect.data.lamp import FORMS, form, piece
from idiolect.data.lamp_files import from_hub, predictions, read
from idiolect.errors import DataError, MissingExtra

ENTRIES = {
    "LaMP-1": {"title": "T", "abstract": "A"},
    "LaMP-2": {"tag": "comedy", "description": "D"},
    "LaMP-2-old": {"title": "T", "text": "X", "category": "sports"},
    "LaMP-3": {"text": "X", "score": "4"},
    "LaMP-4": {"title": "T", "text": "X"},
    "LaMP-5": {"title": "T", "abstract": "A"},
    "LaMP-6": {"title": "T", "text": "X"},
    "LaMP-7": {"text": "X"},
    "LongLaMP-email": {"title": "T", "text": "X"},
    "LongLaMP-abstract": {"title": "T", "abstract": "A"},
    "LongLaMP-review": {"overall": 4.0, "summary": "S", "description": "D", "reviewText": "X"},
    "LongLaMP-topic": {"summary": "S", "content": "X"},
}
SEARCHED = {
    "LaMP-1": "T A",
    "LaMP-2": "D",
    "LaMP-2-old": "T X",
    "LaMP-3": "X",
    "LaMP-4": "T X",
    "LaMP-5": "T A",
    "LaMP-6": "X",
    "LaMP-7": "X",
}
SEARCHED |= {"LongLaMP-email": "X", "LongLaMP-abstract": "T A", "LongLaMP-review": "4.0 S D X", "LongLaMP-topic": "S X"}


@pytest.fixture
def files(tmp_path):
    """Writes a file of questions and one of outputs; gives their paths."""

    def written(rows, golds=None, task="LaMP_5"):
        questions, outputs = tmp_path / "questions.json", tmp_path / "outputs.json"
        questions.write_text(json.dumps(rows))
        outputs.write_text(json.dumps({"task": task, "golds": golds or []}))
        return questions, outputs

    return written


def asked(task, number, *entries):
    return {"id": str(number), "input": form(task).ask("new"), "profile": [{"id": f"p{i}", **entry} for i, entry in enumerate(entries)]}


@pytest.mark.parametrize("name", FORMS)
def test_an_entry_of_each_task_keeps_its_fields(name):
    made = lamp_files.record(form(name), {**ENTRIES[name], "id": "7"}, 3.0)
    assert (made.id, made.time) == ("7", 3.0) and piece(form(name), made).corpus == SEARCHED[name]


def test_questions_and_outputs_are_joined_by_their_ids(files):
    rows = [asked("LaMP-5", 1, ENTRIES["LaMP-5"]), asked("LaMP-5", 2)]
    found = read(*files(rows, [{"id": "2", "output": "two"}, {"id": "1", "output": "one"}]))
    assert found.form.name == "LaMP-5" and [(row.id, row.target.answer) for row in found.rows] == [("1", "one"), ("2", "two")]
    assert [len(row.history) for row in found.rows] == [1, 0]


def test_a_profile_lies_by_date_and_equal_dates_as_in_the_file_or_all_of_it_as_in_the_file(files):
    dates = ["2019-05-02", "2011", "2019-05-02", "2018-12-31 10:00:00"]
    rows = [asked("LaMP-5", 1, *({**ENTRIES["LaMP-5"], "date": date} for date in dates))]
    paths = files(rows, [{"id": "1", "output": "one"}])
    assert [record.id for record in read(*paths).rows[0].history] == ["p1", "p3", "p0", "p2"]
    assert [record.id for record in read(*paths, order="file").rows[0].history] == ["p0", "p1", "p2", "p3"]
    for order in ("date", "file"):
        (row,) = read(*paths, order=order).rows
        assert row.history.before(row.target) == row.history, "all of it is earlier than what is asked"


def test_a_profile_with_one_entry_undated_lies_as_in_the_file(files):
    rows = [asked("LaMP-5", 1, {**ENTRIES["LaMP-5"], "date": "2019"}, ENTRIES["LaMP-5"])]
    assert [record.time for record in read(*files(rows, [{"id": "1", "output": "x"}])).rows[0].history] == [0, 1]


def test_ids_that_differ_fields_that_miss_and_files_that_are_none_are_named(files, tmp_path):
    with pytest.raises(DataError, match="'1' and 1 more"):
        read(*files([asked("LaMP-5", 1)], [{"id": "9", "output": "x"}]))
    with pytest.raises(DataError, match="has no 'abstract'"):
        read(*files([asked("LaMP-5", 1, {"title": "T"})], [{"id": "1", "output": "x"}]))
    with pytest.raises(DataError, match="an id twice"):
        read(*files([asked("LaMP-5", 1), asked("LaMP-5", 1)], [{"id": "1", "output": "x"}]))
    with pytest.raises(DataError, match="give the file of outputs"):
        read(files([asked("LaMP-5", 1)])[0])
    with pytest.raises(DataError, match="name the task"):
        read(files([{"input": "What?", "output": "That."}])[0])
    with pytest.raises(DataError, match="is not a list of questions"):
        read(files([])[0])
    with pytest.raises(DataError, match="is not a file of outputs"):
        read(files([asked("LaMP-5", 1)])[0], files([asked("LaMP-5", 1)])[0])
    with pytest.raises(DataError, match="cannot be read as JSON"):
        read(tmp_path / "missing.json")


def test_rows_with_their_own_outputs_are_read_from_lines_too(tmp_path):
    path = tmp_path / "rows.jsonl"
    row = {
        "input": "Generate the content for a reddit post dogs",
        "output": "They bark.",
        "author": "ann",
        "profile": [ENTRIES["LongLaMP-topic"]],
    }
    path.write_text(json.dumps(row) + "\n")
    found = read(path)
    assert found.form.name == "LongLaMP-topic" and (found.rows[0].id, found.rows[0].target.answer) == ("0", "They bark.")
    assert found.rows[0].user == "ann"


def test_longlamp_comes_from_the_hub_where_its_library_and_a_network_are_there(monkeypatch):
    called = {}

    def load_dataset(path, name, split):
        called.update(path=path, name=name, split=split)
        return [{"input": "Generate the content for a reddit post dogs", "output": "They bark.", "profile": [ENTRIES["LongLaMP-topic"]]}]

    monkeypatch.setattr(lamp_files, "have", lambda library: True)
    monkeypatch.setattr(lamp_files, "need", lambda *_: types.SimpleNamespace(load_dataset=load_dataset))
    found = from_hub("LongLaMP-topic", "temporal", "test")
    assert called == {"path": "LongLaMP/LongLaMP", "name": "topic_writing_temporal", "split": "test"} and len(found.rows[0].history) == 1

    def refused(*_, **__):
        raise ConnectionError("no network")

    monkeypatch.setattr(lamp_files, "need", lambda *_: types.SimpleNamespace(load_dataset=refused))
    with pytest.raises(DataError, match="no network.*--questions"):
        from_hub("LongLaMP-topic")
    with pytest.raises(DataError, match="read from files"):
        from_hub("LaMP-5")


def test_without_the_hubs_library_it_is_named(monkeypatch):
    monkeypatch.setattr(lamp_files, "have", lambda library: False)
    with pytest.raises(MissingExtra, match="pip install datasets.*--questions"):
        from_hub("LongLaMP-review")


def test_predictions_are_written_as_the_benchmark_reads_them():
    assert json.loads(predictions(form("LaMP-5"), {"1": "Über A"})) == {"task": "LaMP_5", "golds": [{"id": "1", "output": "Über A"}]}
    assert json.loads(predictions(form("LaMP-2-old"), {}))["task"] == "LaMP_2N"
