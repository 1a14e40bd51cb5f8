"""One run: two notifiers, a Redis, three providers; what is planned happens; then all is well, and is checked."""

import asyncio
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alerts.connection import connect
from alerts.store import AlertStore
from config.delivery import RootRouteSettings, StoreSettings
from detectors.contract import AlertChange
from tests.chaos.checking import findings
from tests.chaos.evidence import Applied, Evidence, Findings
from tests.chaos.hiding import Hidden, Hider, inhibited
from tests.chaos.plan import CHANNELS, LEASE_MS, TIMEOUT_MS, RunPlan
from tests.chaos.processes import Pair
from tests.chaos.providers import Provider, Request, event_loop, providers
from tests.support.alerts import change
from tests.support.own_redis import OwnRedis
from tests.support.patience import PATIENCE_S

_QUIET_MS = 60_000
_LOOK_S = 0.02


class Arena:
    """What runs share that are made one after the other: a Redis that may be killed, and a loop for providers."""

    def __init__(self, folder: Path, loop: asyncio.AbstractEventLoop) -> None:
        self.folder = folder
        self.loop = loop
        self.redis = OwnRedis(folder / "redis")
        self.redis.start()


@contextmanager
def arena() -> Iterator[Arena]:
    """Give an arena."""
    with tempfile.TemporaryDirectory(prefix="mg-chaos-") as folder, event_loop() as loop:
        one = Arena(Path(folder), loop)
        try:
            yield one
        finally:
            one.redis.kill()


class Run:
    """Makes one run in an arena."""

    def __init__(self, at: Arena, plan: RunPlan) -> None:
        self._at = at
        self._plan = plan
        self._redis_client: Any = connect(at.redis.url, timeout_s=PATIENCE_S)
        self._store = AlertStore(self._redis_client, StoreSettings(prefix=f"c{plan.seed}:"))
        self._applied: list[Applied] = []
        self._restarts: list[tuple[int, int]] = []
        self._pause = threading.Event()
        self._hider = Hider(self._store, self._now_us, self._pause.wait)

    def __call__(self) -> Findings:
        """Make it, and return what was found."""
        folder = self._at.folder / str(self._plan.seed)
        folder.mkdir()
        self._redis_client.flushall()
        order = {
            "url": self._at.redis.url,
            "prefix": self._store.settings.prefix,
            "settings": {
                **self._plan.settings,
                **self._hider.settings(inhibits=self._plan.inhibits, window=self._plan.window),
                "notifier": {**self._plan.settings["notifier"], "workers": self._plan.workers},
            },
        }
        late_s = 1.5 * TIMEOUT_MS / 1000
        with providers(self._at.loop, CHANNELS, late_s) as (far, requests):
            pair = Pair(order, {name: one.url for name, one in far.items()}, self._plan.steps, folder)
            try:
                self._live(pair, far)
                pair.spare()
                for one in far.values():
                    one.set("works")
                self._hider.end()
                self._apply(self._plan.last)
                stuck = self._until_quiet()
                fresh_told = self._fresh(requests) and not self._until_quiet()
            finally:
                pair.end()
            # A channel that works again is told as such: it may be the last that a notifier writes before it ends.
            while not stuck and any(self._left()):
                pair.begin()
                stuck = self._until_quiet()
                pair.end()
        try:
            return findings(
                self._store,
                RootRouteSettings.model_validate(self._plan.settings["route"]),
                Evidence(
                    plan=self._plan,
                    applied=self._applied,
                    requests=requests,
                    deaths=pair.deaths,
                    restarts=self._restarts,
                    lease_us=LEASE_MS * 1000,
                    decides_us=max(LEASE_MS * 1000, *pair.decided_us()),
                    stuck=stuck,
                    fresh_told=fresh_told,
                    defects=pair.defects,
                    hidden=[*self._hider.hidden(), *self._inhibited()],
                ),
            )
        finally:
            self._redis_client.close()

    def _inhibited(self) -> list[Hidden]:
        if not self._plan.inhibits:
            return []
        return list(inhibited([(one.change, one.not_before_us, one.not_after_us) for one in self._applied]))

    def _live(self, pair: Pair, far: dict[str, Provider]) -> None:
        for tick in self._plan.ticks:
            for name, fault in tick.faults.items():
                far[name].set(fault)
            self._hider.tick(tick.hush)
            self._apply(tick.changes)
            self._pause.wait(tick.pause_s / 2)
            if tick.kill is not None:
                pair.kill(tick.kill)
            if tick.restart_redis:
                began_us = time.time_ns() // 1000
                self._at.redis.kill()
                self._at.redis.start()
                self._restarts.append((began_us, time.time_ns() // 1000))
            self._pause.wait(tick.pause_s / 2)

    def _apply(self, changes: tuple[AlertChange, ...]) -> None:
        not_before_us = self._now_us()
        self._store.apply_waiting(changes, wait=self._pause.wait)
        not_after_us = self._now_us()
        known = {one.change.change_id for one in self._applied}
        self._applied += [
            Applied(change=one, not_before_us=not_before_us, not_after_us=not_after_us)
            for one in {one.change_id: one for one in changes}.values()
            if one.change_id not in known
        ]

    def _fresh(self, requests: list[Request]) -> bool:
        """Return whether an alert that comes when all is well again is told."""
        fresh = change("Fresh", service="ship")
        self._apply((fresh,))
        return self._until(
            lambda: any(one.taken and any(fp == fresh.fingerprint for fp, _ in one.alerts) for one in list(requests))
        )

    def _until_quiet(self) -> str:
        """Wait until nothing is left to do; return what is, when that never comes."""
        left: list[int] = []

        def quiet() -> bool:
            left[:] = self._left()
            return not any(left)

        return "" if self._until(quiet) else f"left to do: {left}"

    def _left(self) -> list[int]:
        """Return how much there is to do, by where it waits."""
        names = self._store.keys.named
        pipeline = self._redis_client.pipeline(transaction=True)
        for name in ("pending", "unrouted:order", "groups:leased", "ready", "later", "leased"):
            (pipeline.llen if name == "unrouted:order" else pipeline.zcard)(names(name))
        now_ms = self._now_us() // 1000
        pipeline.zcount(names("groups:due"), "-inf", now_ms + _QUIET_MS)
        return list(pipeline.execute())

    def _until(self, holds: Any) -> bool:
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            if holds():
                return True
            self._pause.wait(_LOOK_S)
        return False

    def _now_us(self) -> int:
        """Return the time of Redis."""
        seconds, micros = self._redis_client.time()
        return int(seconds) * 1_000_000 + int(micros)
