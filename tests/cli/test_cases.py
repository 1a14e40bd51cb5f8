import json
from pathlib import Path

import pytest

from pipeline.cases.model import expand_values, when_us
from tests.cli.support import makegood

FILE = """
start: 2026-03-02T00:00:00Z
detectors:
  mood: {type: sentiment_drop, event_types: [social.post], window: 1h, min_count: 20, baseline: {rhythm: none}}
cases:
  - name: the case
    series:
      - at: 0m
        every: 1m
        repeat: 24
        event: {type: social.post, data: {service: app}}
        values: {data.sentiment: 0.5x40 -0.6x20}
      - at: 24h
        every: 1m
        event: {type: social.post, data: {service: app}}
        values: {data.sentiment: -0.8x60}
    until: 25h
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_case_that_holds_ends_with_status_0(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", FILE + "    expect: [{at: 25h, labels: {alertname: SentimentDrop}}]\n")
    result = makegood("test", file)
    assert (result.returncode, result.stdout.splitlines()[1:]) == (0, ["  pass  the case", "1 passed, 0 failed"])


def test_a_case_that_fails_ends_with_status_1_and_shows_what_is_missing_and_what_came(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", FILE + "    expect: [{at: 24h, labels: {service: app}}]\n")
    result = makegood("test", file)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[1] == "  FAIL  the case"
    assert lines[2] == '        - at 1d [2026-03-03T00:00:00.000000Z] firing {service="app"}'
    assert lines[3].startswith("        + at 1d1h [2026-03-03T01:00:00.000000Z] firing (firing) {alertname=")


def test_an_alert_that_nobody_expected_fails_a_quiet_case(tmp_path: Path) -> None:
    result = makegood("test", write(tmp_path / "c.yaml", FILE + "    quiet: true\n"), "--json")
    told = json.loads(result.stdout)
    assert (result.returncode, told["passed"], told["failed"]) == (1, 0, 1)
    (case,) = told["files"][0]["cases"]
    assert case["missing"] == []
    assert len(case["unexpected"]) == 1


def test_only_leaves_other_alerts_out_of_the_comparison(tmp_path: Path) -> None:
    file = write(tmp_path / "c.yaml", FILE + "    only: {service: web}\n    quiet: true\n")
    assert makegood("test", file).returncode == 0


def test_the_detectors_may_come_from_a_settings_file(tmp_path: Path) -> None:
    start, _, rest = FILE.partition("detectors:\n")
    mood, _, cases = rest.partition("cases:\n")
    write(tmp_path / "m.yaml", "detectors:\n" + mood)
    text = f"{start}config: m.yaml\ncases:\n{cases}    expect: [{{at: 25h}}]\n"
    result = makegood("test", write(tmp_path / "c.yaml", text))
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("    quiet: false\n", "cases[0]: a case has exactly one of `expect` (a list of changes) and `quiet: true`"),
        (
            "    expect: [{at: soon}]\n",
            "cases[0].expect[0].at: 'soon' is not a time: write an offset from start like 0m",
        ),
        ("    expct: []\n", "cases[0].expct: unknown key 'expct'. Did you mean 'expect'?"),
    ],
)
def test_a_file_that_cannot_be_used_ends_with_status_2_and_names_the_field(
    wrong: str, told: str, tmp_path: Path
) -> None:
    result = makegood("test", write(tmp_path / "c.yaml", FILE + wrong))
    assert result.returncode == 2
    assert told in result.stderr
    assert result.defect is None


def test_an_event_that_no_feed_would_accept_is_named(tmp_path: Path) -> None:
    text = FILE.replace("-0.8x60", "-0.8x3 -8") + "    quiet: true\n"
    result = makegood("test", write(tmp_path / "c.yaml", text))
    assert result.returncode == 2
    assert "cases[0]: series[1], event 4: " in result.stderr


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1", ["1"]),
        ("1x3", ["1", "1", "1"]),
        ("1+2x3", ["1", "3", "5"]),
        ("0.5-0.25x3", ["0.5", "0.25", "0"]),
        ("-0.8x2", ["-0.8", "-0.8"]),
        ("_x2 high", [None, None, "high"]),
        ("highx2", ["high", "high"]),
    ],
)
def test_compact_values_expand(text: str, values: list[str | None]) -> None:
    assert expand_values(text) == values


def test_times_are_offsets_or_rfc_3339() -> None:
    assert when_us("1h30m", 0) == 5_400_000_000
    assert when_us("-5m", 600_000_000) == 300_000_000
    assert when_us("1970-01-01T01:00:00+01:00", 99) == 0
