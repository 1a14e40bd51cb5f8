"""The notifier: a service of its own that decides what is told of new changes, and makes sure that people hear it.

Several may run, on several machines: each group and each notification is leased to one. Each runs its tries in a
bounded pool of threads (the clients of e-mail, SMS and HTTP block); a channel takes part of them at most
(``max_concurrent``), and nothing waits in a thread, so that a slow channel cannot hold up the others.
"""

import gc
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from alerts.connection import StoreUnavailableError
from alerts.dispatch import Dispatcher
from config.delivery import NotifierSettings, ReceiverSettings
from sinks.chores import Chores
from sinks.claims import notification_of
from sinks.contract import Channel
from sinks.crew import Crew
from sinks.metrics import NotifierMetrics
from sinks.observing import DeliveryObserver
from sinks.outbox import Claim, LeaseLostError, Outbox
from sinks.stages.contract import Clock
from sinks.stages.dedup import already_told
from sinks.stages.record import Record
from sinks.stages.tiers import Tiers, Verdict
from sinks.stages.transport import Step, StepHook
from sinks.storms import Storms
from sinks.waking import Waking

_log = structlog.get_logger("makegood.notifier")
_DEFECT_WAIT_US = 10_000_000
_AWAY_WAIT_S = 0.5
_STORMS_EVERY_US = 500_000
_TURN = 200
"""Changes, and groups, that are decided of at once."""


class Notifier:
    """Built by :func:`sinks.service.build_notifier`."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        dispatcher: Dispatcher,
        storms: Storms,
        tiers: Tiers,
        record: Record,
        receivers: Mapping[str, ReceiverSettings],
        catch_all: str,
        settings: NotifierSettings,
        channels: Mapping[str, Channel],
        metrics: NotifierMetrics,
        chores: Chores,
        clock: Clock,
        on_step: StepHook,
        observer: DeliveryObserver,
    ) -> None:
        self._outbox = outbox
        self._dispatcher = dispatcher
        self._storms = storms
        self._storms_us = 0
        self._looked = threading.Event()
        self._pause_s = settings.poll / 1_000_000
        self._tiers = tiers
        self._record = record
        self._receivers = receivers
        self._catch_all = catch_all
        self._settings = settings
        self._channels = channels
        self._metrics = metrics
        self._chores = chores
        self._clock = clock
        self._on_step = on_step
        self._observer = observer

    @property
    def metrics(self) -> NotifierMetrics:
        """What it counts."""
        return self._metrics

    def run_once(self, limit: int = 100) -> int:
        """Decide of up to ``limit`` changes and groups, deliver as many notifications; return how many there were.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        self._record.catch_up()
        decided = self._decide(limit)
        claims = self._outbox.claim(limit, self._settings.lease)
        for claim in claims:
            self._turn(claim)
        return decided + len(claims)

    def run(self, stop: threading.Event, beat: Callable[[], None] | None = None) -> None:
        """Work until ``stop`` is set; then let the tries that run come to their end.

        Args:
            stop: ends it.
            beat: called at every look for work, also while the store is away.
        """
        # What is there now stays: the collector of garbage need not go through all of it again and again.
        gc.collect()
        gc.freeze()
        with ThreadPoolExecutor(1, thread_name_prefix="decider") as aside:
            deciding = aside.submit(self._run_decider, stop)
            try:
                self._run_deliveries(stop, beat, deciding)
            finally:
                stop.set()  # also when we fail: nobody decides without anybody who delivers
        deciding.result()

    def _run_decider(self, stop: threading.Event) -> None:
        """Decide what is told, beside the deliveries, so that neither holds up the other."""
        with Waking(self._outbox.store, "wake") as waking:

            def look() -> bool:
                self._looked.set()
                self._chores.due(self._clock())
                return self._decide(_TURN) > 0

            self._keep_looking(stop, look, lambda: waking.wait(self._pause_s, stop))

    def _run_deliveries(self, stop: threading.Event, beat: Callable[[], None] | None, deciding: "Future[None]") -> None:
        with (
            Crew(self._settings.workers, self._turn) as crew,
            Waking(self._outbox.store, "wake:lines") as waking,
        ):

            def look() -> bool:
                if beat is not None and self._looked.is_set():  # both are alive
                    self._looked.clear()
                    beat()
                if deciding.done():
                    stop.set()
                    return True
                self._record.catch_up()
                room = crew.room(self._pause_s)
                if room == 0:
                    return True
                claims = self._outbox.claim(room, self._settings.lease)
                crew.give(claims)
                if not claims:
                    self._measure()
                return bool(claims)

            self._keep_looking(stop, look, lambda: waking.wait(self._pause_s, stop))

    def _keep_looking(self, stop: threading.Event, look: Callable[[], bool], pause: Callable[[], None]) -> None:
        """Look for work until ``stop``; pause when there is none; wait for a store that is away."""
        away = False
        while not stop.is_set():
            try:
                busy = look()
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
            if not busy:
                pause()

    def close(self) -> None:
        """Let chores come to their end, and close the channels."""
        self._chores.close()
        for channel in self._channels.values():
            channel.close()

    def _decide(self, limit: int) -> int:
        """Decide what is told, and what of it becomes a digest; return how many changes and groups there were."""
        decided = self._dispatcher.turn(limit, self._settings.lease)
        now_us = self._clock()
        if not 0 <= now_us - self._storms_us < _STORMS_EVERY_US:
            self._storms_us = now_us
            self._storms.turn()
        return decided

    def _turn(self, claim: Claim) -> None:
        """Do what can be done for a notification now. Whatever goes wrong leaves it in the outbox."""
        try:
            self._on_step(Step.CLAIMED, claim.key)
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
        name = claim.receiver if claim.receiver in self._receivers else self._catch_all
        receiver = self._receivers[name]
        told = already_told(claim)
        if told is not None:
            self._finish(claim, "delivered", told)
            return
        verdict: Verdict = self._tiers(claim, notification_of(claim, name), receiver)
        if verdict.recorded:
            self._on_step(Step.ACKED, claim.key)
            self._observer.delivered(claim, self._clock())
        elif verdict.delay_us is None:
            self._finish(claim, "delivered", verdict.note)
        else:
            if verdict.undelivered:
                _log.error("undelivered", key=claim.key, receiver=name, rounds=claim.progress.round)
            how = {"undelivered": verdict.undelivered, "given_up": verdict.given_up}
            self._outbox.later(claim, verdict.delay_us, claim.progress, **how)

    def _finish(self, claim: Claim, status: str, note: str) -> None:
        self._outbox.finish(claim, status, note)
        self._on_step(Step.ACKED, claim.key)
        self._observer.delivered(claim, self._clock())

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
