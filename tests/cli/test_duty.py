import json
from pathlib import Path

from tests.cli.support import makegood

SETTINGS = """
channels: {screen: {type: console}}
receivers:
  ana-phone: {tiers: [{channel: screen}]}
  ben-phone: {tiers: [{channel: screen}]}
route: {receiver: ana-phone, escalation: pay}
people:
  ana: {receiver: ana-phone}
  ben: {receiver: ben-phone}
schedules:
  primary:
    zone: Europe/Berlin
    rotations: [{people: [ana, ben], start: 2026-03-02T09:00, shift: 1w}]
escalations:
  pay: {steps: [{notify: [schedule: primary], wait: 5m}], then: ben-phone}
"""


def written(folder: Path, text: str = SETTINGS) -> Path:
    path = folder / "watch.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shifts_are_a_table_in_the_zone_of_the_schedule(tmp_path: Path) -> None:
    config = written(tmp_path)
    done = makegood("duty", "primary", "--config", config, "--at", "2026-03-24T00:00:00Z", "--days", "8")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "schedule  from                       until                      on duty\n"
        "primary   Tue 2026-03-24 01:00 CET   Mon 2026-03-30 09:00 CEST  ben\n"
        "primary   Mon 2026-03-30 09:00 CEST  Wed 2026-04-01 02:00 CEST  ana\n"
    )


def test_shifts_are_json_for_machines_and_a_gap_is_exit_status_one(tmp_path: Path) -> None:
    done = makegood("duty", "--config", written(tmp_path), "--at", "2026-03-01", "--days", "2", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "primary": {
            "zone": "Europe/Berlin",
            "on_duty": [],
            "shifts": [
                {"from": "2026-03-01T00:00:00.000000Z", "until": "2026-03-02T08:00:00.000000Z", "people": []},
                {"from": "2026-03-02T08:00:00.000000Z", "until": "2026-03-03T00:00:00.000000Z", "people": ["ana"]},
            ],
        }
    }


def test_an_unknown_schedule_and_a_wrong_time_are_told(tmp_path: Path) -> None:
    config = written(tmp_path)
    wrong = makegood("duty", "primari", "--config", config)
    assert wrong.returncode == 2
    assert "there is no schedule 'primari'. Did you mean 'primary'? There are: primary" in wrong.stderr
    time = makegood("duty", "--config", config, "--at", "tomorrow")
    assert time.returncode == 2
    assert "--at tomorrow: expected a time with its offset" in time.stderr


def test_unknown_names_are_told_with_the_one_that_was_meant(tmp_path: Path) -> None:
    text = SETTINGS.replace("schedule: primary", "schedule: primry").replace("people: [ana, ben]", "people: [anna]")
    done = makegood("check", "--config", written(tmp_path, text))
    assert done.returncode == 2
    assert "no entry of 'schedules' is called 'primry'. Did you mean 'primary'?" in done.stderr
    assert "no entry of 'people' is called 'anna'. Did you mean 'ana'?" in done.stderr


def test_check_tells_errors_with_their_line_and_warnings_apart(tmp_path: Path) -> None:
    config = written(tmp_path, SETTINGS.replace("escalation: pay}", "routes: [{matchers: [a=x, a=y]}]}"))
    done = makegood("check", "--config", config, "--at", "2026-03-10")
    assert done.returncode == 1
    assert f"{config}:6: route.routes[0].matchers: no alert can have all its labels" in done.stderr
    assert f"warning: {config}:15: escalations.pay: no route says" in done.stdout
    told = json.loads(makegood("check", "--config", config, "--at", "2026-03-10", "--json").stdout)
    assert [problem["path"] for problem in told["problems"]] == ["route.routes[0].matchers"]
    assert [problem["path"] for problem in told["warnings"]] == ["escalations.pay", "receivers.ben-phone"]


def test_check_judges_as_of_the_time_that_is_given(tmp_path: Path) -> None:
    config = written(tmp_path)
    before = makegood("check", "--config", config, "--at", "2026-02-28")
    assert before.returncode == 1
    assert "nobody is on duty in primary from Sat 2026-02-28 01:00 CET to Mon 2026-03-02 09:00 CET" in before.stderr
    after = makegood("check", "--config", config, "--at", "2026-03-10")
    assert after.returncode == 0, after.stderr
    assert "warning" not in after.stdout


def test_maintenance_windows_are_shown_in_their_own_zone(tmp_path: Path) -> None:
    window = (
        "maintenance_windows:\n  patches:\n    matchers: [service=shop]\n    zone: Europe/Berlin\n"
        "    start: 2026-01-04T01:00\n    end: '05:00'\n    rrule: FREQ=WEEKLY;BYDAY=SU\n    comment: database\n"
    )
    config = written(tmp_path, SETTINGS + window)
    done = makegood("maintenance", "patches", "--config", config, "--at", "2026-03-29T00:30:00Z", "--days", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert [" ".join(line.split()) for line in done.stdout.splitlines()[1:]] == [
        "patches Sun 2026-03-29 01:00 CET Sun 2026-03-29 05:00 CEST open service=shop database",
        "patches Sun 2026-04-05 01:00 CEST Sun 2026-04-05 05:00 CEST service=shop database",
    ]
    told = json.loads(makegood("maintenance", "-c", config, "--at", "2026-03-30", "--days", "1", "--json").stdout)
    assert (told["patches"]["open"], told["patches"]["next"]) == (False, "2026-04-04T23:00:00.000000Z")
    assert told["patches"]["occurrences"] == []
    wrong = makegood("maintenance", "patch", "--config", config)
    assert (wrong.returncode, "Did you mean 'patches'?" in wrong.stderr) == (2, True)
