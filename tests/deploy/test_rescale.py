"""Moving state between the volumes of pods: the job is valid, and its script survives being killed anywhere."""

import copy
import importlib.util
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from pipeline import recovery
from pipeline.feeds.contract import Share
from pipeline.lane import LANE
from pipeline.scale.moving import identity_of
from pipeline.snapshots import Row, read_rows, write_rows
from tests.deploy import tools
from tests.deploy.manifests import KUBERNETES, Manifest, one
from tests.deploy.test_kubernetes import NEWEST, OLDEST
from tests.deploy.tools import REPO, pinned
from tests.support.patience import PATIENCE_S

SCRIPT = KUBERNETES / "rescale.sh"
PARTITIONS = 6
SETTINGS = f"""
scale: {{bootstrap: "kafka:9092", partitions: {PARTITIONS}}}
feeds:
  crm: {{type: kafka, bootstrap: "kafka:9092", topics: [cases]}}
store: {{dir: {{work}}}}
"""
pytestmark = pytest.mark.timeout(tools.FETCHING_S)


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rescale", KUBERNETES / "rescale.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.fixture
def stopped() -> Manifest:
    """The StatefulSet of production, as the cluster shows it when it is scaled to 0."""
    document = copy.deepcopy(one("overlays/production", "StatefulSet", "makegood-flow"))
    document["spec"]["replicas"] = 0
    document["status"] = {"replicas": 0}
    return document


def test_more_processes_get_claims_as_the_stateful_set_would_make_them_and_a_job_with_all_volumes(
    stopped: Manifest,
) -> None:
    *claims, job = GENERATOR.manifests(stopped, 5, "x", [])
    for document in [*claims, job]:
        for version in (OLDEST, NEWEST):
            kubernetes_validate.validate(document, version, strict=True)
        assert document["metadata"]["namespace"] == "makegood"
    assert [claim["metadata"]["name"] for claim in claims] == ["state-makegood-flow-3", "state-makegood-flow-4"]
    (template,) = stopped["spec"]["volumeClaimTemplates"]
    assert all(claim["spec"] == template["spec"] for claim in claims)
    pod = job["spec"]["template"]["spec"]
    claimed = [
        volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"] if "persistentVolumeClaim" in volume
    ]
    assert claimed == [f"state-makegood-flow-{number}" for number in range(5)]
    (running,) = pod["containers"]
    environment = {variable["name"]: variable["value"] for variable in running["env"]}
    assert (environment["FROM"], environment["TO"], environment["LOST"]) == ("3", "5", "")
    assert pinned(running["image"])
    assert running["command"][2] == SCRIPT.read_text(encoding="utf-8")
    mounts = {mount["name"]: mount["mountPath"] for mount in running["volumeMounts"]}
    assert mounts["work"] == environment["WORK"] == "/var/lib/makegood"
    assert {mounts[f"state-{number}"] for number in range(5)} == {f"/volumes/{number}" for number in range(5)}
    assert mounts.keys() == {volume["name"] for volume in pod["volumes"]}


def test_fewer_processes_need_no_claim_and_a_lost_volume_is_not_waited_for(stopped: Manifest) -> None:
    (job,) = GENERATOR.manifests(stopped, 2, "x", [2])
    names = [volume["name"] for volume in job["spec"]["template"]["spec"]["volumes"]]
    assert [name for name in names if name.startswith("state-")] == ["state-0", "state-1"]
    claim, job = GENERATOR.manifests(stopped, 3, "x", [1])
    assert claim["metadata"]["name"] == "state-makegood-flow-1", "the place of the lost one is taken by a new one"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda document: document["spec"].update(replicas=3), "pods run"),
        (lambda document: document["status"].update(replicas=1), "pods run"),
        (lambda document: document.update(kind="Deployment"), "expected a StatefulSet"),
        (
            lambda document: document["spec"]["template"]["spec"]["containers"][0].update(env=[]),
            "does not say how many processes",
        ),
    ],
)
def test_what_cannot_be_rescaled_now_is_refused_with_the_reason(
    stopped: Manifest, change: Callable[[Manifest], None], why: str
) -> None:
    change(stopped)
    with pytest.raises(GENERATOR.UnusableError, match=why):
        GENERATOR.manifests(stopped, 2, "x", [])


def test_it_is_a_filter_between_two_kubectls(stopped: Manifest) -> None:
    command = [sys.executable, str(KUBERNETES / "rescale.py"), "--to", "2"]
    done = subprocess.run(
        command, input=json.dumps(stopped), capture_output=True, text=True, timeout=PATIENCE_S, check=True
    )
    listed = json.loads(done.stdout)
    assert [item["kind"] for item in listed["items"]] == ["Job"]
    refused = subprocess.run(command, input="{}", capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "expected a StatefulSet" in refused.stderr


class Volumes:
    """Folders in the place of volumes, and the script as the job runs it."""

    def __init__(self, folder: Path, program: str) -> None:
        self.folder = folder
        self.root = folder / "volumes"
        self.work = folder / "work"
        self.bin = folder / "bin"
        self.work.mkdir(parents=True)
        self.bin.mkdir()
        settings = folder / "makegood.yaml"
        settings.write_text(SETTINGS.replace("{work}", str(self.work)), encoding="utf-8")
        self.tool("makegood", program)

    def tool(self, name: str, program: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, before: int, to: int, identity: str = "a", lost: str = "") -> subprocess.CompletedProcess[str]:
        for number in range(max(before, to)):
            (self.root / str(number)).mkdir(parents=True, exist_ok=True)
        said = {
            "FROM": str(before),
            "TO": str(to),
            "ID": identity,
            "LOST": lost,
            "VOLUMES": str(self.root),
            "WORK": str(self.work),
            "MAKEGOOD_CONFIG": str(self.folder / "makegood.yaml"),
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPO),
        }
        return subprocess.run(
            ["sh", "-c", SCRIPT.read_text(encoding="utf-8")],
            env={**os.environ, **said},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def flow(self, number: int) -> Path:
        return self.root / str(number) / f"flow-{number}"

    def files(self) -> dict[str, str]:
        """Return what the processes would find, by path."""
        return {
            str(path.relative_to(self.root)): path.read_text(encoding="utf-8")
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


REAL = f'exec "{sys.executable}" -m pipeline.cli "$@"'


def make_state(volumes: Volumes, processes: int) -> None:
    """Give each process the state of its tasks, as the engine would."""
    for index in range(processes):
        folder = volumes.flow(index)
        own = range(index, PARTITIONS, processes)
        feeds = pickle.dumps({"crm": {f"cases/{number}": 100 + number for number in own}}, protocol=4)
        rows = [Row("makegood.feeds", LANE, feeds)]
        rows += [Row("makegood.prepare", f"task/{number}", b"prepared %d" % number) for number in own]
        write_rows(folder / recovery.STATE, rows)
        recovery.write_identity(folder, identity_of(PARTITIONS, Share(index, processes)))


def positions(folder: Path) -> dict[str, dict[str, int]]:
    (row,) = (row for row in read_rows(folder / recovery.STATE) if row.step == "makegood.feeds")
    found: dict[str, dict[str, int]] = pickle.loads(row.state)  # noqa: S301
    return found


def test_the_script_moves_real_state_and_keeps_what_was_before(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path, REAL)
    make_state(volumes, 2)
    letters = volumes.root / "1" / "deadletters.db"
    letters.write_text("kept where it is", encoding="utf-8")
    done = volumes.run(2, 3)
    assert done.returncode == 0, done.stdout + done.stderr
    for index in range(3):
        assert recovery.matches(volumes.flow(index), identity_of(PARTITIONS, Share(index, 3)))
        expected = {f"cases/{number}": 100 + number for number in range(index, PARTITIONS, 3)}
        assert positions(volumes.flow(index))["crm"] == expected
    for index in range(2):
        old = volumes.root / str(index) / "before-rescale-a" / f"flow-{index}"
        assert recovery.matches(old, identity_of(PARTITIONS, Share(index, 2)))
    assert letters.read_text(encoding="utf-8") == "kept where it is"
    back = volumes.run(3, 1, "b")
    assert back.returncode == 0, back.stdout + back.stderr
    assert len(positions(volumes.flow(0))["crm"]) == PARTITIONS


def test_a_process_that_still_runs_stops_the_script_before_anything_is_touched(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path, REAL)
    make_state(volumes, 2)
    with recovery.locked(volumes.flow(1)):
        before = {path for path in volumes.root.rglob("*") if path.is_file()}
        done = volumes.run(2, 3)
        assert done.returncode == 2
        assert "flow-1 is in use: stop all flow processes first" in done.stderr
        assert {path for path in volumes.root.rglob("*") if path.is_file()} == before


def test_a_volume_that_is_missing_is_named_and_one_that_is_lost_begins_anew(tmp_path: Path) -> None:
    volumes = Volumes(tmp_path, REAL)
    make_state(volumes, 2)
    shutil.rmtree(volumes.flow(1))
    done = volumes.run(2, 2)
    assert done.returncode == 2
    assert "is this the volume of process 1?" in done.stderr
    done = volumes.run(2, 2, lost="1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert positions(volumes.flow(0))["crm"].keys() == {"cases/0", "cases/2", "cases/4"}
    assert "crm" not in positions(volumes.flow(1))


# The command in few words, for a test that runs it a hundred times: refuses folders that do not belong together, and
# gives every new process all that was there.
STAND_IN = """
for folder in "$WORK"/flow-*; do
  [ "$(cat "$folder/of")" = "$FROM" ] || { echo "$folder is of $(cat "$folder/of")" >&2; exit 2; }
done
all=$(cat "$WORK"/flow-*/state)
rm -rf "$WORK"/flow-*
m=0
while [ "$m" -lt "$TO" ]; do
  mkdir "$WORK/flow-$m"; echo "$TO" > "$WORK/flow-$m/of"; echo "$all" > "$WORK/flow-$m/state"; m=$((m + 1))
done
"""
# In the place of a tool: counts calls, and at the one that is asked for kills the script, before or after its work.
KILLER = """
echo x >> "{count}"
at=$(($(wc -l < "{count}")))
[ "$at" = "$KILL_BEFORE" ] && {{ kill -9 "$PPID"; exit 1; }}
{real} "$@"; status=$?
[ "$at" = "$KILL_AFTER" ] && kill -9 "$PPID"
exit "$status"
"""


def stand_in_state(volumes: Volumes, processes: int) -> None:
    for index in range(processes):
        volumes.flow(index).mkdir(parents=True)
        (volumes.flow(index) / "of").write_text(f"{processes}\n", encoding="utf-8")
        (volumes.flow(index) / "state").write_text(f"state of {index}\n", encoding="utf-8")


def moved(folder: Path, before: int, to: int, monkeypatch: pytest.MonkeyPatch, **kill: int) -> dict[str, str] | None:
    """Run the script until it ends well, killed once as asked for; None: it ended before that."""
    volumes = Volumes(folder, STAND_IN)
    count = folder / "count"
    for name in ("cp", "mv", "rm", "mkdir", "sync"):
        real = shutil.which(name)
        assert real is not None
        volumes.tool(name, KILLER.format(count=count, real=real))
    stand_in_state(volumes, before)
    monkeypatch.setenv("KILL_BEFORE", str(kill.get("at_before", 0)))
    monkeypatch.setenv("KILL_AFTER", str(kill.get("at_after", 0)))
    first = volumes.run(before, to)
    if kill and first.returncode == 0:
        return None
    if kill:
        count.write_text("x\n" * 1000, encoding="utf-8")  # it is not killed again
        again = volumes.run(before, to)
        assert again.returncode == 0, (kill, again.stdout, again.stderr)
    else:
        assert first.returncode == 0, first.stdout + first.stderr
    return volumes.files()


@pytest.mark.parametrize(("before", "to"), [(2, 3), (3, 1)])
@pytest.mark.parametrize("when", ["at_before", "at_after"])
@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_step_and_begun_again_it_ends_the_same_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int, to: int, when: str, every: int
) -> None:
    expected = moved(tmp_path / "undisturbed", before, to, monkeypatch)
    assert expected is not None
    assert {name for name in expected if name.endswith("/of") and expected[name] == f"{to}\n"} == {
        f"{number}/flow-{number}/of" for number in range(to)
    }
    killed: list[dict[str, str]] = []
    for at in range(1, 100, every):
        found: dict[str, Any] | None = moved(tmp_path / str(at), before, to, monkeypatch, **{when: at})
        if found is None:
            break
        killed.append(found)
    assert len(killed) > 10 / every
    assert all(found == expected for found in killed)
