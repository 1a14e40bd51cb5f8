"""What watches over delivery, put together: the auditor, drills by the clock, canaries."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from alerts.connection import store_errors
from alerts.maintenance import Window
from alerts.muting import Mute
from alerts.owners import review_changes
from alerts.pushing import Pushes
from alerts.store import AlertStore
from config.drills import DrillSettings
from config.maintenance import MaintenanceSettings
from config.settings import Settings
from detectors.contract import AlertChange, alert_change
from sinks.audit.auditor import Auditor
from sinks.canary import Canaries
from sinks.chores import Chore, Chores, Hold, every
from sinks.contract import Channel
from sinks.drill.drill import Drill
from sinks.drill.report import ReceiverResult, save_drill
from sinks.stages.contract import Clock
from sinks.stages.record import Record
from sinks.watch_metrics import WatchMetrics

_log = structlog.get_logger("makegood.watch")
_DAY_US = 86_400_000_000
_LAPSE_EVERY_US = 2_000_000
_DRILL_LEASE_US = 600_000_000
_SLICE_S = 1.0


def build_chores(
    store: AlertStore,
    settings: Settings,
    channels: Mapping[str, Channel],
    *,
    record: Record,
    hiding: Callable[[int], Callable[[AlertChange], Mute | None]],
    metrics: WatchMetrics,
    clock: Clock,
    clock_us: Callable[[], int] | None,
    on_defect: Callable[[], None],
) -> Chores:
    """Return what a notifier has to do by the clock.

    Args:
        store: of the alerts.
        settings: the whole file; it has a route.
        channels: of the settings, by name.
        record: raises the alerts of channels.
        hiding: ``hiding(now)`` answers what hides an alert then.
        metrics: show the results.
        clock: of the notifier.
        clock_us: None: the clock of Redis says when something is due.
        on_defect: is told of unexpected errors.
    """
    auditor = Auditor(store, settings, hiding=hiding, clock_us=clock_us, timer_us=clock, on_missing=metrics.missing.inc)

    def audit(now_us: int, hold: Hold) -> None:
        report = auditor.run(now_us, hold)
        if not report.well:
            _log.warning("audit_not_well", **msgspec.to_builtins(report))

    pushes = Pushes(store, settings.alertmanager_api.resolve_timeout)

    def lapse(now_us: int, _hold: Hold) -> None:
        pushes.end_due(now_us)

    chores = [Chore("audit", every(settings.audit.every), audit), Chore("pushed", every(_LAPSE_EVERY_US), lapse)]
    if settings.owners:

        def owners(now_us: int, _hold: Hold) -> None:
            firing = [one.current for one in store.list_alerts(status="firing")]
            store.apply(review_changes(settings.owners, firing, now_us))

        chores.append(Chore("owners", every(_DAY_US), owners))
    due = drill_times(settings.drills)
    if due is not None:
        drills = Drills(store, settings, channels, clock)
        chores.append(Chore("drill", due, drills.run, _DRILL_LEASE_US))
    chores += Canaries(store, settings, channels, record=record, clock=clock).chores()
    return Chores(store, chores, clock_us=clock_us, on_defect=on_defect, refresh=lambda: metrics.refresh(store))


def drill_times(settings: DrillSettings) -> Callable[[int], int | None] | None:
    """Return what says when the next drill is due after the last; None: there are none by the clock."""
    if settings.every is not None:
        return every(settings.every)
    if settings.rrule is None or settings.start is None:
        return None
    window = MaintenanceSettings(
        matchers=('alertname=~".+"',),
        zone=settings.zone,
        start=settings.start,
        rrule=settings.rrule,
        duration=60_000_000,
    )
    return Window(window).next_start


class Drills:
    """Drills by the clock: the results are kept, and a receiver that would not be reached becomes an alert."""

    def __init__(self, store: AlertStore, settings: Settings, channels: Mapping[str, Channel], clock: Clock) -> None:
        self._store = store
        self._client: Any = store.client
        self._settings = settings
        self._channels = channels
        self._clock = clock

    def run(self, now_us: int, hold: Hold) -> None:
        """Drill the receivers of the settings.

        Raises:
            StoreUnavailableError: Redis is away.
        """

        def wait(seconds: float) -> None:
            end_us = self._clock() + round(seconds * 1_000_000)
            while (left_us := end_us - self._clock()) > 0:
                hold()
                time.sleep(min(_SLICE_S, left_us / 1_000_000))

        drill = Drill(self._settings, self._channels, clock=self._clock, wait=wait)
        names: Sequence[str] = self._settings.drills.receivers or sorted(self._settings.receivers)
        for result in drill.run(names, self._settings.drills.faults):
            self.keep(result, now_us)

    def keep(self, result: ReceiverResult, now_us: int) -> None:
        """Keep a result, and raise or resolve the receiver's alert."""
        save_drill(self._store, result)
        name, failing = result.receiver, self._store.keys.named("drill:failing")
        with store_errors():
            since = self._client.hget(failing, name)
        if not result.reached:
            _log.warning("drill_failed", receiver=name, remarks=result.remarks)
            with store_errors():
                self._client.hsetnx(failing, name, now_us)
                since = self._client.hget(failing, name)
            self._store.apply([_drill_alert(result, int(since), None)])
        elif since is not None:
            self._store.apply([_drill_alert(result, int(since), max(now_us, int(since)))])
            with store_errors():
                self._client.hdel(failing, name)


def _drill_alert(result: ReceiverResult, since_us: int, ended_us: int | None) -> AlertChange:
    name = result.receiver
    lost = [case for case in result.cases if not case.tier]
    if ended_us is None:
        summary = f"Receiver {name} would not be reached if its primary failed"
        whys = [f"{', '.join(case.broken) or 'nothing'} broken ({case.fault}): nobody was told" for case in lost]
        description = f"A drill showed it. {'; '.join([*whys, *result.remarks])}. Try it: makegood drill {name}"
    else:
        summary, description = f"Receiver {name} would be reached again", "A drill showed it."
    return alert_change(
        step="firing" if ended_us is None else "resolved",
        at_us=since_us if ended_us is None else ended_us,
        status="firing" if ended_us is None else "resolved",
        labels={"alertname": "DrillFailed", "detector": "notifier", "severity": "warning", "receiver": name},
        annotations={"summary": summary, "description": description},
        starts_at_us=since_us,
        ends_at_us=ended_us,
    )
