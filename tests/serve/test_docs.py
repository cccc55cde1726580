"""What the page on serving shows runs, from top to bottom, and what it names is there: options, paths, sliders, tools, formats, extras."""

import re
import tomllib
from pathlib import Path

import pytest
import typer

from idiolect.cli.app import app as command_line
from idiolect.data.sample import sample
from idiolect.models.local import TINY, load
from idiolect.serve import agents, packing, voices
from idiolect.serve.app import create
from idiolect.serve.gates import gate_for
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.serve.sliders import SLIDERS
from idiolect.store import Store, portable
from tests.serve.conftest import Serving, gateway_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"  # as the page says it
OF_OTHERS = {"--profile"}  # docker compose's


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def commands():
    return [line.split() for block in blocks("sh") for line in block.splitlines() if line.startswith("idiolect ")]


def options(*names):
    """The options of a command, such as "serve" or "keys", "add"."""
    command = typer.main.get_command(command_line)
    for name in names:
        command = command.commands[name]
    return {word for param in command.params for word in (*param.opts, *param.secondary_opts) if word.startswith("--")}


@pytest.mark.skipif(not (TINY / "config.json").is_file(), reason="the bundled model is not there")
def test_the_python_runs_from_top_to_bottom(tmp_path, capsys):
    settings = Settings(store=str(tmp_path / "people.db"))
    store = Store(settings.store)
    for user in sample():
        store.add(user.id, user.records)
    asked, specs = voices.opened([("tiny", load("tiny"))], settings)
    gateway = Gateway(settings, store, asked, specs)
    names = {"__name__": "page"}
    with Serving(gateway, create(gateway, gate_for(settings, store))) as serving:
        for number, block in enumerate(blocks("python")):
            assert number or ADDRESS in block
            exec(compile(block.replace(ADDRESS, serving.url), f"serving.md, block {number}", "exec", dont_inherit=True), names)
        names["client"].close()
        names["http"].close()
    said = capsys.readouterr().out.splitlines()
    ada, nora = (line.split(" | ") for line in said[:2])
    assert (ada[0], nora[0]) == ("ada-quill", "nora-whitlock") and ada[1] != nora[1]
    assert int(ada[2].split()[0]) > 0 and int(nora[2].split()[0]) > 0
    assert "record" in said[2] and "records" in said[3] and "Lima" in said[4] and said[5] == "I live in Lima and play the cello."
    assert said[6] == "True 404"


def test_every_option_that_is_named_is_one_of_the_command():
    for words in commands():
        names = [word for word in words[1:] if re.fullmatch(r"[a-z]+", word)][: 2 if words[1] == "keys" else 1]
        assert {word for word in words if word.startswith("--")} <= options(*names), words
    named = set(re.findall(r"`(--[a-z-]+)", PAGE)) - OF_OTHERS
    assert named and named <= options("serve")


def test_every_path_that_is_named_is_answered(tmp_path):
    gateway = gateway_of(tmp_path / "people.db")
    app = create(gateway)
    paths = {*app.openapi()["paths"], "/metrics", "/mcp"}
    named = {f"/v1/users/{{user}}/{name}" for name in re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE)}
    named |= {path.split("?")[0] for path in re.findall(r"`(?:GET |POST |DELETE )?(/[a-z][\w/{}]*)", PAGE)}
    assert {"/v1/users/{user}/facts", "/readyz", "/mcp"} <= named
    missing = {path for path in named if path not in paths and not any(known.startswith(f"{path}/") for known in paths)}
    assert not missing
    with Serving(gateway, app) as serving:
        assert all(serving.http.get(path).status_code == 200 for path in ("/healthz", "/readyz", "/metrics", "/v1/models"))


def test_sliders_tools_formats_and_extras_are_named_as_they_are():
    told = re.search(r"sliders from -1 to 1: ([\w, ]+?) *\|", PAGE)[1].split(", ")
    assert told == list(SLIDERS)
    tools = re.search(r"memory: ((?:`\w+`,? ?)+)", PAGE)[1]
    assert re.findall(r"`(\w+)`", tools) == [tool.name for tool in agents.TOOLS]
    assert f"`{portable.FORMAT}`" in PAGE and f"`{packing.PACKED}`" in PAGE
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = {name for group in re.findall(r"idiolect\[([\w,]+)\]", PAGE) for name in group.split(",")}
    assert {"serve", "postgres"} <= named <= set(extras)


def test_the_sample_has_as_many_people_as_is_said():
    assert len(sample()) == 14 and "sample's fourteen invented people" in PAGE
