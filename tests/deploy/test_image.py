"""The image is built from what is there, with pinned versions, and runs as nobody."""

import re
import tomllib

import pytest

from tests.deploy import tools
from tests.deploy.test_compose import SERVICES
from tests.deploy.tools import REPO, need, pinned, run

FILE = REPO / "Dockerfile"
TEXT = FILE.read_text(encoding="utf-8")
PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))


def requirement(text: str) -> str:
    """Return the normalized name of a requirement."""
    found = re.match(r"[A-Za-z0-9._-]+", text)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


@pytest.mark.timeout(tools.FETCHING_S)
def test_the_linter_finds_nothing() -> None:
    assert run(need("hadolint"), "--failure-threshold", "style", FILE) == ""


def test_what_it_is_built_upon_is_pinned() -> None:
    stages = re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)
    assert len(set(stages)) == 1, "an environment works only over the Python it was made with"
    assert all(map(pinned, stages))
    version = stages[0].partition(":")[2].rpartition(".")[0]
    assert f"Programming Language :: Python :: {version}" in PROJECT["project"]["classifiers"]


def test_every_package_that_is_installed_has_a_pinned_version() -> None:
    lines = (REPO / "requirements" / "test.txt").read_text(encoding="utf-8").splitlines()
    named = {requirement(line) for line in lines if "==" in line}
    found = re.search(r"'\.\[([\w,]+)\]'", TEXT)
    assert found is not None
    project = PROJECT["project"]
    extras = [line for extra in found[1].split(",") for line in project["optional-dependencies"][extra]]
    wanted = {requirement(line) for line in [*project["dependencies"], *extras]}
    assert wanted - named == set()


def test_what_is_needed_for_the_build_is_let_in_and_what_is_not_stays_out() -> None:
    lines = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line.removeprefix("!") for line in rules if line.startswith("!")}
    packages = {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {PROJECT["project"]["readme"], *PROJECT["project"]["license-files"], "pyproject.toml"}
    assert let_in == packages | files | {"requirements"}
    assert all((REPO / name).exists() for name in let_in)


def test_it_runs_as_nobody_with_signals_handed_on_and_says_which_ports_there_are() -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", TEXT, re.MULTILINE), "a number: Kubernetes proves that it is not 0"
    assert re.search(r'^ENTRYPOINT \["tini", "--", "makegood"\]$', TEXT, re.MULTILINE)
    exposed = re.search(r"^EXPOSE (.+)$", TEXT, re.MULTILINE)
    assert exposed is not None
    ours = {name: SERVICES[name].get("ports", []) for name in ("flow-0", "ingest", "console")}
    published = {port.rpartition(":")[2] for ports in ours.values() for port in ports}
    assert published <= set(exposed[1].split())


def test_machine_code_is_kept_on_the_volume() -> None:
    volume, place = re.search(r"^VOLUME (\S+)$", TEXT, re.MULTILINE), re.search(r"NUMBA_CACHE_DIR=(\S+)", TEXT)
    assert volume is not None
    assert place is not None
    assert place[1].startswith(volume[1] + "/")
    flow = SERVICES["flow-0"]
    assert flow["read_only"]
    assert f"state:{volume[1]}" in flow["volumes"]


def test_it_is_tagged_with_the_version_of_the_project() -> None:
    tag = f"makegood:{PROJECT['project']['version']}"
    assert {service["image"] for service in SERVICES.values() if "build" in service} == {tag}
    for path in (REPO / "deploy" / "kubernetes").rglob("kustomization.yaml"):
        for found in re.findall(r"newName: \S*makegood, newTag: (\S+?)}", path.read_text(encoding="utf-8")):
            assert found == PROJECT["project"]["version"], path
