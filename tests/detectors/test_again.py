"""A window scored again from its finding: as it was, and what would have made the difference."""

from collections.abc import Callable, Iterator
from typing import cast

import msgspec
import pytest

import detectors.catalogue  # noqa: F401 - registers every detector
from detectors.again import Again, Need
from detectors.contract import Finding, Progress, WindowDetector
from detectors.events import ALL_CLASSES
from detectors.windowed import Windowed
from tests.detectors.samples import HOUR_US, SAMPLES, Sample

Judged = tuple[Windowed, list[Finding]]
NAMES = sorted(name for name, sample in SAMPLES.items() if isinstance(sample().detector(), WindowDetector))
every_detector = pytest.mark.parametrize("name", NAMES)


def judge(sample: Sample) -> Judged:
    """Give a sample's events to its detector, an hour at a time."""
    detector = cast("Windowed", sample.detector())
    combiner, state, findings = detector.combiner(), detector.state(), []
    classes = tuple(ALL_CLASSES[kind] for kind in sorted(detector.event_types))
    pending = [event for event in sample.events if isinstance(event, classes)]
    for end_us in range(pending[0].time_us, pending[-1].time_us + 12 * HOUR_US, HOUR_US):
        combiner.add([event for event in pending if event.time_us < end_us])
        pending = [event for event in pending if event.time_us >= end_us]
        findings += state.update(combiner.take(), Progress(end_us, end_us)).findings
    return detector, findings


@pytest.fixture(scope="module")
def judged() -> Callable[[str], Judged]:
    known: dict[str, Judged] = {}

    def of(name: str) -> Judged:
        if name not in known:
            known[name] = judge(SAMPLES[name]())
        return known[name]

    return of


def scored(findings: list[Finding]) -> Iterator[Finding]:
    return (one for one in findings if one.p_value is not None)


@every_detector
def test_every_window_scores_again_as_it_did(name: str, judged: Callable[[str], Judged]) -> None:
    detector, findings = judged(name)
    assert sum(1 for _ in scored(findings)) > 50
    for finding in findings:
        assert finding.evidence is not None
        score = Again(detector, finding).score(finding.evidence.vector)
        if finding.p_value is None or finding.p_value > 0.02:
            assert (score.p_value is None) == (finding.p_value is None)
        else:
            assert score.p_value == pytest.approx(finding.p_value, rel=1e-3)


@every_detector
def test_what_was_needed_is_enough_and_a_little_less_is_not(name: str, judged: Callable[[str], Judged]) -> None:
    detector, findings = judged(name)
    found = 0
    for finding in list(scored(findings))[::7]:
        again = Again(detector, finding)
        for need in again.needs(finding.level):
            found += 1
            assert at(again, finding, need, need.figure)
            assert not at(again, finding, need, need.figure + (-1 if need.more else 1))
            assert need.text
    assert found > 5


def at(again: Again, finding: Finding, need: Need, figure: int) -> bool:
    assert finding.evidence is not None
    vector = list(finding.evidence.vector)
    place = again.levers[need.view].place
    assert vector[place] == need.was
    vector[place] = figure
    score = again.score(vector)
    return score.p_value is not None and score.p_value <= finding.level and not score.harmless


@every_detector
def test_a_finding_that_came_through_a_file_scores_again_as_well(name: str, judged: Callable[[str], Judged]) -> None:
    detector, findings = judged(name)
    finding = next(one for one in findings if one.verdict == "fires")
    read = msgspec.json.decode(msgspec.json.encode(finding), type=Finding)
    assert Again(detector, read).needs(finding.level) == Again(detector, finding).needs(finding.level)


def test_with_a_model_of_the_series_every_window_scores_again_too() -> None:
    sample = SAMPLES["sentiment_drop"]()
    detector, findings = judge(sample._replace(settings={**sample.settings, "model": "novelty"}))
    assert any("novelty_p_value" in one.details for one in findings)
    found = [need for one in scored(findings) for need in Again(detector, one).needs(one.level)]
    assert {need.view for need in found} >= {"negative_share"}


def test_the_settings_of_another_detector_are_told(judged: Callable[[str], Judged]) -> None:
    _, findings = judged("sentiment_drop")
    finding = next(one for one in findings if one.verdict == "fires")
    for name in ("transaction_failure", "sla_breach_rate", "resolution_lag"):
        with pytest.raises(ValueError, match="settings of the detector have changed"):
            Again(judged(name)[0], finding)


def test_without_evidence_nothing_is_scored_again(judged: Callable[[str], Judged]) -> None:
    detector, findings = judged("sentiment_drop")
    with pytest.raises(ValueError, match="nothing was kept"):
        Again(detector, msgspec.structs.replace(findings[0], evidence=None))
