import json
from pathlib import Path

from tests.cli.support import REPO, makegood

EXAMPLE = REPO / "config" / "examples" / "promises" / "cases.yaml"


def test_the_example_holds() -> None:
    done = makegood("promises", EXAMPLE, "--json")
    assert (done.returncode, done.defect) == (0, None)
    told = json.loads(done.stdout)
    assert told["passed"] > 0
    assert told["differs"] == 0


def test_a_value_that_differs_ends_with_status_1_and_is_named(tmp_path: Path) -> None:
    text = """
version: 1
calendars: {always: {zone: UTC, always_open: true}}
cases:
  - name: a day
    calendar: always
    promise: {kind: resolution, target: 24, unit: hours}
    events: [{id: a, type: opened, at: "2026-03-02T09:00:00+00:00"}]
    as_of: "2026-03-02T10:00:00+00:00"
    expected: {due_at: "2026-03-03T10:00:00+00:00"}
"""
    (tmp_path / "c.yaml").write_text(text)
    done = makegood("promises", tmp_path / "c.yaml")
    assert (done.returncode, done.defect) == (1, None)
    assert "FAIL a day" in done.stdout
    assert "2026-03-03T09:00:00+00:00" in done.stdout


def test_a_file_that_cannot_be_used_ends_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("cases: [{name: x, promise: {}, evnts: []}]\n")
    done = makegood("promises", tmp_path / "c.yaml")
    assert (done.returncode, done.defect) == (2, None)
    assert "c.yaml:1: cases[0].evnts: unknown key 'evnts'. Did you mean 'events'?" in done.stderr
