"""Tuning: deciding again gives what the flow gives, and what is proposed is what was asked for."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from detectors.control import changed
from pipeline.assembly import load_settings
from pipeline.backtest.backtest import Candidate, Known, labels_of
from pipeline.backtest.inputs import Asked
from pipeline.backtest.labelfiles import read_labels
from pipeline.backtest.sweep import Setting, current, to_try
from pipeline.backtest.tuning import Bench, NotTunableError, Tried, pick
from tests.support.backtests import SPIKE, write_settings
from tests.support.events import HOUR_US


@contextmanager
def unseen(_doing: str) -> Iterator[None]:
    yield None


def bench(
    folder: Path, recording: Path, *decision: str, detector: str = "sentiment_drop", labelled: bool = True
) -> Bench:
    path = write_settings(folder / "settings.yaml", *decision, more=SPIKE)
    path.write_text(path.read_text().replace("social.jsonl", str(recording / "social.jsonl")))
    labels = recording / "labels.yaml"
    known: Known | None = labels_of(labels, read_labels(labels), HOUR_US) if labelled else None
    made = Bench(Candidate("settings.yaml", load_settings(path).settings), detector, known)
    made.score(Asked(), unseen)
    return made


@pytest.fixture(scope="module")
def scored(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("scored"), recording)


@pytest.mark.parametrize("decision", ["confirm: 2 of 3", "p_value: {fire: 0.01}", "min_duration: 1h", "cool_down: 0s"])
def test_deciding_again_by_the_settings_as_they_are_gives_the_alerts_of_the_run(
    decision: str, recording: Path, tmp_path: Path
) -> None:
    made = bench(tmp_path, recording, decision)
    assert made.alerts
    assert made.agrees()


def test_what_is_harmless_is_decided_again_as_harmless(recording: Path, tmp_path: Path) -> None:
    made = bench(tmp_path, recording, detector="social_spike")
    assert len(made.recorded) > 400
    assert made.agrees()


def test_a_group_that_was_forgotten_is_forgotten_again(recording: Path, tmp_path: Path) -> None:
    lines = (recording / "social.jsonl").read_bytes().splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines) if b'"tv"' not in line or not 600 < number < 3000]
    (tmp_path / "social.jsonl").write_bytes(b"".join(kept))
    (tmp_path / "labels.yaml").write_bytes((recording / "labels.yaml").read_bytes())
    path = write_settings(tmp_path / "settings.yaml", "p_value: {fire: 0.03}", "resolve_without_data: 2h")
    text = path.read_text().replace("{rhythm: none}", "{rhythm: none, forget: 4h, warm_up: 0}")
    path.write_text(text)
    made = Bench(Candidate("s", load_settings(path).settings), "sentiment_drop", None)
    made.score(Asked(), unseen)
    groups = [window.group for window in made.recorded.windows()]
    assert groups.count(("tv",)) < groups.count(("mobile",)) - 10
    assert made.agrees()


def test_every_level_with_every_confirmation_and_duration_is_tried_once(scored: Bench) -> None:
    settings = list(to_try(scored.settings, 3.0))
    told = [(one.level, one.confirm, one.min_duration) for one in settings]
    assert len(set(told)) == len(told) == (10 + 10) * 2 * 2
    assert ("3 per week", "2 of 3", "1h") in told
    assert settings[0].changes == {"alert_budget": "0.1 per week"}
    assert all(changed(scored.settings, one.changes) == one.decision for one in settings)


def test_a_stricter_level_never_raises_an_alert_that_a_looser_one_does_not_overlap(scored: Bench) -> None:
    levels = [one for one in to_try(scored.settings, None) if one.changes.keys() == {"p_value"}]
    levels.sort(key=lambda one: one.strength)
    alerts = [scored.again(one) for one in levels]
    for strict, loose in itertools.pairwise(alerts):
        for alert in strict:
            assert any(
                other.fingerprint == alert.fingerprint and other.starts_at_us <= alert.starts_at_us for other in loose
            )


def test_the_exact_backtest_of_a_change_is_that_of_settings_with_the_change_in_them(
    scored: Bench, recording: Path, tmp_path: Path
) -> None:
    changes = {"p_value": {"fire": 1e-4}}
    setting = Setting("p_value", 1e-4, changes, changed(scored.settings, changes))
    told, _ = scored.backtest(setting)
    exact, alerts = scored.backtest(setting, unseen)
    assert (told.exact, exact.exact) == (False, True)
    assert told.a == exact.a
    written = bench(tmp_path, recording, "p_value: {fire: 0.0001}")
    assert alerts == written.alerts
    assert exact.b is not None
    assert exact.b.detectors[0] == written.tried(setting, written.alerts).figures


def test_the_proposed_setting_has_the_best_score_within_the_budget(scored: Bench) -> None:
    now = scored.tried(current(scored.settings), scored.alerts)
    tried = scored.sweep(list(to_try(scored.settings, 2.0)), lambda _: None)
    chosen = pick(tried, now, 2.0)
    assert chosen is not None
    assert chosen.f1 is not None
    assert chosen.per_week <= 2.0
    inside = [one.f1 for one in [now, *tried] if one.per_week <= 2.0 and one.f1 is not None]
    budgets = [one for one in tried if one.setting.knob == "alert_budget" and one.setting.strength > 2.0]
    assert chosen.f1 == max(inside)
    assert chosen not in budgets


def test_without_labels_the_budget_itself_is_proposed(recording: Path, tmp_path: Path) -> None:
    made = bench(tmp_path, recording, labelled=False)
    now = made.tried(current(made.settings), made.alerts)
    tried = made.sweep(list(to_try(made.settings, 3.0)), lambda _: None)
    chosen = pick(tried, now, 3.0)
    assert chosen is not None
    assert chosen.setting.changes == {"alert_budget": "3 per week"}
    assert pick(tried, now, None) is None


def test_where_no_setting_keeps_the_budget_the_closest_is_proposed(scored: Bench) -> None:
    now = scored.tried(current(scored.settings), scored.alerts)
    wrong = [
        replace(scored.alerts[0], starts_at_us=at_us, fired_at_us=at_us, about_us=at_us, ends_at_us=at_us)
        for at_us in (scored.span.from_us + number * 12 * HOUR_US for number in range(2))
    ]
    tried = [
        scored.tried(Setting("p_value", level, {"p_value": {"fire": level}}, scored.settings), alerts)
        for level, alerts in ((0.01, [*scored.alerts, *wrong]), (0.001, [*scored.alerts, *wrong[:1]]))
    ]
    assert [one.figures.false for one in tried] == [2, 1]
    assert pick(tried, tried[0], 0.001) is tried[1]
    assert pick([*tried, now], tried[0], 0.001) is now


@pytest.mark.parametrize(("name", "told"), [("nothing", "no detector of that name"), ("cases", "it is a sla_breach")])
def test_only_detectors_with_a_level_can_be_tuned(name: str, told: str, recording: Path, tmp_path: Path) -> None:
    path = write_settings(tmp_path / "settings.yaml")
    promise = "{name: reply, kind: first_reply, target: 30, unit: minutes}"
    text = path.read_text().replace("flow:", f"  cases: {{type: sla_breach, promises: [{promise}]}}\nflow:")
    path.write_text(text)
    with pytest.raises(NotTunableError, match=f"{name}: .*{told}.*can be tuned: sentiment_drop"):
        Bench(Candidate("s", load_settings(path).settings), name, None)


def test_a_listener_is_tuned_with_what_it_listens_to(tmp_path: Path) -> None:
    promise = "{name: reply, kind: first_reply, target: 30, unit: minutes}"
    path = tmp_path / "s.yaml"
    path.write_text(
        "feeds: {cases: {type: file, path: cases.jsonl}}\ndetectors:\n"
        f"  cases: {{type: sla_breach, promises: [{promise}]}}\n"
        "  rate: {type: sla_breach_rate, group_by: [service]}\n"
        "  mood: {type: sentiment_drop}\n"
    )
    made: Any = Bench(Candidate("s", load_settings(path).settings), "rate", None)
    assert sorted(made._needed.detectors) == ["cases", "rate"]


def tried(scored: Bench, per_week: float) -> Tried:
    setting = Setting("alert_budget", per_week, {"alert_budget": f"{per_week:g} per week"}, scored.settings)
    return scored.tried(setting, scored.alerts)


def test_what_cannot_be_told_apart_stays_as_it_is(scored: Bench) -> None:
    now = scored.tried(current(scored.settings), scored.alerts)
    assert pick([tried(scored, 0.5), tried(scored, 1.0)], now, 2.0) is now
