"""A wall on a stage: a real application under a real server on a real Redis, with what processes say made up."""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI

from alerts.response_model import Said
from alerts.responses import Responses
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from config.settings import Settings
from dashboards import wall
from dashboards.access.wiring import open_access
from dashboards.server import PARTS, build_app
from detectors.contract import AlertChange
from pipeline.assembly import settings_model
from sinks.audit.report import AuditReport, save_report
from tests.support.alerts import change
from tests.support.patience import until
from tests.support.ports import free_port

NOW_US = 1_790_000_710_000_000  # 2026-09-21T14:25:10Z; on a stage it is what Redis says
TOKEN = "mg_a-token-of-a-wall-in-tests"
S = 1_000_000
MIN = 60 * S
FEEDS = ("crm", "payments", "posts", "surveys")
SERVICES = ("checkout", "delivery", "app", "billing")
REGIONS = ("north", "central", "south")


def settings(**more: Any) -> Settings:
    """Return settings with feeds, detectors and channels, as screens need them."""
    entries: dict[str, Any] = {
        "feeds": {name: {"type": "demo", "start": "2026-03-02T00:00:00Z"} for name in FEEDS},
        "calendars": {"always": {"zone": "UTC", "always_open": True}},
        "detectors": {
            "sla_breach": {
                "type": "sla_breach",
                "promises": [
                    {
                        "name": "first_reply",
                        "kind": "first_reply",
                        "targets": {"p1": 15},
                        "unit": "minutes",
                        "calendar": "always",
                    }
                ],
            },
            "repeat_contact": {"type": "repeat_contact"},
            "resolution_lag": {"type": "resolution_lag"},
            "sentiment_drop": {"type": "sentiment_drop"},
            "transaction_failure": {"type": "transaction_failure", "group_by": ["service", "region"]},
        },
        "channels": {"pager": {"type": "console"}, "mail": {"type": "console"}},
        "receivers": {"ops": {"tiers": [{"channel": "pager"}, {"channel": "mail"}]}},
        "route": {"receiver": "ops", "group_by": ["service"]},
        "console": {"walls": {"lobby": {"sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}}},
    }
    return settings_model().model_validate({**entries, **more})


def window(detector: str, value: float, baseline: float, count: int = 40, **group: str) -> dict[str, Any]:
    """Return what a flow says of the newest window of a group."""
    return {
        "detector": detector,
        "group": group,
        "end_us": NOW_US - MIN,
        "count": count,
        "value": value,
        "baseline": baseline,
        "p_value": 0.4,
        "verdict": "quiet",
    }


WINDOWS = [
    window("resolution_lag", 9.4, 9.0, service="checkout"),
    window("resolution_lag", 9.2, 9.1, service="app"),
    window("sentiment_drop", 0.12, 0.09, service="app"),
]


def flow_report(
    *,
    silent: Mapping[str, int] | None = None,
    places: list[dict[str, Any]] | None = None,
    flow: str = "running",
    now_us: int = NOW_US,
) -> dict[str, Any]:
    """Return what a flow process says.

    Args:
        silent: feeds that gave something last so many microseconds ago.
    """
    ages = dict.fromkeys(FEEDS, 1 * S) | dict(silent or {})
    return {
        "flow": flow,
        "watermark": now_us / 1e6,
        "unreachable": [],
        "by_feed": {
            name: {"last_at_us": now_us - age, "newest_us": now_us - age, "idle_after_us": 60 * S, "why": ""}
            for name, age in ages.items()
        },
        "windows_judged": WINDOWS,
        "places": [{"service": one, "region": two, "judged": 1} for one in SERVICES for two in REGIONS]
        if places is None
        else places,
    }


@dataclass
class Clock:
    """The server's clock: it goes when it is told to."""

    at_us: int = NOW_US

    def __call__(self) -> int:
        return self.at_us

    def pass_s(self, seconds: float) -> None:
        self.at_us += round(seconds * S)


@dataclass
class Stage:
    """What a wall is tried on.

    Attributes:
        port: of the server, the same after a restart.
    """

    store: AlertStore
    settings: Settings
    clock: Clock = field(init=False)
    build: str = "1.0"
    port: int = field(default_factory=free_port)
    app: FastAPI | None = None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        client: Any = self.store.client
        seconds, micros = client.time()
        self.clock = Clock(seconds * S + micros)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, until :meth:`stop`."""
        access = open_access(self.settings, self.store, self.clock)
        app = build_app(self.store, self.settings, access=access, now_us=self.clock, build=self.build)
        if wall.install not in PARTS:
            wall.install(app)
        self.app = app
        config = uvicorn.Config(
            app, "127.0.0.1", self.port, log_level="error", timeout_graceful_shutdown=0, lifespan="on", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server is not None and self._server.started, "the server")
        until(lambda: app.state.makegood.mirror.complete, "the mirror")

    def stop(self) -> None:
        """Stop serving, as a server that is killed: nothing is said to those who are connected."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._server = None

    def say_flow(self, name: str = "0/1", **report: Any) -> None:
        """Have a flow process say something."""
        told = flow_report(**{"now_us": self.clock.at_us, **report})
        self._say("flow", name, told)

    def say_notifier(self) -> None:
        """Have a notifier say that it runs."""
        self._say("notifier", "host:1", {"notifier": "running"})

    def prove(self, **works: bool) -> None:
        """Have canaries tried."""
        client: Any = self.store.client
        for name in self.settings.channels:
            ok = "true" if works.get(name, True) else "false"
            text = (
                f'{{"channel":"{name}","via":"message","at_us":{self.clock.at_us - 3 * MIN},"took_us":1,"works":{ok}}}'
            )
            client.hset(self.store.keys.named("canary:last"), name, text)

    def audit(self, **more: Any) -> None:
        """Have everything that was told be audited."""
        told = {"alerts": 3, "looked": 3, "missing": 0, "overdue": 0, "undelivered": 0, "told_back": 400}
        save_report(
            self.store,
            AuditReport(
                at_us=self.clock.at_us - 40 * S,
                took_us=1,
                missing_back=0,
                ratio=1.0,
                well=True,
                **{**told, **more},
            ),
        )

    def all_well(self, **report: Any) -> None:
        """Have everything said that is needed for "all clear"."""
        self.say_flow(**report)
        self.say_notifier()
        self.prove()
        self.audit()

    def fire(self, *changes: AlertChange) -> None:
        """Have alerts fire."""
        self.store.apply(changes)

    def acknowledge(self, one: AlertChange, by: str) -> None:
        """Have somebody take an alert on."""
        said = Said(id=f"{by}{one.fingerprint}", by=by, via="cli", at_us=self.clock.at_us)
        Responses(self.store).acknowledge(one.fingerprint, said, until_us=None)

    def _say(self, kind: str, name: str, report: dict[str, Any]) -> None:
        status = Status(kind=kind, name=name, at_us=self.clock.at_us, every_us=2 * S, well=True, report=report)
        Statuses(self.store).say(status)


@contextmanager
def staged(store: AlertStore, **more: Any) -> Iterator[Stage]:
    """Give a stage that is not served yet, and stop it."""
    stage = Stage(store, more.pop("settings", None) or settings(), **more)
    try:
        yield stage
    finally:
        stage.stop()


def trouble() -> list[AlertChange]:
    """Return alerts of an evening that does not go well."""
    return [
        change(
            "TransactionFailure",
            severity="critical",
            detector="transaction_failure",
            service="checkout",
            region="north",
            customers="1200",
            summary="checkout, north: 12 % failed of 640 payments, normally 1.1 % (p = 3e-9)",
        ),
        change(
            "ResolutionLag",
            severity="critical",
            detector="resolution_lag",
            service="checkout",
            customers="80",
            summary="checkout: typically 7.4 h to resolve 38 cases, normally 2.1 h (p = 0.0004)",
        ),
        change(
            "SentimentDrop",
            detector="sentiment_drop",
            severity="critical",
            service="app",
            region="south",
            summary="app, south: 44 % negative of 61 posts, normally 9 % (p = 2e-6)",
        ),
        *(
            change(
                "SlaBreach",
                severity="critical",
                detector="sla_breach",
                service="delivery",
                region=REGIONS[number % 3],
                case_id=f"D-{number}",
                summary=f"First reply promise broken: case D-{number} (high priority, gold customer worth 12,000)",
            )
            for number in range(14)
        ),
        *(
            change(
                "SlaAtRisk",
                detector="sla_breach",
                service="billing",
                region="central",
                case_id=f"B-{number}",
                summary=f"Resolution promise at risk (80% used): case B-{number}",
            )
            for number in range(5)
        ),
        change(
            "RepeatContact",
            severity="critical",
            detector="repeat_contact",
            service="app",
            region="south",
            customer="Ada Lovelace",
            summary="Customer Ada Lovelace is back about login: third contact, 2 h after the one before",
        ),
        change(
            "NegativeSurvey",
            detector="negative_survey",
            service="delivery",
            region="north",
            customer="c0017",
            summary="Customer c0017 answered 2 of 10 about case D-3",
        ),
    ]
