"""Everything that the parts expose, each family with a sample of every kind that it can have."""

from asyncio import Future
from pathlib import Path
from typing import cast

import msgspec
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

import detectors.catalogue  # noqa: F401 - registers every detector
from alerts.responses import Responses, Said
from alerts.statuses import Status
from alerts.store import AlertStore
from alerts.traces.counts import SpanCounts
from config.settings import Settings
from dashboards.api.v2.about import build_info
from dashboards.figures import ConsoleFigures
from dashboards.mirror import Mirror
from detectors.contract import Progress
from detectors.events import DERIVED_CLASSES, ConclusionData, Event
from detectors.models.text.skill import Figures
from detectors.models.text.version import Header, Language
from pipeline import reasons
from pipeline.control.verdicts import Judged, Rate
from pipeline.disk import Room
from pipeline.feeds.contract import Feed, RawBatch
from pipeline.findings.counts import FindingCounts
from pipeline.health import FlowHealth
from pipeline.ingest.commit import Commits
from pipeline.ingest.credentials import Secrets
from pipeline.ingest.endpoint import Endpoint
from pipeline.ingest.metrics import IngestCollector
from pipeline.ingest.once import Once
from pipeline.ingest.settings import HttpSettings
from pipeline.kpis import Kpis
from pipeline.metrics import FlowCollector
from pipeline.quality import ENOUGH
from pipeline.scale.inbox import Refused, WindowTime
from pipeline.scale.panes_health import PanesHealth
from pipeline.tallies import Tallies
from pipeline.watermarks import PartitionTime
from sinks.alert_figures import AlertFigures
from sinks.callbacks.metrics import CallbackMetrics
from sinks.metrics import NotifierMetrics
from sinks.watch_metrics import WatchMetrics
from tests.support.alerts import START_US, change
from tests.support.findings import finding


def flow_registry() -> CollectorRegistry:
    """Return what a flow exposes of which everything has happened once."""
    tallies = Tallies()
    health = FlowHealth()
    health.attach(
        tallies,
        lambda: {("feed", "0"): PartitionTime(0, 0, newest_us=1)},
        lambda: {"mood": WindowTime(1, 1, ["feed/topic/0"])},
        lambda: PanesHealth(refused=dict.fromkeys((one.value for one in Refused), 1), held={}),
    )
    health.watch({"feed": cast("Feed", _Behind())}, {"feed": 1.0})
    counts = FindingCounts(["mood"])
    health.count_findings(counts)
    health.count_pruned(lambda: {"feed": {"too_late": 0}})
    health.watch_machine(lambda: [Room(Path("var/flow"), 1, 1)], int)
    language = Language("en", 1.0, Figures())
    health.watch_sentiment(lambda: Header(1, 0, 0, 0, (language,), []))
    rates = {"mood": Rate(0.0, 0.0, 0.0)}
    health.watch_judged(lambda: Judged({"mood": {"noise": 0}}, rates, rates))
    health.watch_kpis(_kpis())
    tallies.took("feed", ENOUGH)
    tallies.progress = Progress(1, 1)
    with capture_logs():
        wrong = reasons.RecordError(reasons.Reason.WRONG_TYPE, "data.text: expected `str`, got `int`")
        tallies.schema_changes.saw(RawBatch("feed", "0", [0], [b""]), [], [(0, wrong)])
    registry = CollectorRegistry()
    registry.register(FlowCollector(health, ["feed"], int))
    SpanCounts("flow", registry)
    return registry


def _kpis() -> Kpis:
    kpis = Kpis({"mood": "sentiment_drop", "sla": "sla_breach"}, frozenset({"mood"}), lambda: START_US)
    seen = finding(1, service="checkout", region="north", vendor="payfast")
    kpis.latest.add([msgspec.structs.replace(seen, details={"mean": -0.25, "negative_share": 0.25})])
    kpis.stored([change(), change(severity="odd")])
    kpis.concluded([conclusion(kind) for kind in DERIVED_CLASSES])
    return kpis


def conclusion(
    kind: str, promise: str = "first_reply", service: str | None = "checkout", *, elapsed_us: int = 0, real_us: int = 0
) -> Event:
    """Return what a case detector concluded."""
    data = ConclusionData(
        case_id="c1", promise="p", kind=promise, cycle=1, service=service, elapsed_us=elapsed_us, real_us=real_us
    )
    told = {"id": "1", "source": "sla", "time": "2026-03-02T09:00:00Z", "type": kind}
    event = msgspec.convert({**told, "data": msgspec.to_builtins(data)}, type=DERIVED_CLASSES[kind])
    return cast("Event", event)


def ingest_registry() -> CollectorRegistry:
    """Return what ``makegood ingest`` exposes of which everything has happened once."""
    settings = HttpSettings.model_validate({"type": "http", "signature": {"scheme": "none"}})
    endpoint = Endpoint("feed", settings, Secrets("feed", [], int), Once(_Nowhere(), 0), int)
    endpoint.answered[200] += 1
    registry = CollectorRegistry()
    registry.register(IngestCollector([endpoint], {"feed": _Spool()}))
    return registry


def notifier_registry(store: AlertStore | None = None) -> CollectorRegistry:
    """Return what a notifier exposes; with a store also what it reads of it, in which everything has happened once."""
    registry = CollectorRegistry()
    NotifierMetrics(["channel"], ["receiver"], registry)
    CallbackMetrics(registry)
    WatchMetrics(["receiver"], ["channel"], registry)
    SpanCounts("notifier", registry)
    if store is not None:
        taken = change(service="checkout")
        store.apply([taken, change("SlaAtRisk", severity="critical", service="app")])
        Responses(store).acknowledge(taken.fingerprint, Said(id="1", by="anna", via="cli", at_us=START_US))
        registry.register(AlertFigures(store))
    return registry


def console_registry() -> CollectorRegistry:
    """Return what the web application exposes."""
    registry = CollectorRegistry()
    build_info(registry, "0.1.0")
    mirror = Mirror(Settings())
    said = Status(kind="wall", name="lobby", at_us=START_US, every_us=1, well=True, report={})
    mirror.take_statuses([said], START_US)
    figures = ConsoleFigures(mirror)
    figures.answered("/inbox", 0.01, 200)
    registry.register(figures)
    return registry


class _Spool:
    """As much of a spool as the figures of ``makegood ingest`` ask for: one commit more at each look."""

    def __init__(self) -> None:
        self._commits = Commits()

    def total_bytes(self) -> int:
        return 0

    waiting_bytes = total_bytes

    def unread(self) -> tuple[int, int | None]:
        return 0, 1

    def commits(self) -> Commits:
        self._commits.note(0.001)
        return self._commits


class _Nowhere:
    """A target that is never written to."""

    def __call__(self, *_: object) -> "Future[None]":
        raise NotImplementedError


class _Behind:
    """As much of a feed as has figures of its own."""

    def __init__(self) -> None:
        self.skipped = {"0": 0}

    def lag(self) -> dict[str, int]:
        return {"0": 0}
