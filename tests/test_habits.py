"""The habits of the code, counted: sizes, names, docstrings, errors, and which modules do without torch."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from idiolect import catalogue

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "idiolect"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").rglob("*.py"))
EVERYTHING = [*MODULES, *TESTS, *SCRIPTS]
METHOD_FOLDERS = ("prompting", "memory", "adaptation", "alignment", "steering", "roleplay", "multimodal")
METHOD_FILES = [path for folder in METHOD_FOLDERS for path in sorted((PACKAGE / folder).glob("*.py")) if path.name != "__init__.py"]

FILE_LINES, FILE_LINES_EVER = 300, 400
LONG_FILES: dict[str, str] = {  # file -> why it holds one idea and still needs more than 300 lines (never more than 400)
    "idiolect/store/store.py": "all that is asked of a store, on one page",
}
FUNCTION_LINES, PARAMETERS = 60, 8
METHOD_LINES = range(10, 161)
FORBIDDEN_NAMES = re.compile(r"(?i)(^|_)(utils?|common|helpers?|base|misc)$")
FORBIDDEN_CLASSES = re.compile(r"(Utils?|Common|Helpers?|Base|Misc|Manager|Factory|Mixin)$")
BROAD = {  # file -> why it catches every exception
    "idiolect/models/continuous.py": "whatever one prompt or one step does, those it was for are told, and the thread goes on",
    "idiolect/serve/agents.py": "whatever a tool does, the agent is told, and the log has the place",
    "idiolect/serve/chat.py": "a stream that has begun has no status any more: whatever goes wrong, who reads it is told",
    "idiolect/serve/learning.py": "whatever learning one person does, the next are learnt, and the lesson has the reason",
    "idiolect/fleet/work.py": "whatever one person's records do, the others go on, and the person is reported with the reason",
    "idiolect/evaluation/compare.py": "whatever one method does, the others go on, and its row says what happened",
}
WITH_TORCH = {  # what may not be imported without torch; all else must be
    "idiolect.adaptation",
    "idiolect.alignment.aloe",
    "idiolect.alignment.bapo",
    "idiolect.alignment.clp",
    "idiolect.alignment.compo",
    "idiolect.alignment.cpo",
    "idiolect.alignment.dmrw",
    "idiolect.alignment.dpa",
    "idiolect.alignment.mca",
    "idiolect.alignment.mod",
    "idiolect.alignment.modpo",
    "idiolect.alignment.modular_pluralism",
    "idiolect.alignment.mope",
    "idiolect.alignment.morlhf",
    "idiolect.alignment.mrpo",
    "idiolect.alignment.p_rlhf",
    "idiolect.alignment.pad",
    "idiolect.alignment.panacea",
    "idiolect.alignment.personalized_soups",
    "idiolect.alignment.rewarded_soups",
    "idiolect.alignment.ric",
    "idiolect.alignment.vpl",
    "idiolect.memory.vac",
    "idiolect.models.activations",
    "idiolect.models.batches",
    "idiolect.models.bends",
    "idiolect.models.cache",
    "idiolect.models.continuous",
    "idiolect.models.decode",
    "idiolect.models.encode",
    "idiolect.models.engine",
    "idiolect.models.group",
    "idiolect.models.join",
    "idiolect.models.kernels",
    "idiolect.models.lean",
    "idiolect.models.local",
    "idiolect.models.peft_files",
    "idiolect.models.places",
    "idiolect.models.recall",
    "idiolect.models.sample",
    "idiolect.models.scoring",
    "idiolect.models.seats",
    "idiolect.models.stack",
    "idiolect.models.tail",
    "idiolect.models.ticket",
    "idiolect.models.writing",
    "idiolect.prompting.janus",
    "idiolect.steering.bipo",
    "idiolect.steering.cache_lm",
    "idiolect.steering.cope",
    "idiolect.steering.npti",
    "idiolect.steering.pas",
    "idiolect.steering.style_vector",
    "idiolect.training",
}
EXERCISED_IN = {  # module without a test file of its name -> the file that exercises it
    "__main__": "cli/test_app",
    "cli/histories": "cli/test_app",
    "cli/methods": "cli/test_app",
    "cli/opening": "cli/test_app",
    "cli/options": "cli/test_app",
    "cli/people": "cli/test_app",
    "cli/show": "cli/test_app",
    "bending": "test_types",
    "errors": "test_types",
    "models/batches": "models/test_local_batches",
    "models/bends": "models/test_local_bends",
    "models/cache": "models/test_local_text",
    "models/chat": "models/test_local_text",
    "models/decode": "models/test_local_text",
    "models/encode": "models/test_local_text",
    "models/endpoint": "models/test_remote",
    "models/engine": "models/test_local_batches",
    "models/kernels": "models/test_local_kernels",
    "models/lean": "models/test_local_lean",
    "models/lm": "models/test_scripted",
    "models/local": "models/test_local_text",
    "models/places": "models/test_local_bends",
    "models/recall": "models/test_local_memory",
    "models/sample": "models/test_local_text",
    "models/scoring": "models/test_local_text",
    "models/sse": "models/test_remote",
    "models/stack": "models/test_local_bends",
    "models/tail": "training/test_branches",
    "models/writing": "models/test_local_text",
    "cli/agents": "serve/test_agents",
    "cli/serve": "test_containers",
    "models/calls": "models/test_asking",
    "models/peft_write": "models/test_peft_files",
    "models/shelf": "models/test_vllm",
    "models/turns": "models/test_speech",
    "models/wire": "models/test_asking",
    "serve/answers": "serve/test_chat",
    "store/writing": "store/test_row_file",
    "serve/app": "serve/test_chat",
    "serve/asking": "serve/test_chat",
    "serve/bringing": "serve/test_exports",
    "serve/callers": "serve/test_gates",
    "serve/errands": "serve/test_agents",
    "serve/faults": "serve/test_chat",
    "serve/forms": "serve/test_agents",
    "serve/gateway": "serve/test_chat",
    "serve/heard": "serve/test_watch",
    "serve/here": "serve/test_gates",
    "serve/keeping": "serve/test_records",
    "serve/knowing": "serve/test_facts",
    "serve/leaving": "serve/test_people",
    "serve/listed": "serve/test_records",
    "serve/listing": "serve/test_chat",
    "serve/packing": "serve/test_exports",
    "serve/pages/facts": "serve/pages/test_about",
    "serve/pages/page": "serve/pages/test_talk",
    "serve/pages/records": "serve/pages/test_about",
    "serve/pages/runs": "serve/pages/test_compare",
    "serve/pages/suggestions": "serve/pages/test_talk",
    "serve/pages/wishes": "serve/pages/test_about",
    "serve/paths": "serve/test_records",
    "serve/person": "serve/test_people",
    "serve/reasons": "serve/test_chat",
    "serve/running": "serve/test_stopping",
    "serve/settings": "serve/test_gates",
    "serve/voices": "serve/test_stopping",
    "serve/wire": "serve/test_chat",
    "store/lessons": "serve/test_learning",
    "store/replies": "serve/test_chat",
    "store/adapter_table": "store/test_adapters",
    "store/database": "store/test_postgres",
    "store/place": "store/test_store",
    "store/sqlite": "store/test_store",
    "store/tables": "store/test_revisions",
    "store/triggers": "store/test_chunks",
    "store/migrations/env": "store/test_revisions",
    "store/migrations/versions/r0001_people": "store/test_revisions",
    "store/migrations/versions/r0002_adapters": "store/test_revisions",
    "store/migrations/versions/r0003_kinds": "store/test_revisions",
    "store/migrations/versions/r0004_vectors": "store/test_revisions",
    "store/migrations/versions/r0005_usage": "store/test_revisions",
    "store/migrations/versions/r0006_postgres": "store/test_revisions",
    "store/migrations/versions/r0007_serving": "store/test_revisions",
    "store/migrations/versions/r0008_seals": "store/test_revisions",
    "store/erasure": "store/test_erase",
    "store/files": "store/test_faults",
    "store/lookup": "store/test_adapters",
    "store/portable": "store/test_store",
    "store/rows": "store/test_store",
    "store/scan": "store/test_erase",
    "training/objective": "training/test_preference",
    "store/schema": "store/test_store",
    "data/attacks": "serve/test_fence",
    "data/rows": "data/test_files",
    "retrieval/plain": "retrieval/test_ranker",
}


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=named)


@each(EVERYTHING)
def test_a_file_holds_one_idea(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    longer = named(path) in LONG_FILES or path in TESTS
    assert lines <= (FILE_LINES_EVER if longer else FILE_LINES), "what outgrows this holds two ideas: split it"


def test_the_list_of_long_files_is_not_longer_than_it_must_be():
    assert all(len((ROOT / name).read_text(encoding="utf-8").splitlines()) > FILE_LINES for name in LONG_FILES)


@each(EVERYTHING)
def test_functions_are_short_and_take_few_parameters(path):
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < FUNCTION_LINES, f"{function.name} is too long"
        args = function.args
        count = len([one for one in (*args.posonlyargs, *args.args, *args.kwonlyargs) if one.arg not in ("self", "cls")])
        is_command = path.parent.name == "cli" and all("typer" in ast.dump(d) or "options" in ast.dump(d) for d in defaults(function))
        assert count <= PARAMETERS or is_command, f"{function.name} takes {count} parameters"


def defaults(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """The annotations of a function's parameters: a command's are the options that one types."""
    return [one.annotation for one in function.args.args if one.annotation is not None]


@each(EVERYTHING)
def test_a_module_opens_with_one_line_that_says_what_it_is(path):
    text = path.read_text(encoding="utf-8")
    if text.strip():
        said = ast.get_docstring(tree(path))
        assert said, "no docstring"
        assert text.startswith('"""'), "the docstring is not the first line"
        assert len(said.splitlines()[0]) > 15 and (len(said.splitlines()) == 1 or not said.splitlines()[1].strip())


@each(MODULES)
def test_what_is_public_says_what_it_does(path):
    for node in tree(path).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and not node.bases:  # a subclass keeps what its parent says
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and not inner.name.startswith("_"):
                    assert ast.get_docstring(inner) or _overload(inner), f"{node.name}.{inner.name} has no docstring"


def _overload(function: ast.FunctionDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "overload" for one in function.decorator_list)


@each(EVERYTHING)
def test_nothing_has_a_name_that_says_nothing(path):
    for part in path.relative_to(ROOT).with_suffix("").parts:
        assert not FORBIDDEN_NAMES.search(part)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ClassDef):
            assert not FORBIDDEN_CLASSES.search(node.name), node.name


@each(MODULES)
def test_failures_are_neither_swallowed_nor_asserted(path):
    for node in ast.walk(tree(path)):
        assert not isinstance(node, ast.Assert), f"line {node.lineno}: an assert is gone under -O; raise an error of errors.py"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
            broad = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
            again = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            assert not broad or again or named(path) in BROAD, f"line {node.lineno}: catches everything"


@each(METHOD_FILES)
def test_a_method_is_one_short_file_that_names_its_paper(path):
    said = ast.get_docstring(tree(path)) or ""
    assert re.search(r"arXiv:\d{4}\.\d{4,5}|doi:10\.", path.read_text(encoding="utf-8")), "no arXiv number or DOI"
    assert len(said) > 40
    assert len(path.read_text(encoding="utf-8").splitlines()) in METHOD_LINES


def test_every_method_file_has_one_row_and_every_row_its_file():
    files = {f"{path.parent.name}.{path.stem}" for path in METHOD_FILES}
    places = [row.place.partition(":")[0] for row in catalogue.ROWS]
    assert files == set(places) and len(places) == len(set(places))


def test_every_module_has_its_test():
    here = {path.relative_to(ROOT / "tests").with_suffix("").as_posix() for path in TESTS}
    methods = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in METHOD_FILES}
    missing = []
    for path in MODULES:
        module = path.relative_to(PACKAGE).with_suffix("")
        if path.name == "__init__.py":
            continue
        own = (module.parent / f"test_{module.name}").as_posix()
        by_battery = module.as_posix() in methods and any(name.startswith("conformance/test_") for name in here)
        if own not in here and EXERCISED_IN.get(module.as_posix()) not in here and not by_battery:
            missing.append(module.as_posix())
    assert not missing


def test_the_list_of_modules_tested_elsewhere_names_only_modules_that_are_there():
    assert all((PACKAGE / f"{module}.py").is_file() for module in EXERCISED_IN)


def test_test_folders_are_the_packages_folders():
    ours = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").is_file()}
    theirs = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert theirs - {"conformance", "asks"} <= ours


@each(TESTS)
def test_a_tests_name_is_a_sentence(path):
    for function in functions(path):
        if function.name.startswith("test_"):
            assert function.name.count("_") >= 3, f"{function.name} does not say what holds"


def repository_texts() -> list[Path]:
    kept = [*EVERYTHING, *ROOT.glob("*"), *(ROOT / "docs").rglob("*"), *PACKAGE.rglob("*"), *(ROOT / ".ci").rglob("*")]
    written = (".py", ".md", ".toml", ".txt", ".html", ".jsonl", ".json", ".jinja", "")
    skipped = {"LICENSE", "tokenizer.json", "test_habits.py", "report.html"}
    return sorted({path for path in kept if path.is_file() and path.suffix in written and path.name not in skipped})


def test_no_machines_path_or_name_stands_in_the_repository():
    machine = re.compile(r"/work/|/root\b|/home/\w+/|C:\\Users|\b\w+\.(?:internal|lan)\b")
    found = []
    for path in repository_texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if machine.search(line):
                found.append(f"{named(path)}:{number}: {line.strip()[:80]}")
    assert not found, "\n".join(found)


WITHOUT_TORCH = """
import importlib, pkgutil, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "tokenizers", "sentence_transformers", "matplotlib", "sklearn", "pyarrow"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
import idiolect
for found in pkgutil.walk_packages(idiolect.__path__, "idiolect."):
    if found.name != "idiolect.__main__" and not any(found.name == name or found.name.startswith(name + ".") for name in sys.argv[1:]):
        importlib.import_module(found.name)
"""


def test_everything_but_the_local_engine_imports_without_torch():
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, *WITH_TORCH], capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr


def test_what_is_exported_is_there():
    import idiolect

    assert all(hasattr(idiolect, name) for name in idiolect.__all__)
    assert list(idiolect.__all__) == sorted(idiolect.__all__)
