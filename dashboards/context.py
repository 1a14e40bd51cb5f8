"""What every part of the web application has at hand: ``app.state.makegood``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import HTTPConnection

from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.contract import Gate
from dashboards.backtests import Backtests
from dashboards.jobs import Jobs
from dashboards.mirror import Mirror


@dataclass(frozen=True, slots=True)
class Context:
    """One application's.

    Attributes:
        settings: of everything.
        store: of the alerts: its calls block, so they are made in threads.
        mirror: what is open now: read on the event loop's thread alone.
        now_us: the time of day, microseconds UTC.
        access: decides who may do what.
        build: which release this is: pages load themselves anew when it changes.
        started_us: since when it runs.
        jobs: work that takes longer than a request.
        backtests: over recordings: such work that is kept.
        config: the settings file, for such work; None: there is none.
    """

    settings: Settings
    store: AlertStore
    mirror: Mirror
    now_us: Callable[[], int]
    access: Gate
    build: str
    started_us: int
    jobs: Jobs
    backtests: Backtests
    config: Path | None = None


def context_of(request: HTTPConnection) -> Context:
    """Return the context of the application that a request came to."""
    context: Context = request.app.state.makegood
    return context
