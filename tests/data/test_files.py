"""Reading histories from JSONL, CSV and Parquet: field maps, broken lines, odd bytes."""

import csv
import gzip
import json
import time

import pytest

from idiolect.data.files import Problem, read
from idiolect.errors import DataError


def put(folder, name, text, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding, "surrogatepass") if isinstance(text, str) else text)
    return path


def jsonl(*rows):
    return "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)


GOOD = {"user": "ada", "prompt": "p", "answer": "a", "time": "2024-03-01T10:00:00+01:00", "id": "r1"}


def test_a_jsonl_line_becomes_a_record_with_all_its_fields(tmp_path):
    (user,) = read(put(tmp_path, "h.jsonl", jsonl(GOOD))).users
    (record,) = user.records
    assert (user.id, record.prompt, record.answer, record.id) == ("ada", "p", "a", "r1")
    assert record.time == 1709283600.0


@pytest.mark.parametrize("name", ["h.csv", "h.tsv", "h.jsonl", "h.parquet", "h.csv.gz", "h.jsonl.gz"])
def test_every_format_gives_the_same_records(tmp_path, name):
    rows = [
        {"user": "ada", "prompt": 'say "x",\nplease', "answer": "a\tb", "time": "5"},
        {"user": "bo", "prompt": "", "answer": "ü", "time": "6"},
    ]
    path = tmp_path / name
    if name.endswith(".parquet"):
        pa = pytest.importorskip("pyarrow")
        pytest.importorskip("pyarrow.parquet").write_table(pa.Table.from_pylist(rows), path)
    else:
        opened = gzip.open if name.endswith(".gz") else open
        with opened(path, "wt", encoding="utf-8", newline="") as out:
            if ".jsonl" in name:
                out.write(jsonl(*rows))
            else:
                writer = csv.DictWriter(out, list(rows[0]), delimiter="\t" if ".tsv" in name else ",")
                writer.writeheader()
                writer.writerows(rows)
    loaded = read(path)
    assert [(u.id, r.prompt, r.answer, r.time) for u in loaded.users for r in u.records] == [
        ("ada", 'say "x",\nplease', "a\tb", 5.0),
        ("bo", "", "ü", 6.0),
    ]
    assert loaded.problems == ()


def test_columns_can_be_named_and_nested(tmp_path):
    path = put(tmp_path, "h.jsonl", jsonl({"meta": {"who": 7}, "Q": "q", "stars": 4.0}))
    (user,) = read(path, {"user": "meta.who", "prompt": "Q", "answer": "stars"}).users
    assert (user.id, user.records[0].prompt, user.records[0].answer) == ("7", "q", "4")


def test_common_column_names_are_understood_whatever_their_capitals(tmp_path):
    path = put(tmp_path, "h.csv", "UserId,Input,Rating,Timestamp\nu,film,3.5,12\n")
    (user,) = read(path).users
    assert (user.id, user.records[0].prompt, user.records[0].answer, user.records[0].time) == ("u", "film", "3.5", 12.0)


@pytest.mark.parametrize("name", ["h.csv", "h.jsonl"])
def test_a_field_map_that_names_a_missing_column_fails_and_lists_those_there(tmp_path, name):
    text = "who,said\nu,a\n" if name == "h.csv" else jsonl({"who": "u", "said": "a"})
    with pytest.raises(DataError, match=r"no column 'sad' for 'answer'; it has who, said"):
        read(put(tmp_path, name, text), {"user": "who", "answer": "sad"})


def test_a_file_without_a_column_for_the_answer_says_what_to_write(tmp_path):
    with pytest.raises(DataError, match=r"no column for 'answer'; it has user, said: name one with fields="):
        read(put(tmp_path, "h.csv", "user,said\nu,a\n"))


def test_a_field_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(DataError, match="'usr', which is no field"):
        read(put(tmp_path, "h.csv", "user,answer\nu,a\n"), {"usr": "user"})


def test_broken_jsonl_lines_are_named_and_the_rest_is_kept(tmp_path):
    bad = ["{oops\n", "[1]\n", {"user": "ada", "time": 1}, {"answer": "x", "time": 1}, {"user": "ada", "answer": "x", "time": "soon"}]
    bad += [{"user": "ada", "answer": ["x"], "time": 1}, {"user": "ada", "answer": "  ", "time": 1}, {"user": "ada", "answer": "x"}]
    bad += ['{"user": "ada", "answer": "\\ud800", "time": 1}\n', {"user": "ada", "answer": "x", "time": float("nan")}]
    path = put(tmp_path, "h.jsonl", jsonl(GOOD, "\n", *bad, {**GOOD, "id": "r2"}))
    loaded = read(path)
    assert [record.id for record in loaded.users[0].records] == ["r1", "r2"]
    assert [problem.line for problem in loaded.problems] == list(range(3, 3 + len(bad)))
    reasons = " | ".join(problem.reason for problem in loaded.problems)
    for said in (
        "not JSON",
        "not a JSON object but list",
        "no answer",
        "no user",
        "'soon' is not an ISO",
        "text or a number but list",
        "surrogate",
        "nan",
    ):
        assert said in reasons
    assert str(loaded.problems[0]).startswith(f"{path}, line 3: not JSON")


def test_broken_csv_lines_are_named_and_the_rest_is_kept(tmp_path):
    text = 'user,answer\nada,one\nada\nada,"open\nada,three\nada,"four" x\nada,"two\nlines"\nada,five,six\nada,seven\n'
    loaded = read(put(tmp_path, "h.csv", text))
    assert [record.answer for record in loaded.users[0].records] == ["one", "three", "two\nlines", "seven"]
    assert [problem.line for problem in loaded.problems] == [3, 4, 6, 9]


def test_no_time_column_numbers_the_records_of_each_person(tmp_path):
    path = put(tmp_path, "h.jsonl", jsonl(*({"user": name, "answer": name + str(i)} for i in range(3) for name in "ab")))
    for user in read(path).users:
        assert [(record.time, record.answer) for record in user.records] == [(float(i), f"{user.id}{i}") for i in range(3)]


def test_reading_twice_gives_the_same_ids(tmp_path):
    path = put(tmp_path, "h.jsonl", jsonl({"user": "u", "answer": "same"}, {"user": "u", "answer": "same"}))
    first, second = ([r.id for r in read(path).users[0].records] for _ in range(2))
    assert first == second and len(set(first)) == 2


def test_byte_order_mark_windows_line_ends_and_nul_bytes(tmp_path):
    loaded = read(put(tmp_path, "h.csv", "\ufeffuser,answer\r\nada,a\0b\r\n"))
    assert loaded.users[0].records[0].answer == "a\0b" and loaded.problems == ()
    loaded = read(put(tmp_path, "h.jsonl", "\ufeff" + jsonl({"user": "ada", "answer": "a\0b\u2028c"}).replace("\n", "\r\n")))
    assert loaded.users[0].records[0].answer == "a\0b\u2028c" and loaded.problems == ()


def test_another_encoding_is_named_with_its_line_and_can_be_given(tmp_path):
    path = put(tmp_path, "h.csv", "user,answer\nada,a\nada,café\n", "latin-1")
    with pytest.raises(DataError, match=r"line 3: the byte 0xe9 is not utf-8.*encoding='latin-1'"):
        read(path)
    assert read(path, encoding="latin-1").users[0].records[1].answer == "café"
    with pytest.raises(DataError, match="no encoding 'klingon'"):
        read(path, encoding="klingon")


@pytest.mark.parametrize("name", ["h.csv", "h.jsonl", "h.tsv"])
def test_an_empty_file_is_a_problem_and_not_a_crash(tmp_path, name):
    path = put(tmp_path, name, "")
    assert read(path).users == () and read(path).problems == (Problem(str(path), 1, "the file holds no records"),)


def test_files_that_are_not_there_unknown_or_damaged_are_refused(tmp_path):
    pytest.importorskip("pyarrow")
    for name, said in (
        ("x.jsonl", "is not there"),
        ("x.docx", "its format is not known"),
        ("x.jsonl.gz", "cannot be read"),
        ("x.parquet", "not a Parquet"),
    ):
        path = tmp_path / name if "not there" in said else put(tmp_path, name, b"no such bytes")
        with pytest.raises(DataError, match=said):
            read(path)


def test_a_very_long_cell_and_a_hostile_user_id_survive(tmp_path):
    before = csv.field_size_limit()
    name = "../" * 100
    (user,) = read(put(tmp_path, "h.csv", f"user,answer\n{name},{'x' * 300_000}\n")).users
    assert user.id == name and len(user.records[0].answer) == 300_000
    assert csv.field_size_limit() == before


def test_semicolons_part_columns_where_the_header_has_them(tmp_path):
    assert read(put(tmp_path, "h.csv", "user;answer\nu;a, b\n")).users[0].records[0].answer == "a, b"


def test_parquet_numbers_and_time_stamps(tmp_path):
    pa = pytest.importorskip("pyarrow")
    from datetime import UTC, datetime

    table = pa.table({"user": [1, 1], "rating": [4.0, None], "time": [datetime(2024, 3, 1, tzinfo=UTC)] * 2})
    pytest.importorskip("pyarrow.parquet").write_table(table, tmp_path / "h.parquet")
    loaded = read(tmp_path / "h.parquet")
    assert [(u.id, r.answer, r.time) for u in loaded.users for r in u.records] == [("1", "4", 1709251200.0)]
    assert [(p.line, p.reason) for p in loaded.problems] == [(2, "no answer")]


def test_ten_thousand_records_are_read_in_a_moment(tmp_path):
    rows = "".join(json.dumps({"user": f"u{i % 7}", "prompt": "what? " * 20, "answer": f"a {i}", "time": i}) + "\n" for i in range(10_000))
    path, start = put(tmp_path, "h.jsonl", rows), time.perf_counter()
    assert sum(len(user.records) for user in read(path).users) == 10_000
    assert time.perf_counter() - start < 3
