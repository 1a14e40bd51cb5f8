"""Counts of findings, from which the realised rate of p-values is seen."""

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from pipeline.findings.counts import FindingCounts
from pipeline.health import FlowHealth
from pipeline.metrics import FlowCollector
from pipeline.tallies import Tallies
from tests.support.findings import finding


def exposed(counts: FindingCounts) -> dict[str, float]:
    health = FlowHealth()
    health.attach(Tallies(), dict)
    health.count_findings(counts)
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, []))
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_verdicts_windows_and_p_values_are_counted_by_detector() -> None:
    counts = FindingCounts(["mood"])
    counts.add([finding(1, p_value=p) for p in (0.5, 0.1, 0.05, 0.0009, 1e-5, None)])
    told = exposed(counts)
    assert told['makegood_findings_total{detector="mood",verdict="quiet"}'] == 5
    assert told['makegood_findings_total{detector="mood",verdict="too_few"}'] == 1
    assert told['makegood_detector_windows_total{detector="mood"}'] == 5
    below = [
        told[f'makegood_detector_p_values_total{{at_or_below="{level}",detector="mood"}}']
        for level in ("0.1", "0.01", "0.001", "0.0001")
    ]
    assert below == [4, 2, 2, 1]


def test_windows_of_an_open_alert_and_of_groups_that_warm_up_say_nothing_of_the_rate() -> None:
    counts = FindingCounts(["mood"])
    verdicts = ("still_firing", "resolves", "warming_up", "fires", "harmless", "unconfirmed", "cooling_down")
    counts.add([msgspec.structs.replace(finding(1, p_value=0.01), verdict=verdict) for verdict in verdicts])
    assert exposed(counts)['makegood_detector_windows_total{detector="mood"}'] == 4


def test_every_count_is_there_from_the_start_at_zero() -> None:
    told = exposed(FindingCounts(["mood"]))
    assert told['makegood_findings_total{detector="mood",verdict="fires"}'] == 0
    assert told['makegood_detector_p_values_total{at_or_below="0.001",detector="mood"}'] == 0
    assert told["makegood_findings_dropped_total"] == 0
