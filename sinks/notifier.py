"""The notifier: a service of its own that takes notifications from the outbox and makes sure that people hear.

Several may run, on several machines: each notification is leased to one. Each runs its tries in a bounded pool of
threads (the clients of e-mail, SMS and HTTP block); a channel takes part of them at most (``max_concurrent``), and
nothing waits in a thread, so that a slow channel cannot hold up the others.
"""

import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from alerts.connection import StoreUnavailableError
from alerts.routing import receivers_for
from config.delivery import NotifierSettings, ReceiverSettings, RootRouteSettings
from sinks.contract import Channel, Notification
from sinks.metrics import NotifierMetrics
from sinks.outbox import Claim, LeaseLostError, Outbox
from sinks.stages.contract import Clock
from sinks.stages.dedup import already_told, unwanted
from sinks.stages.record import Record
from sinks.stages.tiers import Tiers, Verdict
from sinks.stages.transport import Step, StepHook

_log = structlog.get_logger("makegood.notifier")
_DEFECT_WAIT_US = 10_000_000
_AWAY_WAIT_S = 0.5


class Notifier:
    """Built by :func:`sinks.service.build_notifier`."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        tiers: Tiers,
        record: Record,
        receivers: Mapping[str, ReceiverSettings],
        route: RootRouteSettings,
        settings: NotifierSettings,
        channels: Mapping[str, Channel],
        metrics: NotifierMetrics,
        clock: Clock,
        on_step: StepHook,
    ) -> None:
        self._outbox = outbox
        self._tiers = tiers
        self._record = record
        self._receivers = receivers
        self._route = route
        self._settings = settings
        self._channels = channels
        self._metrics = metrics
        self._clock = clock
        self._on_step = on_step

    def run_once(self, limit: int = 100) -> int:
        """Work on up to ``limit`` notifications that are due, one after the other; return how many there were.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        claims = self._outbox.claim(limit, self._settings.lease)
        for claim in claims:
            self._turn(claim)
        return len(claims)

    def run(self, stop: threading.Event, beat: Callable[[], None] | None = None) -> None:
        """Work until ``stop`` is set; then let the tries that run come to their end.

        Args:
            stop: ends it.
            beat: called at every look for work, also while the store is away.
        """
        running: set[Future[None]] = set()
        away = False
        with ThreadPoolExecutor(self._settings.workers, thread_name_prefix="notifier") as pool:
            while not stop.is_set():
                if beat is not None:
                    beat()
                running = {future for future in running if not future.done()}
                room = self._settings.workers - len(running)
                try:
                    claims = self._outbox.claim(room, self._settings.lease) if room else []
                    if not claims:
                        self._measure()
                except StoreUnavailableError as error:
                    if not away:
                        _log.warning("store_away", detail=str(error))
                    away = True
                    if not stop.wait(_AWAY_WAIT_S):
                        self._outbox.store.revive()
                    continue
                if away:
                    _log.info("store_back")
                away = False
                running |= {pool.submit(self._turn, claim) for claim in claims}
                if not claims:
                    stop.wait(self._settings.poll / 1_000_000)

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            channel.close()

    def _turn(self, claim: Claim) -> None:
        """Do what can be done for a notification now. Whatever goes wrong leaves it in the outbox."""
        try:
            self._on_step(Step.CLAIMED, claim.key)
            if claim.receiver == "":
                self._outbox.route(claim, receivers_for(claim.change.labels, self._route))
            else:
                self._deliver(claim)
        except (LeaseLostError, StoreUnavailableError) as error:
            # Another notifier has it, or will have it when the lease ends.
            _log.info("notification_left", key=claim.key, detail=str(error))
        except Exception as error:  # a defect in one notification must not stop the others
            self._metrics.defects.inc()
            where = "".join(traceback.format_tb(error.__traceback__))  # no message, no locals: they can hold secrets
            _log.error("notifier_defect", key=claim.key, error=type(error).__name__, where=where)
            self._put_back(claim)

    def _deliver(self, claim: Claim) -> None:
        # A receiver that the settings no longer have: its notifications go to the one that takes everything.
        name = claim.receiver if claim.receiver in self._receivers else self._route.receiver or ""
        receiver = self._receivers[name]
        told = already_told(claim)
        if told is not None:
            self._finish(claim, "delivered", told)
            return
        why_not = unwanted(claim, receiver)
        if why_not is not None:
            self._metrics.skipped.labels(name).inc()
            self._finish(claim, "skipped", why_not)
            return
        change = claim.change
        notification = Notification(
            key=claim.key,
            receiver=name,
            alerts=(change,),
            group_labels=dict(change.labels),
            accepted_us=claim.accepted_us,
        )
        verdict: Verdict = self._tiers(claim, notification, receiver)
        if verdict.delay_us is None:
            self._finish(claim, "delivered", verdict.note)
        else:
            if verdict.undelivered:
                _log.error("undelivered", key=claim.key, receiver=name, rounds=claim.progress.round)
            self._outbox.later(claim, verdict.delay_us, claim.progress, undelivered=verdict.undelivered)

    def _finish(self, claim: Claim, status: str, note: str) -> None:
        self._outbox.finish(claim, status, note)
        self._on_step(Step.ACKED, claim.key)

    def _put_back(self, claim: Claim) -> None:
        try:
            self._outbox.later(claim, _DEFECT_WAIT_US, claim.progress, undelivered=False)
        except (LeaseLostError, StoreUnavailableError) as error:
            _log.info("notification_left", key=claim.key, detail=str(error))

    def _measure(self) -> None:
        counts = self._outbox.store.counts()
        self._metrics.pending.set(counts["pending"])
        self._metrics.undelivered.set(counts["undelivered"])
        oldest_us = self._outbox.oldest_pending_us()
        self._metrics.oldest_pending_s.set(0 if oldest_us is None else max(0, self._clock() - oldest_us) / 1_000_000)
        self._record.refresh_failing(list(self._outbox.failing()))
