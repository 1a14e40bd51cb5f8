from prometheus_client import CollectorRegistry, generate_latest

from detectors.contract import NEVER_US, Progress
from pipeline.feeds.contract import Status
from pipeline.health import FlowHealth
from pipeline.metrics import FlowCollector
from pipeline.reasons import Reason
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime


def exposed(health: FlowHealth) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, ["crm", "social"]))
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))
    }


def test_before_the_flow_has_started_there_are_no_figures() -> None:
    assert exposed(FlowHealth()) == {}


def test_counts_and_times_are_those_of_the_flow() -> None:
    health, tallies = FlowHealth(), Tallies()
    health.attach(
        tallies,
        lambda: {
            ("crm", "0"): PartitionTime(0, 0, newest_us=5_000_000, status=Status.CAUGHT_UP),
            ("social", "a"): PartitionTime(0, 0, newest_us=NEVER_US, status=Status.UNREACHABLE),
        },
    )
    tallies.records, tallies.events, tallies.late = 10, 7, 2
    tallies.dead("crm", "invalid_json")
    tallies.progress = Progress(4_000_000, 4_000_000)
    told = exposed(health)
    assert told["makegood_records_total"] == 10
    assert told["makegood_events_total"] == 7
    assert told["makegood_late_events_total"] == 2
    assert told["makegood_watermark_timestamp_seconds"] == 4
    assert told['makegood_dead_letters_total{feed="crm",reason="invalid_json"}'] == 1
    assert told['makegood_partition_newest_event_timestamp_seconds{feed="crm",partition="0"}'] == 5
    assert 'makegood_partition_newest_event_timestamp_seconds{feed="social",partition="a"}' not in told
    assert told['makegood_partition_status{feed="social",partition="a",status="unreachable"}'] == 1
    assert told['makegood_partition_status{feed="social",partition="a",status="reading"}'] == 0


def test_every_reason_of_every_feed_is_there_from_the_start_at_zero() -> None:
    health = FlowHealth()
    health.attach(Tallies(), dict)
    told = exposed(health)
    for feed in ("crm", "social"):
        for reason in Reason:
            assert told[f'makegood_dead_letters_total{{feed="{feed}",reason="{reason.value}"}}'] == 0
