"""The Dockerfile and compose.yaml, read as far as can be without running them: every file, extra, option and service they name is there."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

from idiolect.cli.app import app

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
COMMAND = typer.main.get_command(app)


def instructions():
    """The Dockerfile's instructions as (word, rest), comments left out and lines joined."""
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#")))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


def parsed(arguments):
    """A command line taken as the program would take it, without running it."""
    name, *rest = arguments
    command = COMMAND.commands[name]
    return command.make_context(name, rest, resilient_parsing=False).params


def test_what_is_copied_is_there_and_what_is_installed_exists():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            assert all((ROOT / source).exists() for source in rest.split()[:-1]), rest
        for found in re.findall(r"\.whl\)\[([\w,]+)\]", rest):
            assert {*found.split(",")} <= extras.keys()
    assert any(word == "USER" and rest != "root" for word, rest in instructions())
    assert any(word == "HEALTHCHECK" and "/healthz" in rest for word, rest in instructions())


def test_what_the_image_runs_is_a_command_of_ours():
    run = [shlex.split(rest.replace(",", " ").strip("[]")) for word, rest in instructions() if word == "CMD"]
    assert parsed(run[0])["host"] == "0.0.0.0"


def test_the_services_name_one_another_and_their_volumes():
    services = COMPOSE["services"]
    assert {*services} == {"server", "database", "vllm"}
    for service in services.values():
        assert {*service.get("depends_on", {})} <= {*services}
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
    assert services["database"]["healthcheck"] and services["server"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["server"]["ports"] == ["127.0.0.1:8000:8000"]  # not to the world by default


def test_the_servers_command_is_understood_with_the_variables_that_are_not_set():
    command = [re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", word) for word in COMPOSE["services"]["server"]["command"]]
    taken = parsed(command)
    assert taken["store"].startswith("postgresql://idiolect:") and taken["model"] == ["tiny"]


@pytest.mark.parametrize("name", ["server", "database", "vllm"])
def test_a_service_has_an_image_or_is_built_here(name):
    service = COMPOSE["services"][name]
    assert service.get("build") == "." or re.fullmatch(r"[\w./-]+:[\w.-]+", service["image"])
