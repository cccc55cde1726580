"""The command run inside the test's own process, and a model small enough to be opened by every test."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest

from idiolect.cli.app import main
from tests.models.conftest import make_model, make_tokenizer


@dataclass
class Ran:
    """How a command ended, and what it said where."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """`run("methods", "rag")` as typed in an empty directory."""
    monkeypatch.chdir(tmp_path)

    def typed(*words: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["idiolect", *map(str, words)])
        try:
            main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return typed


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The folder of a random Llama of 2 layers, as `save_pretrained` writes it."""
    folder = tmp_path_factory.mktemp("model") / "small"
    tokenizer = make_tokenizer()
    make_model("llama", len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def history(tmp_path):
    """Three people, ten dated records each."""
    lines = []
    for person, word in (("ann", "foxes"), ("bob", "dogs"), ("cyd", "dates")):
        for day in range(1, 11):
            lines.append(f'{{"who": "{person}", "day": "2024-03-{day:02}", "asked": "Title {day}?", "said": "Of {word}, part {day}"}}')
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def columns():
    """The columns of `history`."""
    return ("--user", "who", "--time", "day", "--prompt", "asked", "--answer", "said")
