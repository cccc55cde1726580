"""Optional libraries: a missing one is named with the command that brings it, and the base install asks for none."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from idiolect.errors import MissingExtra
from idiolect.extras import EXTRA, have, need

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # where the name on the index is not the name in an import
HEAVY = ("torch", "transformers", "tokenizers", "sentence_transformers", "pyarrow", "rouge_score", "sklearn", "matplotlib", "pandas")
LIGHT = (
    "types",
    "errors",
    "extras",
    "wording",
    "method",
    "catalogue",
    "models.scripted",
    "models.remote",
    "retrieval",
    "store",
    "prompting.rag",
)


def test_a_library_that_is_there_is_imported():
    assert need("json", "a test").dumps([1]) == "[1]"
    assert need("os.path", "a test").sep and have("os.path")


def test_a_library_that_is_missing_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(EXTRA, "no_such_library", "local")
    with pytest.raises(MissingExtra) as caught:
        need("no_such_library.inner", "OPPU")
    assert str(caught.value) == "OPPU needs no_such_library.inner: pip install 'idiolect[local]'"


def test_a_missing_library_without_an_extra_asks_for_all_of_them():
    assert not have("no_such_library")
    with pytest.raises(MissingExtra, match=r"idiolect\[all\]"):
        need("no_such_library", "a test")


def test_asking_does_not_import():
    code = "import sys; from idiolect.extras import have; have('sqlite3'); sys.exit('sqlite3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT.parent, check=False).returncode == 0


@pytest.mark.parametrize("library", sorted(EXTRA))
def test_the_extra_that_is_named_does_bring_the_library(library):
    project = tomllib.loads(PROJECT.read_text())["project"]
    brought = [*project["dependencies"], *project["optional-dependencies"][EXTRA[library]]]
    names = {re.split(r"[\[<>=!~ ;]", requirement)[0].lower().replace("-", "_") for requirement in brought}
    assert DISTRIBUTIONS.get(library, library).replace("-", "_") in names


def test_the_base_install_imports_nothing_heavy():
    imports = "; ".join(f"import idiolect.{name}" for name in LIGHT)
    code = f"{imports}; import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT.parent, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
