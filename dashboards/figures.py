"""Figures of the web application: how old what it shows is, how fast it answers, and which walls still ask."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

from fastapi import FastAPI
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.statuses import Status
from config.metrics import build, console
from dashboards.context import Context
from dashboards.mirror import Mirror

Part = Literal["alertmanager", "api", "console", "wall"]
"""``alertmanager``: the API that is like Alertmanager's, with what is beside it; ``console``: pages, and all else."""
PARTS: tuple[Part, ...] = get_args(Part)
_BEGINS: tuple[tuple[str, Part], ...] = (
    ("/api/v1/", "api"),
    ("/api/v2/", "alertmanager"),
    ("/am/", "alertmanager"),
    ("/-/", "alertmanager"),
    ("/metrics", "alertmanager"),
    ("/wall", "wall"),
)
_NEVER_ENDS = "/events"
_FAILED = 500


def part_of(path: str) -> Part:
    """Return which part of the application answers.

    >>> part_of("/api/v2/alerts"), part_of("/wall/now"), part_of("/inbox")
    ('alertmanager', 'wall', 'console')
    """
    return next((part for begins, part in _BEGINS if path.startswith(begins)), "console")


class ConsoleFigures(Collector):
    """Counts requests, and says how old what is shown is. Used on the event loop's thread.

    Args:
        mirror: what is shown.
    """

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._took = {part: build.Buckets(console.REQUEST) for part in PARTS}
        self._failed: Counter[Part] = Counter()

    def answered(self, path: str, took_s: float, status: int) -> None:
        """Note that a request was answered."""
        part = part_of(path)
        self._took[part].observe(took_s)
        self._failed[part] += status >= _FAILED

    def describe(self) -> Iterator[Metric]:
        """Return nothing: the figures are put together when they are asked for."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return the figures. While the store was never read it is not said when it was."""
        took, failed = build.histograms(console.REQUEST), build.counters(console.FAILED)
        for part in PARTS:
            took.add([part], self._took[part].counts, self._took[part].total)
            failed.add_metric([part], self._failed[part])
        yield from (took, failed)
        if self._mirror.heard_us:
            yield build.single(console.READ, self._mirror.heard_us / 1_000_000)
        yield from _walls([one for one in self._mirror.statuses if one.kind == "wall"])


def _walls(said: Sequence[Status]) -> Iterator[Metric]:
    asked, live = build.gauges(console.WALL_ASKED), build.gauges(console.WALL_LIVE)
    for one in sorted(said, key=lambda one: (-one.at_us, one.name))[: console.MOST_WALLS]:
        asked.add_metric([one.name], one.at_us / 1_000_000)
        live.add_metric([one.name], float(one.well))
    yield from (asked, live)


class Timing:
    """Tells how long each request took until its answer was whole.

    Args:
        app: answers.
        figures: are told.
    """

    def __init__(self, app: ASGIApp, figures: ConsoleFigures) -> None:
        self._app = app
        self._figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Of a stream that never ends nothing is told."""
        if scope["type"] != "http" or scope["path"] == _NEVER_ENDS:
            await self._app(scope, receive, send)
            return
        status, began_s = _FAILED, time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._figures.answered(scope["path"], time.perf_counter() - began_s, status)


def install(app: FastAPI) -> None:
    """Add the figures to those of the application."""
    context: Context = app.state.makegood
    figures = ConsoleFigures(context.mirror)
    app.state.metrics.register(figures)
    app.add_middleware(Timing, figures=figures)
