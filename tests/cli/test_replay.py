"""``makegood replay`` and ``makegood deadletters`` over small files, end to end."""

import json
from pathlib import Path

import pytest

from tests.cli.support import Finished, makegood

SETTINGS = """
feeds:
  cases: {type: file, path: elsewhere.jsonl}
time: {lateness: 1m}
detectors:
  sla_breach:
    type: sla_breach
    promises:
      - {name: first_reply, kind: first_reply, target: 30, unit: minutes, at_risk: []}
"""


def event(number: int, minute: int, step: str, case: str) -> str:
    return json.dumps(
        {
            "specversion": "1.0",
            "id": str(number),
            "source": "desk",
            "type": f"crm.case.{step}",
            "time": f"2026-03-02T{9 + minute // 60:02d}:{minute % 60:02d}:00Z",
            "data": {"case_id": case},
        }
    )


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    lines = [
        event(1, 0, "opened", "kept"),
        event(2, 1, "opened", "broken"),
        "not json",
        event(1, 0, "opened", "kept"),
        event(3, 20, "agent_reply", "kept"),
        event(4, 50, "agent_reply", "broken"),
        event(5, 55, "opened", "last"),
    ]
    (tmp_path / "cases.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "m.yaml").write_text(SETTINGS)
    return tmp_path / "m.yaml"


def replay(settings: Path, out: Path, *more: str) -> Finished:
    return makegood("replay", "-c", settings, "--feed", f"cases={settings.parent}/cases.jsonl", "--out", out, *more)


def test_a_replay_writes_changes_by_event_time_and_sums_up_on_the_last_line(settings: Path) -> None:
    out = settings.parent / "alerts.jsonl"
    done = replay(settings, out, "--json")
    assert done.returncode == 0
    summary = json.loads(done.stdout.splitlines()[-1])
    assert {name: summary[name] for name in ("events", "dead_letters", "duplicates", "late", "alerts")} == {
        "events": 5,
        "dead_letters": 1,
        "duplicates": 1,
        "late": 0,
        "alerts": {"sla_breach": 1},
    }
    assert summary["seconds"] > 0
    firing, resolved = [json.loads(line) for line in out.read_text().splitlines()]
    assert set(firing) == {"status", "labels", "annotations", "startsAt", "endsAt", "fingerprint"}
    assert (firing["status"], resolved["status"]) == ("firing", "resolved")
    expected = {"alertname": "SlaBreach", "detector": "sla_breach", "promise": "first_reply", "case_id": "broken"}
    assert expected.items() <= firing["labels"].items()
    assert set(firing["annotations"]) >= {"summary", "description"}
    assert (firing["startsAt"], firing["endsAt"]) == ("2026-03-02T09:31:00.000000Z", None)
    assert resolved["endsAt"] == "2026-03-02T09:50:00.000000Z"
    assert resolved["fingerprint"] == firing["fingerprint"]


def test_a_second_replay_is_the_same_byte_for_byte(settings: Path) -> None:
    first, second = settings.parent / "a.jsonl", settings.parent / "b.jsonl"
    assert replay(settings, first).returncode == replay(settings, second).returncode == 0
    assert first.read_bytes() == second.read_bytes()


def test_what_was_no_event_can_be_listed_shown_and_sent_again(settings: Path) -> None:
    out = settings.parent / "alerts.jsonl"
    assert replay(settings, out).returncode == 0
    letters = f"{out}.deadletters.db"
    listed = json.loads(makegood("deadletters", "list", "--file", letters, "--json").stdout)
    assert listed["counts"] == {"cases": {"invalid_json": 1}}
    number = str(listed["letters"][0]["id"])
    assert makegood("deadletters", "show", number, "--file", letters, "--raw").stdout == "not json"
    assert json.loads(makegood("deadletters", "replay", "--file", letters, "--all", "--json").stdout) == {"requeued": 1}
    again = json.loads(makegood("deadletters", "replay", "--file", letters, "--all", "--json").stdout)
    assert again == {"requeued": 0}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["list"], 2, "say whose dead letters: --config FILE"),
        (["list", "--file", "nothing.db"], 1, "there are no dead letters at nothing.db"),
        (["replay", "--file", "x.db"], 2, "say which: ids, --feed, --reason, or --all"),
        (["list", "--file", "m.yaml", "--reason", "bad"], 2, "--reason bad: expected one of invalid_utf8"),
        (["list", "--file", "m.yaml"], 2, "cannot open the dead letters in m.yaml"),
    ],
)
def test_dead_letters_that_cannot_be_read_are_told(
    arguments: list[str], status: int, told: str, settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(settings.parent)
    done = makegood("deadletters", *arguments)
    assert (done.returncode, done.defect) == (status, None)
    assert told in done.stderr


def test_an_output_that_cannot_be_written_is_named(settings: Path) -> None:
    done = replay(settings, settings / "alerts.jsonl")
    assert done.returncode == 2
    assert f"makegood: {settings}/alerts.jsonl" in done.stderr
    assert done.defect is None


def test_a_feed_that_the_settings_do_not_have_is_named(settings: Path) -> None:
    done = makegood("replay", "-c", settings, "--feed", f"tickets={settings}", "--out", settings.parent / "a")
    assert (done.returncode, done.stderr) == (
        2,
        "makegood: --feed tickets=...: the settings have no feed 'tickets'; there are: cases\n",
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "feed 'cases': path: there is no file {folder}/elsewhere.jsonl; give a file"),
        ("profiles: {path: people.csv, key: id}", "profiles: path: cannot read {folder}/people.csv: No such file"),
    ],
)
def test_a_file_that_is_not_there_is_unusable_input_and_named(settings: Path, more: str, told: str) -> None:
    if more:
        settings.write_text(SETTINGS.replace("elsewhere", "cases") + more)
    done = makegood("replay", "-c", settings, "--out", settings.parent / "alerts.jsonl")
    assert (done.returncode, done.defect) == (2, None)
    assert f"makegood: {told.format(folder=settings.parent)}" in done.stderr
