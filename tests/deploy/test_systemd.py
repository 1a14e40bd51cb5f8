"""The units are valid, agree with the program, and give it no more than it needs."""

import configparser
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from pipeline.supervise import UNUSABLE_INPUT
from tests.deploy.tools import DEPLOY, known_variables, parse, run

UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
PROGRAM = "/opt/makegood/bin/makegood"
MOST_EXPOSED = 1.5
"""By systemd's own measure, from 0 (least) to 10."""
NAME = pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)


class Unit(dict[str, list[str]]):
    """The lines of a unit by key, in order."""

    def one(self, key: str) -> str:
        (value,) = self[key]
        return value


def read(path: Path) -> dict[str, Unit]:
    """Return the sections of a unit; a key may come several times."""
    sections: dict[str, Unit] = {}
    section = Unit()
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), Unit())
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            section.setdefault(key, []).append(value)
    return sections


def environment(service: Unit) -> dict[str, str]:
    pairs = (pair.partition("=") for line in service["Environment"] for pair in shlex.split(line))
    return {name: value for name, _, value in pairs}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they are installed, with a program that is there."""
    for path in [*UNITS, *(DEPLOY / "systemd").glob("*.target")]:
        name = path.name.replace("@.", "@1.")
        (tmp_path / name).write_text(
            path.read_text(encoding="utf-8").replace(PROGRAM, sys.executable), encoding="utf-8"
        )
    return tmp_path


def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("no systemd-analyze here (Debian: the package systemd)")
    return found


def test_systemd_takes_the_units(installed: Path) -> None:
    program = analyze()
    units = sorted(path for path in installed.iterdir() if path.suffix in {".service", ".target"})
    assert run(program, "verify", "--man=no", *units, cwd=installed) == ""


def test_systemd_finds_little_that_a_unit_could_do_beside_its_work(installed: Path) -> None:
    program = analyze()
    for path in sorted(installed.glob("*.service")):
        told = run(program, "security", "--offline=true", "--no-pager", path, cwd=installed)
        found = re.search(r"exposure level for \S+: ([\d.]+)", told)
        assert found is not None
        assert float(found[1]) <= MOST_EXPOSED, path.name


@NAME
def test_what_a_unit_runs_is_a_command_of_the_program(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = read(path)["Service"]
    program, *arguments = service.one("ExecStart").replace("%i", "1").replace("${FLOW_PROCESSES}", "2").split()
    assert program == PROGRAM
    said = environment(service)
    assert {name for name in said if name.startswith("MAKEGOOD_")} <= known_variables()
    given = parse(arguments, said, monkeypatch)
    assert str(given["config"]) == "/etc/makegood/makegood.yaml"
    if "share" in given:
        assert given["share"] == "1/2"
        assert given["listen"] == "127.0.0.1:9481"


@NAME
def test_what_crashes_is_started_again_for_ever_and_what_cannot_work_is_not(path: Path) -> None:
    sections = read(path)
    service = sections["Service"]
    assert service.one("Restart") == "on-failure"
    assert service.one("RestartPreventExitStatus") == str(UNUSABLE_INPUT)
    assert sections["Unit"].one("StartLimitIntervalSec") == "0"


@NAME
def test_what_is_asked_to_stop_has_the_time_for_it(path: Path) -> None:
    service = read(path)["Service"]
    assert int(service.one("TimeoutStopSec")) >= 30
    assert service.one("KillMode") == "mixed"


@NAME
def test_state_and_secrets_are_where_systemd_looks_after_them(path: Path) -> None:
    service = read(path)["Service"]
    assert f"/var/lib/{service.one('StateDirectory')}" == service.one("WorkingDirectory")
    assert "-/etc/makegood/secrets.env" in service["EnvironmentFile"]
    assert not any(re.search(r"PASSWORD|SECRET|TOKEN", line) for line in service["Environment"])


@pytest.mark.parametrize("name", ["makegood.service", "makegood-flow@.service"])
def test_machine_code_is_kept_where_state_is(name: str) -> None:
    service = read(DEPLOY / "systemd" / name)["Service"]
    assert environment(service)["NUMBA_CACHE_DIR"].startswith(service.one("WorkingDirectory") + "/")


def test_the_number_of_processes_is_said_once_for_all() -> None:
    service = read(DEPLOY / "systemd" / "makegood-flow@.service")["Service"]
    assert "/etc/makegood/flow.env" in service["EnvironmentFile"], "without it there is no share"
    parser = configparser.ConfigParser()
    parser.read_string("[env]\n" + (DEPLOY / "systemd" / "flow.env").read_text(encoding="utf-8"))
    assert parser["env"]["FLOW_PROCESSES"] == "2"


def test_all_in_one_is_never_beside_the_parts() -> None:
    unit = read(DEPLOY / "systemd" / "makegood.service")["Unit"]
    parts = {path.name for path in UNITS if "@" not in path.name} - {"makegood.service"}
    assert {"makegood-notifier.service", "makegood-ingest.service", "makegood-console.service"} == parts
    assert set(unit.one("Conflicts").split()) == {"makegood.target", *parts}


def test_systemd_makes_the_user_that_the_units_run_as() -> None:
    found = shutil.which("systemd-sysusers")
    if found is None:
        pytest.skip("no systemd-sysusers here (Debian: the package systemd)")
    file = DEPLOY / "systemd" / "makegood.sysusers.conf"
    run(found, "--dry-run", file)
    assert {read(path)["Service"].one("User") for path in UNITS} == {"makegood"}
    assert re.search(r"^u makegood ", file.read_text(encoding="utf-8"), re.MULTILINE)
