"""A notifier for tests: real store, real channels, a clock that tests move."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.store import AlertStore
from config.delivery import ReceiverSettings, RootRouteSettings
from config.settings import Settings
from sinks.contract import CHANNELS, ChannelSettings
from sinks.notifier import Notifier
from sinks.observing import DeliveryObserver
from sinks.service import build_notifier
from sinks.stages.transport import StepHook
from tests.support.alerts import START_US

AT_ONCE = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1ms"}
"""Of a route: every change is told by itself."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now_us: int = START_US) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us

    def forward(self, seconds: float) -> None:
        self.now_us += round(seconds * 1_000_000)


def channel_settings(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, ChannelSettings]:
    """Return settings as the settings file would give them.

    Where a far side that answers is meant to, it has more time than the default: a busy machine is no timeout.
    """
    found = {}
    for name, entry in entries.items():
        settings = CHANNELS.settings(entry["type"]).model_validate({"timeout": "1m", **entry})
        if not isinstance(settings, ChannelSettings):
            msg = name
            raise TypeError(msg)
        found[name] = settings
    return found


class Rig:
    """A notifier with one receiver ``ops`` whose tiers are the given channels in their order.

    A last resort ``sink`` receiver (a file) takes alerts about channels, so that they do not count among the others.
    """

    def __init__(
        self,
        store: AlertStore,
        tmp_path: Path,
        channels: Mapping[str, Mapping[str, Any]],
        *,
        tier: Mapping[str, Any] | None = None,
        receiver: Mapping[str, Any] | None = None,
        on_step: StepHook | None = None,
        clock: Clock | None = None,
        observer: DeliveryObserver | None = None,
        route_settings: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> None:
        self.store = store
        self.clock = Clock() if clock is None else clock
        self.registry = CollectorRegistry()
        self.file = tmp_path / "own.jsonl"
        names = list(channels)
        tiers = [{"channel": name, "max_tries": 3, "first_wait": "500ms", **(tier or {})} for name in names]
        self.notifier: Notifier = build_notifier(
            store,
            Settings(
                channels=channel_settings({**channels, "own": {"type": "file", "path": self.file}}),
                receivers={
                    "ops": ReceiverSettings.model_validate({"tiers": tiers, **(receiver or {})}),
                    "own": ReceiverSettings.model_validate({"tiers": [{"channel": "own"}]}),
                },
                route=RootRouteSettings.model_validate(
                    {
                        "receiver": "ops",
                        **(AT_ONCE if route_settings is None else route_settings),
                        "routes": [{"matchers": ["alertname=ChannelFailing"], "receiver": "own"}],
                    }
                ),
                **more,
            ),
            registry=self.registry,
            wait=lambda _s: False,
            clock_us=self.clock,
            rng=random.Random(1),
            on_step=on_step,
            observer=observer,
        )

    def drain(self, turns: int = 50) -> int:
        """Run until nothing is due; return how many turns there were."""
        for turn in range(turns):
            if self.notifier.run_once() == 0:
                return turn
        msg = f"still busy after {turns} turns"
        raise AssertionError(msg)

    def run(self, seconds: float = 120, step_s: float = 0.25) -> None:
        """Let time pass, in small steps, working all the while."""
        self.drain()
        for _ in range(round(seconds / step_s)):
            self.clock.forward(step_s)
            self.drain()

    def tries(self, fingerprint: str, receiver: str = "ops") -> list[tuple[str, str, str]]:
        """Return channel, outcome and reason of each try for an alert."""
        detail = self.store.get(fingerprint)
        if detail is None:
            return []
        notes = [note for note in detail.notifications if note.receiver == receiver]
        return [(one.channel, one.outcome, one.reason) for note in notes for one in note.tries]

    def accounts(self, fingerprint: str) -> list[str]:
        """Return what became of each change of an alert."""
        detail = self.store.get(fingerprint)
        return [] if detail is None else [account.verdict for account in detail.accounts]

    def status(self, fingerprint: str) -> list[str]:
        """Return the status of each notification about an alert."""
        detail = self.store.get(fingerprint)
        return [] if detail is None else [note.status for note in detail.notifications]
