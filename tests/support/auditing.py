"""A notifier and its auditor for tests: real store, real files as channels, a clock that tests move."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.mutes import Mutes
from alerts.store import AlertStore
from config.audit import AuditSettings
from config.delivery import ReceiverSettings, RootRouteSettings
from config.settings import Settings
from detectors.contract import AlertChange
from sinks.audit.auditor import Auditor
from sinks.audit.report import AuditReport
from sinks.service import build_dispatcher, build_notifier
from tests.support.notifier import Clock, channel_settings

ROUTE: dict[str, Any] = {
    "receiver": "ops",
    "group_by": ["service"],
    "group_wait": "10s",
    "group_interval": "1m",
    "repeat_interval": "4h",
    "routes": [{"matchers": ["copy=yes"], "receiver": "copy", "continue": True}, {"matchers": ['severity=~".+"']}],
}


class Audited:
    """Two receivers, ``ops`` and ``copy``; alerts with the label ``copy=yes`` go to both."""

    def __init__(
        self,
        store: AlertStore,
        folder: Path,
        *,
        audit: Mapping[str, Any] | None = None,
        route: Mapping[str, Any] | None = None,
        channel: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        **more: Any,
    ) -> None:
        self.store = store
        self.client: Any = store.client
        self.folder = folder
        self.clock = Clock() if clock is None else clock
        tiers = [{"channel": "ops", "max_tries": 1}]
        self.settings = Settings(
            channels=channel_settings(
                {
                    "ops": {"type": "file", "path": folder / "ops.jsonl", **(channel or {})},
                    "copy": {"type": "file", "path": folder / "copy.jsonl"},
                }
            ),
            receivers={
                "ops": ReceiverSettings.model_validate({"tiers": tiers}),
                "copy": ReceiverSettings.model_validate({"tiers": [{"channel": "copy"}]}),
            },
            route=RootRouteSettings.model_validate(route or ROUTE),
            audit=AuditSettings.model_validate({"heartbeat_timeout": "60s", **(audit or {})}),
            **more,
        )
        self.notifier = build_notifier(
            store,
            self.settings,
            registry=CollectorRegistry(),
            wait=lambda _s: False,
            clock_us=self.clock,
            rng=random.Random(1),
        )
        self.dispatcher = build_dispatcher(store, self.settings, clock_us=self.clock)
        self.missing = 0
        self.auditor = Auditor(
            store,
            self.settings,
            hiding=Mutes(store, self.settings.inhibit_rules, self.settings.maintenance_windows),
            clock_us=self.clock,
            timer_us=self.clock,
            on_missing=self._count,
        )

    def _count(self, count: int) -> None:
        self.missing += count

    def apply(self, *changes: AlertChange) -> None:
        """Give changes to the store, which takes them by the clock of the test, not by that of Redis."""
        self.store.apply(changes)
        now_ms = self.clock() // 1000
        for one in changes:
            self.client.zadd(self.key("pending"), {f"change-{one.change_id}": now_ms}, xx=True)
            self.client.zadd(self.key("alerts:resolved"), {one.fingerprint: now_ms}, xx=True)
            text = self.client.hget(self.key("unrouted"), one.change_id)
            if text is not None:
                self.client.hset(self.key("unrouted"), one.change_id, f"{now_ms}|{text.partition('|')[2]}")

    def audit(self) -> AuditReport:
        """Audit now."""
        return self.auditor.run(self.clock())

    def work(self) -> None:
        """Do all that is due now."""
        while self.notifier.run_once(100):
            pass

    def decide(self) -> None:
        """Decide of all that is due now, and send nothing."""
        while self.dispatcher.turn(100, 10_000_000):
            pass

    def pass_time(self, seconds: float, step_s: float = 5.0) -> None:
        """Let time go by, working all the while."""
        for _ in range(round(seconds / step_s)):
            self.clock.forward(step_s)
            self.work()

    def told(self, receiver: str = "ops") -> list[tuple[str, list[str]]]:
        """Return status and names of the alerts of each message."""
        path = self.folder / f"{receiver}.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [(line["status"], [alert["labels"]["alertname"] for alert in line["alerts"]]) for line in lines]

    def key(self, name: str) -> str:
        """Return the name of a key in Redis."""
        return self.store.keys.named(name)
