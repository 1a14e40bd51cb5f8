"""What the console keeps between requests: ``app.state.console``."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection

from alerts.responses import Responses
from dashboards.console.acts import Acts
from dashboards.console.onduty import DutyNow
from dashboards.console.sparks import Sparks
from dashboards.console.storm import Weather
from dashboards.console.table import Tables
from dashboards.context import Context, context_of
from dashboards.freshness import Truth, truth
from dashboards.proofs import Proofs


@dataclass(frozen=True, slots=True)
class Console:
    """Of one application.

    Attributes:
        tables: of open alerts. weather: whether there is a flood of them. sparks: small lines beside rows.
        proofs: of channels. duty: who is on duty.
        acts: what people did lately.
    """

    tables: Tables
    proofs: Proofs
    duty: DutyNow
    weather: Weather
    sparks: Sparks
    acts: Acts


def new_console(context: Context) -> Console:
    """Return what the console of an application keeps."""
    return Console(
        tables=Tables(context.mirror),
        proofs=Proofs(context.store, tuple(context.settings.channels)),
        duty=DutyNow(context.settings),
        weather=Weather(),
        sparks=Sparks(context.settings),
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
    )
