"""A night: a notifier by a settings file, a clock that tests move, and what is explained of it afterwards."""

import random
from typing import Any

from prometheus_client import CollectorRegistry

from alerts.store import AlertStore
from config.loader import validate
from config.settings import Settings
from config.yamlfile import parse_yaml
from detectors.contract import AlertChange
from pipeline.assembly import settings_model
from pipeline.explaining.lines import lines
from pipeline.explaining.story import Story, gather
from pipeline.explaining.walk import Walk, walk, walk_lines
from sinks.notifier import Notifier
from sinks.service import build_notifier
from tests.support.deciding import World
from tests.support.notifier import Clock


class Night:
    """One notifier, which works when it is told to.

    Args:
        store: of the test.
        text: the settings, in YAML.
    """

    def __init__(self, store: AlertStore, text: str) -> None:
        self.store = store
        self.clock = Clock()
        self.world = World(store, self.clock)
        found: Any = validate(parse_yaml(text, "night.yaml"), settings_model())
        self.settings: Settings = found
        self.notifier: Notifier = build_notifier(
            store,
            self.settings,
            registry=CollectorRegistry(),
            wait=lambda _s: False,
            clock_us=self.clock,
            rng=random.Random(1),
        )

    def fires(self, *changes: AlertChange) -> None:
        """Have changes come in now."""
        self.world.apply(changes)

    def passes(self, seconds: float, step_s: float = 0.25) -> None:
        """Let time pass, working all the while."""
        for _ in range(round(seconds / step_s)):
            while self.notifier.run_once():
                pass
            self.clock.forward(step_s)

    def story(self, change: AlertChange) -> Story:
        detail = self.store.get(change.fingerprint)
        assert detail is not None
        return gather(self.store, self.settings, detail, self.clock())

    def told(self, change: AlertChange) -> str:
        """Return the way of an alert, as people read it."""
        return "\n".join(lines(self.story(change), self.settings))

    def walked(self, change: AlertChange, receiver: str, person: str = "") -> Walk:
        """Return the way of an alert to one receiver; that it can be told in words is seen to."""
        found = walk(self.story(change), self.settings, receiver, person)
        assert found.end in list(walk_lines(found))[-1]
        return found
