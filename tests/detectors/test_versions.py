"""Controls change what window detectors decide by: from which window on, in which order, exactly, and only once."""

import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from detectors import catalogue
from detectors.contract import (
    DETECTORS,
    AlertChange,
    ControlTaken,
    Detector,
    Finding,
    Progress,
    ShadowDecision,
    WindowDetector,
)
from detectors.control import (
    ChangeError,
    Control,
    ThresholdVersion,
    VerdictGiven,
    changed,
    decode,
    encode,
    together,
)
from detectors.decide import Decider
from detectors.deciding import Decision
from detectors.events import ALL_CLASSES, Event
from detectors.versions import MOST_SHADOWS
from detectors.windowed import Windowed
from tests.detectors.samples import HOUR_US, SAMPLES, START_US, Sample
from tests.support.combine import combined
from tests.support.controls import threshold

del catalogue  # imported so that every detector is registered
DAY_US = 24 * HOUR_US
EAGER = {"p_value": {"fire": "0.04"}}
STRICT = {"p_value": {"fire": "0.0001"}, "confirm": "2 of 3", "cool_down": "30m"}
_SAMPLES: dict[str, Sample] = {}


def sample_of(name: str) -> Sample:
    if name not in _SAMPLES:
        _SAMPLES[name] = SAMPLES[name]()
    return _SAMPLES[name]


def windowed() -> list[str]:
    return [name for name in DETECTORS.names() if isinstance(sample_of(name).detector(), WindowDetector)]


def script(name: str) -> list[Control]:
    """Return a story of controls: candidates, a promotion, a way back, and one that is stopped."""
    rows: list[tuple[int, Any, float, dict[str, Any]]] = [
        (1, "shadow", 1.1, EAGER),
        (2, "shadow", 2.3, STRICT),
        (1, "live", 3.6, EAGER),
        (2, "stopped", 5.9, {}),
        (0, "live", 6.2, {}),
        (3, "shadow", 6.3, STRICT),
    ]
    return [
        threshold(f"my_{name}", version, mode, START_US + int(days * DAY_US), changes, number=number)
        for number, (version, mode, days, changes) in enumerate(rows, 1)
    ]


class Fed:
    """A window detector with all that it has answered."""

    def __init__(self, detector: Detector) -> None:
        assert isinstance(detector, WindowDetector)
        self.detector = detector
        self.classes = tuple(ALL_CLASSES[name] for name in sorted(detector.event_types))
        self.state = detector.state()
        self.changes: list[AlertChange] = []
        self.findings: list[Finding] = []
        self.shadows: list[ShadowDecision] = []
        self.taken: list[ControlTaken] = []

    def feed(self, events: Sequence[Event], watermark_us: int) -> None:
        wanted = [event for event in events if isinstance(event, self.classes)]
        outcome = self.state.update(combined(self.detector, wanted), Progress(watermark_us, watermark_us))
        self.changes += outcome.changes
        self.findings += outcome.findings
        self.shadows += outcome.shadows
        self.taken += outcome.taken

    def restart(self) -> None:
        snapshot = self.state.snapshot()
        self.state = self.detector.state()
        self.state.restore(snapshot)


def run(
    detector: Detector, sample: Sample, controls: Sequence[Control], *, batch: int = 100, restored_every: int = 0
) -> Fed:
    """Feed a sample in batches, with all controls given at the beginning; restore from a snapshot now and then."""
    fed = Fed(detector)
    fed.state.control(controls)
    for number, start in enumerate(range(0, len(sample.events), batch), 1):
        events = sample.events[start : start + batch]
        fed.feed(events, max(event.time_us for event in events) - HOUR_US)
        if restored_every and number % restored_every == 0:
            fed.restart()
    fed.feed([], sample.events[-1].time_us + 1)
    return fed


def answer(fed: Fed) -> bytes:
    told = [fed.changes, fed.findings, fed.shadows, fed.taken]
    return msgspec.json.encode(told, order="sorted")


def test_there_are_window_detectors_that_can_be_changed() -> None:
    assert "sentiment_drop" in windowed()


@pytest.mark.parametrize("name", windowed())
def test_controls_hold_alike_however_events_are_cut_and_states_are_restored(name: str) -> None:
    sample, controls = sample_of(name), script(name)
    reference = run(sample.detector(), sample, controls)
    assert [one.number for one in reference.taken] == [1, 2, 3, 4, 5, 6]
    assert not any(one.late or one.problem for one in reference.taken)
    assert {finding.version for finding in reference.findings} == {0, 1}
    for batch, restored_every in ((7, 3), (1000, 1)):
        other = run(sample.detector(), sample, controls, batch=batch, restored_every=restored_every)
        assert answer(other) == answer(reference)


@pytest.mark.parametrize("name", ["sentiment_drop", "transaction_failure"])
def test_it_does_not_matter_when_a_control_comes_as_long_as_it_comes_in_time(name: str) -> None:
    sample, controls = sample_of(name), script(name)
    reference = answer(run(sample.detector(), sample, controls))
    dice = random.Random(5)
    for _ in range(3):
        fed, given = Fed(sample.detector()), 0
        for start in range(0, len(sample.events), 60):
            events = sample.events[start : start + 60]
            watermark_us = max(event.time_us for event in events) - HOUR_US
            due = sum(one.effective_us <= watermark_us for one in controls if isinstance(one, ThresholdVersion))
            new = max(given, due, min(len(controls), dice.randrange(-20, len(controls) + 1)))
            # Those that were given before come again, as after a crash.
            fed.state.control(controls[dice.randrange(given + 1) : new])
            given = new
            fed.feed(events, watermark_us)
        fed.feed([], sample.events[-1].time_us + 1)
        assert answer(fed) == reference


def test_a_control_holds_from_the_first_window_on_that_ends_after_it_takes_effect() -> None:
    sample = sample_of("sentiment_drop")
    ends = sorted({finding.end_us for finding in run(sample.detector(), sample, []).findings})
    at_us = ends[30]
    for effective_us, first_us in ((at_us - 1, ends[30]), (at_us, ends[31])):
        controls = [threshold("my_sentiment_drop", 1, "live", effective_us, EAGER, number=1)]
        fed = run(sample.detector(), sample, controls)
        (taken,) = fed.taken
        assert taken.end_us == first_us
        versions = {finding.end_us: finding.version for finding in fed.findings}
        assert versions == {end_us: int(end_us >= first_us) for end_us in ends}


@pytest.mark.parametrize("name", windowed())
def test_what_is_in_the_shadow_changes_no_alert_and_no_score(name: str) -> None:
    sample = sample_of(name)
    shadows = [one for one in script(name) if isinstance(one, ThresholdVersion) and one.mode != "live"]
    alone, beside = run(sample.detector(), sample, []), run(sample.detector(), sample, shadows)
    assert (beside.changes, beside.findings) == (alone.changes, alone.findings)
    assert beside.shadows


def test_a_shadow_decides_as_it_would_decide_on_the_same_scores() -> None:
    sample = sample_of("sentiment_drop")
    detector = sample.detector()
    assert isinstance(detector, Windowed)
    fed = run(detector, sample, [threshold("my_sentiment_drop", 1, "shadow", 0, EAGER, number=1)])
    decider = Decider(changed(detector.settings, EAGER), detector.layout.hop_us)
    expected = []
    for finding in fed.findings:
        judged = 1.0 if finding.harmless else finding.p_value
        group = tuple(finding.group.values())
        told = decider.judge(group, finding.end_us, judged, ready=finding.ready)
        if told.step is not None:
            expected.append((finding.end_us, finding.group, told.step, told.verdict, told.starts_at_us, told.level))
    found = [
        (one.end_us, one.group, one.step, one.verdict, one.starts_at_us, one.level)
        for one in fed.shadows
        if one.step is not None
    ]
    assert found == expected
    assert len(found) > 4


def test_both_sides_are_recorded_where_either_opens_or_ends() -> None:
    sample = sample_of("sentiment_drop")
    fed = run(sample.detector(), sample, [threshold("my_sentiment_drop", 1, "shadow", 0, STRICT, number=1)])
    sent = [(change.at_us, change.status) for change in fed.changes]
    assert [(one.end_us, one.live_step) for one in fed.shadows if one.live_step is not None] == sent
    assert all(one.step is not None or one.live_step is not None for one in fed.shadows)


def test_a_candidate_begins_with_what_the_live_one_has_counted_and_without_open_alerts() -> None:
    sample = sample_of("sentiment_drop")
    # Begun in the middle of the failure: the live alert is open.
    firing = next(change for change in run(sample.detector(), sample, []).changes if change.status == "firing")
    begin_us = firing.at_us
    controls = [threshold("my_sentiment_drop", 1, "shadow", begin_us, {"cool_down": "1h"}, number=1)]
    fed = run(sample.detector(), sample, controls)
    first = fed.shadows[0]
    assert (first.step, first.live_step, first.live_starts_at_us) == ("firing", None, firing.starts_at_us)
    at_once = [one for one in fed.findings if one.end_us == first.end_us and one.group == first.group]
    assert [one.level for one in at_once] == [first.level], "the same budget, so the same level"


def test_an_alert_that_is_open_stays_open_when_its_thresholds_are_changed() -> None:
    sample = sample_of("sentiment_drop")
    plain = run(sample.detector(), sample, [])
    fired = next(change for change in plain.changes if change.status == "firing")
    controls = [threshold("my_sentiment_drop", 1, "live", fired.at_us, STRICT, number=1)]
    fed = run(sample.detector(), sample, controls)

    def story(changes: list[AlertChange]) -> list[tuple[str, int, int]]:
        own = [change for change in changes if change.fingerprint == fired.fingerprint]
        return [(change.step, change.starts_at_us, change.at_us) for change in own if change.at_us >= fired.at_us][:2]

    assert story(fed.changes) == story(plain.changes)


def test_a_control_that_comes_late_holds_from_the_next_window_on_and_that_is_told() -> None:
    sample = sample_of("sentiment_drop")
    half = len(sample.events) // 2
    fed = Fed(sample.detector())
    fed.feed(sample.events[:half], sample.events[half].time_us - HOUR_US)
    judged_us = fed.findings[-1].end_us
    late = threshold("my_sentiment_drop", 1, "live", START_US, EAGER, number=1)
    fed.state.control([late])
    fed.feed(sample.events[half:], sample.events[-1].time_us - HOUR_US)
    fed.feed([], sample.events[-1].time_us + 1)
    (taken,) = fed.taken
    assert (taken.late, taken.effective_us) == (True, judged_us)
    assert taken.end_us == min(one.end_us for one in fed.findings if one.end_us > judged_us)
    # With the time since when it really held, a replay gives the same.
    again = run(sample.detector(), sample, [msgspec.structs.replace(late, effective_us=taken.effective_us)])
    assert (again.changes, again.findings) == (fed.changes, fed.findings)


def test_controls_hold_in_the_order_of_their_times_and_then_of_the_log() -> None:
    sample = sample_of("sentiment_drop")
    first_us, then_us = START_US + DAY_US, START_US + 2 * DAY_US
    controls: list[Control] = [
        threshold("my_sentiment_drop", 1, "live", then_us, EAGER, number=1),
        threshold("my_sentiment_drop", 2, "live", first_us, STRICT, number=2),
        threshold("my_sentiment_drop", 3, "live", first_us, EAGER, number=3),
    ]
    fed = run(sample.detector(), sample, controls)
    assert [one.number for one in fed.taken] == [2, 3, 1]


def test_a_log_that_was_lost_and_begun_anew_is_heard() -> None:
    sample = sample_of("sentiment_drop")
    controls: list[Control] = [
        threshold("my_sentiment_drop", 1, "live", START_US + DAY_US, EAGER, number=7, log="lost"),
        threshold("my_sentiment_drop", 1, "live", START_US + 2 * DAY_US, STRICT, number=1, log="new"),
        threshold("my_sentiment_drop", 9, "live", START_US + 2 * DAY_US, STRICT, number=1, log="new"),
    ]
    fed = run(sample.detector(), sample, controls)
    assert [(one.log, one.number, one.version) for one in fed.taken] == [("lost", 7, 1), ("new", 1, 1)]


def test_controls_of_others_and_verdicts_are_no_matter_of_a_detector() -> None:
    sample = sample_of("sentiment_drop")
    given: dict[str, Any] = {"fingerprint": "0" * 16, "starts_at_us": 1, "verdict": "noise", "by": "ada", "at_us": 2}
    controls: list[Control] = [
        threshold("other", 1, "live", START_US, EAGER, number=1),
        VerdictGiven(detector="my_sentiment_drop", number=2, log="log", **given),
    ]
    plain, steered = run(sample.detector(), sample, []), run(sample.detector(), sample, controls)
    assert answer(plain) == answer(steered)


def test_what_does_not_fit_the_settings_is_told_and_not_gone_by() -> None:
    sample = sample_of("sentiment_drop")
    wrong: list[Control] = [
        threshold("my_sentiment_drop", 1, "live", START_US + DAY_US, {"window": "2h"}, number=1),
        threshold("my_sentiment_drop", 2, "shadow", START_US + DAY_US, {"alert_budget": "never"}, number=2),
    ]
    plain, fed = run(sample.detector(), sample, []), run(sample.detector(), sample, wrong)
    assert fed.changes == plain.changes
    assert [one.problem.partition(":")[0] for one in fed.taken] == [
        "version 1 does not fit the settings file",
        "version 2 does not fit the settings file",
    ]


def test_a_version_that_no_longer_fits_a_changed_settings_file_is_told_after_a_restart() -> None:
    sample = sample_of("sentiment_drop")
    fed = Fed(sample.detector())
    changes = {"p_value": {"resolve": "0.01"}}
    fed.state.control([threshold("my_sentiment_drop", 1, "live", START_US + DAY_US, changes, number=1)])
    half = len(sample.events) // 2
    fed.feed(sample.events[:half], sample.events[half].time_us - HOUR_US)
    assert fed.findings[-1].version == 1
    other = sample._replace(settings={**sample.settings, "p_value": {"fire": 0.02}})
    after = Fed(other.detector())
    after.state.restore(fed.state.snapshot())
    after.feed(sample.events[half:], sample.events[-1].time_us)
    assert {one.version for one in after.findings} == {0}
    (told,) = after.taken
    assert (told.version, told.mode) == (1, "live")
    assert "overwhelming <= fire < resolve" in told.problem


def test_more_candidates_than_can_be_are_refused() -> None:
    sample = sample_of("sentiment_drop")
    controls = [
        threshold("my_sentiment_drop", number, "shadow", START_US + DAY_US, EAGER, number=number)
        for number in range(1, MOST_SHADOWS + 2)
    ]
    problems = [one.problem for one in run(sample.detector(), sample, controls).taken]
    assert problems[:MOST_SHADOWS] == [""] * MOST_SHADOWS
    assert "stop one" in problems[-1]


def test_a_promoted_candidate_goes_on_with_what_it_has_counted() -> None:
    sample = sample_of("sentiment_drop")
    mid_us = START_US + 4 * DAY_US
    controls: list[Control] = [
        threshold("my_sentiment_drop", 1, "shadow", START_US, {"confirm": "2 of 3"}, number=1),
        threshold("my_sentiment_drop", 1, "live", mid_us, {"confirm": "2 of 3"}, number=2),
    ]
    promoted = run(sample.detector(), sample, controls)
    always = run(sample.detector(), sample, [msgspec.structs.replace(controls[1], effective_us=0)])

    def levels(fed: Fed) -> list[float]:
        return [one.level for one in fed.findings if one.end_us > mid_us]

    assert levels(promoted) == levels(always)


# -- changing a decision ----------------------------------------------------------------------------------------------


def test_one_knob_takes_the_place_of_the_others() -> None:
    base = Decision.model_validate({"alert_budget": "2 per week"})
    assert changed(base, {"p_value": {"fire": "0.001"}}).budget() is None
    assert changed(changed(base, {"p_value": {"fire": "0.001"}}), {"false_discovery_rate": "10%"}).p_value.fire is None
    assert together({"p_value": {"fire": "0.001", "resolve": "0.1"}}, {"alert_budget": "1 per day"}) == {
        "p_value": {"resolve": "0.1"},
        "alert_budget": "1 per day",
    }


@pytest.mark.parametrize("name", windowed())
def test_settings_are_what_they_were_but_for_what_is_changed(name: str) -> None:
    detector = sample_of(name).detector()
    assert isinstance(detector, Windowed)
    before, after = detector.settings, changed(detector.settings, {"confirm": "2 of 3"})
    assert type(after) is type(before)
    assert after.model_dump(exclude={"confirm"}) == before.model_dump(exclude={"confirm"})


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"window": "2h"}, "window cannot be changed while the detector runs; these can: alert_budget"),
        ({"cool_down": 3600}, "cool_down: 3600 has no unit"),
        ({"alert_budget": "few"}, "alert_budget: 'few' is not a budget"),
        ({"alert_budget": "1 per day", "false_discovery_rate": "5%"}, "say the same thing in different ways"),
        ({"p_value": {"fires": 0.1}}, "p_value.fires: there is no such setting"),
        ({"p_value": {"resolve": 0.001, "fire": 0.01}}, "expected overwhelming <= fire < resolve"),
        ({"resolve_without_data": "500d"}, "baseline.forget is 4w"),
    ],
)
def test_a_change_that_cannot_be_is_named_with_what_was_expected(changes: dict[str, Any], told: str) -> None:
    detector = sample_of("sentiment_drop").detector()
    assert isinstance(detector, Windowed)
    with pytest.raises(ChangeError) as error:
        changed(detector.settings, changes)
    assert told in str(error.value)


def test_a_control_is_the_same_after_it_was_written_and_read() -> None:
    for control in script("sentiment_drop"):
        assert decode(encode(control)) == control
