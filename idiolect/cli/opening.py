"""What a command line names, opened: models, histories, files to write."""

from __future__ import annotations

import ast
import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from idiolect import catalogue
from idiolect.cli import show
from idiolect.data import files
from idiolect.data.sample import sample
from idiolect.errors import DataError, MethodError, ModelError
from idiolect.extras import need
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.types import User


def open_model(name: str, vllm_adapters: Path | None = None) -> LM:
    """The model that `--model` names; an endpoint with `vllm_adapters` is a vLLM that loads people's adapters from that folder.

    Raises ModelError, or MissingExtra where torch is needed and not there.
    """
    if "://" in name:
        return _remote(name, vllm_adapters)
    for library in ("torch", "transformers"):
        need(library, f"the model {name!r}")
    from transformers.utils import logging  # imported late: --help and endpoints do without

    from idiolect.models import local

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model: LM = local.load(name)
    return model


def _remote(name: str, vllm_adapters: Path | None) -> LM:
    from idiolect.models.remote import RemoteLM
    from idiolect.models.vllm import open_vllm

    url, _, served = name.partition("#")
    if not served:
        raise ModelError(f"{name!r} does not say which of the endpoint's models is meant: add its name, as in {url}#NAME")
    return RemoteLM(url, served) if vllm_adapters is None else open_vllm(url, served, vllm_adapters)


GROUPS = {"usual": catalogue.USUAL, "all": catalogue.names()}


def open_methods(names: str, can: frozenset[str]) -> list[tuple[str, Method]]:
    """The methods in "rag,rag:k=8,oppu", under these names; "usual" and "all" stand for those that a model which `can` do this can run."""
    asked = [name.strip() for name in names.split(",") if name.strip()]
    chosen = [name for word in asked for name in (_group(word, can) if word in GROUPS else [word])]
    return [(name, open_method(name)) for name in dict.fromkeys(chosen)]


def _group(word: str, can: frozenset[str]) -> list[str]:
    able = catalogue.able(can)
    if left := [catalogue.row(name) for name in GROUPS[word] if name not in able]:
        told = ", ".join(f"{row.name} ({', '.join(sorted(row.needs - can))})" for row in left)
        show.note(f"Left out, because the model cannot do what is in brackets: {told}.")
    return [name for name in GROUPS[word] if name in able]


def open_method(spec: str) -> Method:
    """The method in "rag" or "rag:k=8:ranker=dense". Raises MethodError."""
    name, *settings = spec.split(":")
    pairs = [setting.partition("=") for setting in settings]
    if not all(equals for _, equals, _ in pairs):
        raise MethodError(f"{spec!r} does not read as NAME:SETTING=VALUE, such as rag:k=8")
    return catalogue.load(name, **{key: _value(text) for key, _, text in pairs})


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text  # a word, such as the name of a ranker


def open_users(file: Path | None, fields: Mapping[str, str] | None = None) -> Sequence[User]:
    """The people in a file, its broken lines told on standard error; the bundled sample for no file.

    Raises DataError for a file that cannot be read or holds nobody.
    """
    if file is None:
        return sample()
    loaded = files.read(file, fields)
    show.problems(loaded.problems)
    if not loaded.users:
        raise DataError(f"{file} holds nobody's records: a line is such as {LINE}")
    return loaded.users


LINE = '{"user": "ann", "time": "2024-03-01", "prompt": "what was asked", "answer": "what ann wrote"}'


def named(user_id: str, users: Sequence[User]) -> User:
    """The user of this id. Raises DataError with the nearest id."""
    found = next((user for user in users if user.id == user_id), None)
    if found is None:
        near = difflib.get_close_matches(user_id, [user.id for user in users], n=1, cutoff=0.4) or [users[0].id]
        raise DataError(f"nobody of these {len(users)} is called {user_id!r}; {near[0]!r} is")
    return found


@contextmanager
def writing(path: Path) -> Iterator[IO[str]]:
    """A text file that is whole or not there: written beside its place, and put there at the end. Raises DataError if it cannot be."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("w", encoding="utf-8", newline="\n") as opened:
            yield opened
        beside.replace(path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
