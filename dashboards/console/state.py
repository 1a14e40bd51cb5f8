"""What the console keeps between requests: ``app.state.console``."""

from dataclasses import dataclass, field

from anyio import to_thread
from starlette.requests import HTTPConnection

from alerts.responses import Responses
from config.settings import Settings
from dashboards.access.audit import Watch
from dashboards.console.acts import Acts
from dashboards.console.evidence import Evidence
from dashboards.console.news import News
from dashboards.console.onduty import DutyNow
from dashboards.console.sparks import Sparks
from dashboards.console.storm import Weather
from dashboards.console.table import Tables
from dashboards.context import Context, context_of
from dashboards.freshness import Truth, truth
from dashboards.freshness_layers import silent_parts
from dashboards.proofs import Proofs
from detectors.contract import Detector
from pipeline.compose import build_detectors


@dataclass(frozen=True, slots=True)
class Console:
    """Of one application.

    Attributes:
        tables: of open alerts. weather: whether there is a flood of them. news: which are new.
        sparks: small lines beside rows.
        proofs: of channels. duty: who is on duty.
        acts: what people did lately.
        evidence: of alerts' episodes, with when it was read: it takes a while to put together.
        audit: proves the audit log bit by bit.
    """

    tables: Tables
    proofs: Proofs
    duty: DutyNow
    weather: Weather
    news: News
    sparks: Sparks
    acts: Acts
    settings: Settings
    evidence: dict[tuple[str, int], tuple[int, Evidence]] = field(default_factory=dict)
    audit: Watch = field(default_factory=Watch)
    _detectors: dict[str, Detector] = field(default_factory=dict)

    async def detectors(self) -> dict[str, Detector]:
        """Return the detectors of the settings, for their words; they are never given an event."""
        if not self._detectors and self.settings.detectors:
            self._detectors.update(await to_thread.run_sync(build_detectors, self.settings))
        return self._detectors


def new_console(context: Context) -> Console:
    """Return what the console of an application keeps."""
    return Console(
        tables=Tables(context.mirror),
        proofs=Proofs(context.store, tuple(context.settings.channels)),
        duty=DutyNow(context.settings),
        weather=Weather(),
        news=News(),
        sparks=Sparks(context.settings),
        settings=context.settings,
        acts=Acts(Responses(context.store, context.settings.responses)),
    )


def console_of(request: HTTPConnection) -> Console:
    """Return what the console keeps of the application that a request came to."""
    console: Console = request.app.state.console
    return console


async def truth_of(request: HTTPConnection) -> Truth:
    """Return how fresh everything is now."""
    context = context_of(request)
    now_us = context.now_us()
    proofs = await console_of(request).proofs.now(now_us)
    mirror = context.mirror
    return truth(
        context.settings,
        mirror.statuses,
        proofs,
        heard_us=mirror.heard_us,
        away=mirror.away,
        complete=mirror.complete,
        open_=len(mirror.alerts),
        now_us=now_us,
        silent=silent_parts(alert.change for alert in mirror.alerts.values()),
    )
