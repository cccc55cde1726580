"""Files of benchmarks: read whole, or an error that says where to get them."""

import pytest

from idiolect.data.published import read_json, read_lines
from idiolect.errors import DataError


def test_what_is_not_there_is_said_with_the_place_to_get_it_from(tmp_path):
    with pytest.raises(DataError, match="example.org/data"):
        read_json(tmp_path / "none.json", list, "example.org/data")


def test_a_file_of_another_kind_is_refused(tmp_path):
    file = tmp_path / "one.json"
    file.write_text("{}")
    assert read_json(file, dict, "there") == {}
    with pytest.raises(DataError, match="holds a dict where a list is expected"):
        read_json(file, list, "there")
    file.write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        read_json(file, list, "there")


def test_a_broken_line_is_named_by_its_number(tmp_path):
    file = tmp_path / "some.jsonl"
    file.write_text('{"a": 1}\n\n{"a": 2}\n')
    assert read_lines(file, "there") == [{"a": 1}, {"a": 2}]
    file.write_text('{"a": 1}\nno\n')
    with pytest.raises(DataError, match="line 2"):
        read_lines(file, "there")
