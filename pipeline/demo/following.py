"""Follows the live demo from a thread of its own, until its story is over."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from alerts.store import AlertStore
from pipeline.demo.clock import BeganFile
from pipeline.demo.story import Story, counts_of, history_is_read
from pipeline.demo.telling import Teller

LINGER_S = 2.0
"""How long the demo goes on after everything was told, so that the last delivery is seen."""
_LOOK_EVERY_S = 0.2
_COUNT_EVERY_S = 3.0


class Watch:
    """Follows one demo.

    Args:
        story: is told.
        clock_us: the company's time.
        live_us: where its live time begins.
        port: of the flow's health.
        feed: its name.
        began: is made when the history was read: live time begins.
        end_s: when the story ends at the latest, by the monotonic clock.
        stay: says that everything goes on, and it does; None: everything ends with the story.

    Attributes:
        timed_out: the story ended by the clock, or because it was over.
    """

    def __init__(
        self,
        story: Story,
        clock_us: Callable[[], int],
        *,
        live_us: int,
        port: int,
        feed: str,
        began: BeganFile,
        end_s: float,
        stay: Callable[[], None] | None,
    ) -> None:
        self._story = story
        self._clock_us = clock_us
        self._live_us = live_us
        self._port = port
        self._feed = feed
        self._end_s = end_s
        self._began = began
        self._stay = stay
        self.timed_out = False

    def until_over(self, store: AlertStore, stop: threading.Event, teller: Teller) -> None:
        """Tell the story until it is over; then ask everything to stop, or wait until somebody does."""
        self._tell(store, stop)
        self._story.people()
        if self._stay is not None and not stop.is_set():
            self._stay()
            stop.wait()
        teller.say("stopping", "everything is saved, then the parts end in order")
        stop.set()

    def _tell(self, store: AlertStore, stop: threading.Event) -> None:
        story = self._story
        count_s = time.monotonic() + _COUNT_EVERY_S
        linger_s: float | None = None
        while not stop.wait(_LOOK_EVERY_S):
            if self._began() is None and history_is_read(_health(self._port), self._feed):
                self._began.begin()
            now_us, now_s = self._clock_us(), time.monotonic()
            story.time_is(now_us, now_us > self._live_us)
            story.look(store)
            if now_s >= count_s:
                count_s = now_s + _COUNT_EVERY_S
                story.flows(counts_of(_health(self._port), self._feed))
                story.people()
            if story.over and linger_s is None:
                linger_s = now_s + LINGER_S
            if now_s >= self._end_s or (linger_s is not None and now_s >= linger_s):
                self.timed_out = True
                return


def _health(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
            body = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            body = json.load(error)
    except OSError:  # the flow is starting
        body = {}
    return body if isinstance(body, dict) else {}
