"""Cases of contacts, surveys and recoveries in the file of clock cases."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.problems import SettingsError
from config.yamlfile import read_yaml
from pipeline.promises import CasesFile, render_json, render_text, run_cases

ROOT = Path(__file__).resolve().parents[3]
OWN = ROOT / "config" / "examples" / "promises" / "lives.yaml"
SHARED = ROOT.parent / "shared" / "sla_cases.yaml"
DETECTORS = {"repeat_contact", "negative_survey", "stalled_recovery"}


def test_the_example_holds_and_covers_every_detector() -> None:
    results = run_cases(OWN)
    assert [result.name for result in results if result.outcome != "passed"] == []
    assert {case.detector for case in CasesFile.model_validate(read_yaml(OWN).data).cases} == DETECTORS


def test_no_case_of_the_shared_file_is_skipped() -> None:
    if not SHARED.exists():
        pytest.skip("the shared cases are not beside the checkout")
    results = run_cases(SHARED)
    assert [(result.name, result.outcome) for result in results if result.outcome != "passed"] == []


def test_the_order_of_the_lines_does_not_matter(tmp_path: Path) -> None:
    data = yaml.safe_load(OWN.read_text(encoding="utf-8"))
    for case in data["cases"]:
        case["events"].reverse()
    path = tmp_path / "cases.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    assert [result.name for result in run_cases(path) if result.outcome != "passed"] == []


BASE: dict[str, Any] = {
    "repeat_contact": {
        "promise": {"window_hours": 1, "same": ["customer", "issue"]},
        "events": [{"id": "a", "type": "contact", "at": "2026-02-02T10:00:00+00:00", "customer": "c", "issue": "x"}],
        "expected": {"repeat": False},
    },
    "negative_survey": {
        "promise": {"scale": "nps_0_10"},
        "events": [{"id": "a", "type": "survey_response", "at": "2026-02-02T10:00:00+00:00", "score": 3}],
        "expected": {"negative": True},
    },
    "stalled_recovery": {
        "calendar": "always",
        "promise": {"idle_limit_minutes": 60},
        "events": [{"id": "a", "type": "recovery_opened", "at": "2026-02-02T10:00:00+00:00"}],
        "expected": {"as_of": "2026-02-02T10:30:00+00:00", "stalled": False},
    },
}


def case_file(tmp_path: Path, detector: str, **changes: Any) -> Path:
    case = {"name": "one", "detector": detector, **BASE[detector], **changes}
    path = tmp_path / "cases.yaml"
    calendars = {"always": {"always_open": True}}
    path.write_text(yaml.safe_dump({"calendars": calendars, "cases": [case]}), encoding="utf-8")
    return path


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_value_that_differs_is_named(tmp_path: Path, detector: str) -> None:
    name = next(name for name in BASE[detector]["expected"] if name != "as_of")
    expected = {**BASE[detector]["expected"], name: "something else"}
    results = run_cases(case_file(tmp_path, detector, expected=expected))
    assert results[0].differences[0].startswith(f"{name}: expected 'something else', computed ")
    assert "FAIL one" in render_text(results)
    assert '"differs":1' in render_json(results)


@pytest.mark.parametrize("detector", sorted(DETECTORS))
def test_a_promise_with_an_unknown_part_is_skipped_and_says_which(tmp_path: Path, detector: str) -> None:
    promise = {**BASE[detector]["promise"], "colour": "red"}
    results = run_cases(case_file(tmp_path, detector, promise=promise))
    assert (results[0].outcome, results[0].reason) == ("skipped", "promise.colour is not known")


@pytest.mark.parametrize(
    ("detector", "part", "change", "said"),
    [
        ("repeat_contact", "events", {"at": "2026-02-02T10:00:00"}, "has no offset"),
        ("repeat_contact", "events", {"resolved_at": "soon"}, "resolved_at: 'soon' is no instant"),
        ("repeat_contact", "promise", {"window_hours": -1}, "promise.window_hours: expected a number"),
        ("negative_survey", "events", {"score": "six"}, "score: expected a number, not 'six'"),
        ("negative_survey", "promise", {"scale": {"lowest": 3, "highest": 1}}, "negative"),
        ("stalled_recovery", "promise", {"idle_limit_minutes": 0}, "idle_limit"),
        ("stalled_recovery", "promise", {"max_customer_wait_business_days": 0}, "a number above 0, not 0"),
    ],
)
def test_a_case_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, detector: str, part: str, change: dict[str, Any], said: str
) -> None:
    base = BASE[detector][part]
    changed = [{**base[0], **change}] if part == "events" else {**base, **change}
    with pytest.raises(SettingsError, match=re.escape(said)) as error:
        run_cases(case_file(tmp_path, detector, **{part: changed}))
    assert "cases[0]" in str(error.value)


def test_a_calendar_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no calendar is called 'never'"):
        run_cases(case_file(tmp_path, "stalled_recovery", calendar="never"))
