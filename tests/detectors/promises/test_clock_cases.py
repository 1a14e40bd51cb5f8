"""Every clock case, with its events in every order of arrival, through ``evaluate`` and through a shard."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.problems import SettingsError
from config.yamlfile import read_yaml
from detectors.contract import Context, Progress
from detectors.events import Event
from detectors.promises.openhours import to_us
from detectors.promises.results import evaluate
from detectors.promises.settings import PromiseSettings
from detectors.sla_breach import SlaBreach, SlaBreachSettings
from pipeline.promises import CasesFile, ClockCase, event_of, render_json, render_text, run_cases

ROOT = Path(__file__).resolve().parents[3]
OWN = ROOT / "config" / "examples" / "promises" / "cases.yaml"
SHARED = ROOT.parent / "shared" / "sla_cases.yaml"
FILES = [path for path in (OWN, SHARED) if path.exists()]


def cases() -> Iterator[Any]:
    for path in FILES:
        file = CasesFile.model_validate(read_yaml(path).data)
        for case in file.cases:
            if case.detector == "sla_breach":
                yield pytest.param(file, case, id=f"{path.parent.name}-{case.name}")


def orders(events: list[Event], seed: int = 1) -> Iterator[list[Event]]:
    if len(events) <= 4:
        yield from map(list, itertools.permutations(events))
        return
    dice = random.Random(seed)
    for _ in range(24):
        shuffled = list(events)
        dice.shuffle(shuffled)
        yield shuffled


def promise_of(case: ClockCase) -> PromiseSettings:
    return PromiseSettings.model_validate({"calendar": case.calendar, **case.promise})


@pytest.mark.parametrize(("file", "case"), list(cases()))
def test_a_verdict_does_not_hang_on_the_order_of_arrival(file: CasesFile, case: ClockCase) -> None:
    promise = promise_of(case)
    if case.as_of is None:
        raise AssertionError(case.name)
    as_of_us = to_us(case.as_of)
    events = [event_of(settings, case.name, promise.family) for settings in case.events]
    first = evaluate(promise, file.calendars, events, as_of_us)
    for order in orders(events):
        assert evaluate(promise, file.calendars, order, as_of_us) == first


@pytest.mark.parametrize(("file", "case"), list(cases()))
def test_a_shard_comes_to_the_same_breaches_in_any_order_of_arrival(file: CasesFile, case: ClockCase) -> None:
    promise = promise_of(case)
    if case.as_of is None:
        raise AssertionError(case.name)
    as_of_us = to_us(case.as_of)
    events = [event_of(settings, case.name, promise.family) for settings in case.events]
    known = [item for item in events if (to_us(item.recordedtime) if item.recordedtime else item.time_us) <= as_of_us]
    verdicts = evaluate(promise, file.calendars, events, as_of_us)
    wanted = {
        (item.breach_us, item.state in {"running", "paused"})
        for item in verdicts
        if item.breach_us is not None and item.breach_us < as_of_us
    }
    settings = SlaBreachSettings.model_validate(
        {"promises": [promise], "retention": "1000d", "idle_retention": "1000d"}
    )
    detector = SlaBreach("sla_breach", settings, Context(calendars=file.calendars))
    for turn, order in enumerate(orders(known)):
        shard = detector.shard()
        changes = []
        for number, item in enumerate(order):
            # half of the time the watermark is there already, so that what comes later is late knowledge
            if turn % 2 and number == 1:
                changes += shard.update([], Progress(as_of_us, as_of_us)).changes
            changes += shard.update([item], Progress(-(2**61), -(2**61))).changes
        changes += shard.update([], Progress(as_of_us, as_of_us)).changes
        standing: dict[tuple[str, int], bool] = {}
        for change in changes:
            if change.labels["alertname"] == "SlaBreach":
                key = (change.fingerprint, change.starts_at_us)
                if change.step.split(":")[0] in {"retracted", "moved"}:
                    del standing[key]
                else:
                    standing[key] = change.status == "firing"
        assert {(starts_us, firing) for (_, starts_us), firing in standing.items()} == wanted


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_all_expected_values_are_computed(path: Path) -> None:
    results = run_cases(path)
    assert [result.name for result in results if result.differs] == []
    assert any(result.outcome == "passed" for result in results)


def test_cases_of_other_detectors_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(CASE.replace("detector: sla_breach", "detector: sentiment_drop"), encoding="utf-8")
    results = run_cases(path)
    assert [result.outcome for result in results] == ["skipped"]
    assert "skipped: detector sentiment_drop has no such cases" in render_text(results)
    assert "0 equal, 0 differ, 1 skipped" in render_text(results)


CASE = """
calendars: {always: {always_open: true}}
cases:
- name: one
  detector: sla_breach
  calendar: always
  promise: {kind: first_reply, target: 60, unit: minutes}
  events:
  - {id: e1, type: opened, at: '2026-02-02T10:00+00:00'}
  as_of: '2026-02-02T10:30+00:00'
  expected: {state: running, due_at: '2026-02-02T11:00:00+00:00'}
"""


def test_a_value_that_differs_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(CASE.replace("11:00:00", "11:30:00"), encoding="utf-8")
    results = run_cases(path)
    assert results[0].differs
    assert results[0].differences == [
        "due_at: expected '2026-02-02T11:30:00+00:00', computed '2026-02-02T11:00:00+00:00'"
    ]
    assert "FAIL one" in render_text(results)
    assert '"differs":1' in render_json(results)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("type: opened", "type: opend", r"cases\[0\].events\[0\].*'opend' is no step"),
        ("T10:00+00:00'}", "T10:00'}", "has no offset"),
        ("calendar: always", "calendar: never", "no calendar is called 'never'"),
        ("unit: minutes", "unit: days", "'days' is ambiguous"),
        ("target: 60", "target: 0", "above 0"),
        ("  as_of: '2026-02-02T10:30+00:00'\n", "", "as_of is missing"),
        ("kind: first_reply", "kind: first_replay", "kind"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_place_and_reason(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "cases.yaml"
    path.write_text(CASE.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError, match=said):
        run_cases(path)
