"""The catalogue: its rows are the methods' own facts, and a wrong name is met with the right one."""

import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from idiolect import catalogue, extras
from idiolect.errors import MethodError, MissingExtra
from idiolect.method import Method
from idiolect.models.lm import CAPABILITIES
from idiolect.prompting.rag import RAG
from scripts.methods_page import PAGE, page

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("row", catalogue.ROWS, ids=lambda row: row.name)
def test_a_row_says_of_its_method_what_the_method_says_of_itself(row):
    method = catalogue.load(row.name)
    assert isinstance(method, Method) and type(method).__name__ == row.cls and type(method).__module__ == row.module
    assert method.needs == row.needs and row.needs <= CAPABILITIES
    assert row.level in catalogue.LEVELS and "arXiv:" in row.paper


@pytest.mark.parametrize("name", catalogue.names())
def test_a_method_is_its_keywords_and_every_keyword_has_a_default(name):
    method = catalogue.load(name)
    assert is_dataclass(method) and catalogue.load(name, **method.config) == method
    assert set(method.config) == {field.name for field in fields(method)}


def test_a_methods_name_is_its_files():
    assert all(row.name == row.module.rpartition(".")[2] for row in catalogue.ROWS)


def test_keywords_reach_the_method():
    assert catalogue.load("rag", k=7) == RAG(k=7)


@pytest.mark.parametrize(("wrong", "meant"), [("opu", "oppu"), ("Best-Of", "best_of"), ("RAG", "rag"), ("stylevector", "style_vector")])
def test_a_wrong_name_is_met_with_the_nearest(wrong, meant):
    with pytest.raises(MethodError, match=f"did you mean '{meant}'"):
        catalogue.load(wrong)


def test_a_name_like_nothing_is_met_with_all_names():
    with pytest.raises(MethodError, match="the methods are plain, rag") as caught:
        catalogue.load("zzzzzz")
    assert "did you mean" not in str(caught.value)


def test_a_wrong_setting_is_met_with_the_nearest():
    with pytest.raises(MethodError, match=r"RAG has no setting 'rankers' .did you mean 'ranker'\?.; it has k, ranker"):
        catalogue.load("rag", rankers="bm25")


def test_what_a_text_only_model_can_run_is_told_without_importing_anything():
    able = catalogue.able(frozenset())
    assert {"plain", "rag", "long_term", "mem_prompt", "ropg_kd", "hydra"} <= set(able)
    assert not {"oppu", "soft_prompt", "vac", "cos", "best_of"} & set(able)
    assert catalogue.able(CAPABILITIES) == catalogue.names()


def test_a_missing_library_is_named_with_the_command_that_installs_it(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(extras, "have", lambda library: False)
    monkeypatch.setattr(catalogue.importlib, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"OPPU needs torch: pip install 'idiolect\[local\]'"):
        catalogue.load("oppu")


def test_a_fault_of_our_own_is_not_taken_for_a_missing_library(monkeypatch):
    def broken(name):
        raise ModuleNotFoundError("No module named 'idiolect.gone'", name="idiolect.gone")

    monkeypatch.setattr(catalogue.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match=r"idiolect\.gone"):
        catalogue.load("oppu")


def test_listing_the_methods_imports_none_of_them():
    code = "import sys; from idiolect import catalogue; catalogue.names(); print([n for n in sys.modules if n in sys.argv[1:]])"
    modules = [row.module for row in catalogue.ROWS] + ["torch", "sqlalchemy", "httpx"]
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_of_methods_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_no_setting_has_a_name_that_states_are_kept_under():
    """A state lies under its method's settings and "model", the model that it was learnt with."""
    assert not [row.name for row in catalogue.ROWS if "model" in catalogue.load(row.name).config]
