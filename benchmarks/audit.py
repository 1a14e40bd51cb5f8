"""What an audit costs: 10,000 alerts that were told, all new, then nothing new, then a hundredth of them new.

Run: ``python -m benchmarks.audit [ALERTS]``
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.connection import connect
from alerts.embedded_redis import EmbeddedRedis
from alerts.mutes import Mutes
from alerts.store import AlertStore
from config.delivery import ReceiverSettings, RootRouteSettings, StoreSettings
from config.settings import Settings
from detectors.contract import AlertChange, alert_change
from sinks.audit.auditor import Auditor
from sinks.audit.report import AuditReport
from sinks.channels.file import FileSettings
from sinks.service import build_notifier

ROUTE: dict[str, Any] = {"receiver": "ops", "group_by": ["service"], "group_wait": "0s", "group_interval": "1ms"}


def changes(count: int, round_: int) -> list[AlertChange]:
    """Return a change of each of ``count`` alerts, in a hundred services."""
    now_us = time.time_ns() // 1_000
    return [
        alert_change(
            step="firing" if round_ == 0 else f"updated:{round_}",
            at_us=now_us,
            status="firing",
            labels={"alertname": "Bench", "service": f"s{number % 100}", "case": str(number), "severity": "warning"},
            annotations={"summary": f"case {number}", "description": "It is late."},
            starts_at_us=1_772_442_000_000_000 + number,
        )
        for number in range(count)
    ]


def main(count: int) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="mg-") as folder, EmbeddedRedis(Path(folder)) as server:
        client = connect(server.url)
        store = AlertStore(client, StoreSettings())
        settings = Settings(
            channels={"log": FileSettings.model_validate({"type": "file", "path": Path(folder) / "log.jsonl"})},
            receivers={"ops": ReceiverSettings.model_validate({"tiers": [{"channel": "log"}]})},
            route=RootRouteSettings.model_validate(ROUTE),
        )
        notifier = build_notifier(store, settings, registry=CollectorRegistry(), wait=lambda _s: False)
        auditor = Auditor(store, settings, hiding=Mutes(store), timer_us=lambda: time.monotonic_ns() // 1_000)

        def told(what: str) -> None:
            while notifier.run_once(500):
                pass
            cpu_s, redis_s = time.process_time(), redis_cpu_s(client)
            report: AuditReport = auditor.run(time.time_ns() // 1_000)
            cpu_s, redis_s = time.process_time() - cpu_s, redis_cpu_s(client) - redis_s
            print(
                f"{what:<28} {report.alerts:>6} alerts, {report.looked:>6} read, {report.took_us / 1000:>8.1f} ms,"
                f" CPU {cpu_s * 1000:.0f} ms here and {redis_s * 1000:.0f} ms in Redis, well: {report.well}"
            )

        store.apply(changes(count, 0))
        told("all new")
        told("nothing new")
        store.apply(changes(count // 100, 1))
        told("one in a hundred changed")
        notifier.close()
        client.close()


def redis_cpu_s(client: Any) -> float:
    """Return the CPU time that Redis has used."""
    info = client.info("cpu")
    return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
