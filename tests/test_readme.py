"""What the README shows runs, and the tree it draws is the tree there is."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from idiolect.cli.app import main
from idiolect.models.local import TINY

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FEWER = {"compare": ("--users", "3", "--targets", "1", "--methods", "plain,rag,stats_profile")}  # what is added to be quick
REVIEWS = "customer,posted,product,review\n" + "".join(
    f"{who},2024-03-{day:02},Kettle {day},{word} {day}\n" for who, word in (("ann", "Boils"), ("bob", "leaks!")) for day in range(1, 9)
)

bundled = pytest.mark.skipif(not (TINY / "config.json").is_file(), reason="the bundled model is not there")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    return [line.strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "src" / "project"
    folder.mkdir(parents=True)
    git = ["git", "-C", str(folder), "-c", "user.name=Ann", "-c", "user.email=ann@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for number in range(30):
        who, date = ("Ann", "Bob", "Cyd")[number % 3], f"2024-03-{number + 1:02}T12:00:00Z"
        message = f"{who} adds part {number}\n\nPart {number} of the kitchen was missing."
        subprocess.run(
            [*git, "commit", "-q", "--allow-empty", "--author", f"{who} <{who}@example.org>", "--date", date, "-m", message], check=True
        )


@bundled
def test_the_commands_run_in_the_order_shown(tmp_path, monkeypatch, repository):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews.csv").write_text(REVIEWS)
    ours = [command for command in commands() if command.startswith("idiolect ")]
    assert len(ours) >= 7
    for command in ours:
        words = shlex.split(command.replace("~", str(tmp_path)))[1:]
        monkeypatch.setattr(sys, "argv", ["idiolect", *words, *FEWER.get(words[0], ())])
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code, command
    assert "<svg" in (tmp_path / "report.html").read_text() and (tmp_path / "ann.json").is_file()


def test_what_make_is_asked_for_is_in_the_makefile():
    wanted = set(re.findall(r"make (\w+)", "\n".join(commands())))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert wanted == {"demo", "test"} and wanted <= targets


@bundled
def test_the_python_runs_from_top_to_bottom(capsys):
    names: dict[str, object] = {"__name__": "readme"}
    for number, block in enumerate(blocks("python")):
        exec(compile(block, f"README.md, block {number}", "exec", dont_inherit=True), names)
    said = capsys.readouterr().out
    assert "ada-quill |" in said and "openings" in said and "vs Plain" in said


def test_options_named_in_the_text_are_options_of_the_command():
    named = set(re.findall(r"`(--[a-z-]+)", README)) | set(re.findall(r"\s(--[a-z-]+)", "\n".join(commands())))
    known = "\n".join(path.read_text() for path in (ROOT / "idiolect" / "cli").glob("*.py"))
    assert all(
        f'"{option}"' in known or re.search(rf"^    {option[2:].replace('-', '_')}: ", known, flags=re.MULTILINE) for option in named
    )


def drawn() -> set[str]:
    """The files in the README's tree, as paths from the root; folders end in "/"."""
    found, folders = set(), [""]
    for line in blocks("text")[0].splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()  # two blanks a level
        depth = len(indent) // 2
        path = folders[depth] + name
        folders = [*folders[: depth + 1], path]
        found.add(path)
    return found


def test_the_tree_is_the_tree_there_is():
    shown = drawn()
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "idiolect").rglob("*") if path.suffix in (".py", ".jsonl", ".jinja")}
    kept = {name for name in there if not name.endswith(("__init__.py", "__main__.py")) and "/tiny/" not in name}
    scripts = {path.relative_to(ROOT).as_posix() for path in (ROOT / "scripts").glob("*.py")}
    assert kept | scripts <= shown, "not in the README's tree"
    gone = sorted(name for name in shown if not (ROOT / name).exists())
    assert not gone, "in the README's tree, and not there"


def test_every_file_in_the_tree_has_a_few_words():
    lines = [line for line in blocks("text")[0].splitlines() if not line.startswith("idiolect/") and line.strip() != "docs/"]
    for line in lines:
        words = line.strip().split(maxsplit=1)
        assert words[0].endswith("/") or len(words) == 2 and 2 <= len(words[1].split()) <= 7, line
