"""What all screens of one application share: what is known is put together once, however many ask."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from hashlib import blake2s

import anyio.to_thread

from alerts.statuses import Status
from config.secret import SecretMissingError
from config.settings import Settings
from dashboards.context import Context
from dashboards.freshness import truth
from dashboards.freshness_layers import silent_parts
from dashboards.freshness_model import Proof
from dashboards.mirror import Mirror
from dashboards.outside import acknowledging, in_hand_of
from dashboards.proofs import Proofs
from dashboards.storm import STANDING_US, STARTS_OPEN, StormRule, line_of
from dashboards.wall.chain import chain
from dashboards.wall.delivery import Counted, Counts
from dashboards.wall.duty import OnDuty
from dashboards.wall.model import Duty, Hop, View
from dashboards.wall.options import Options
from dashboards.wall.page import Shown, render, shown_now
from dashboards.wall.rows import Open, owner_of
from dashboards.wall.services import Known, told_places
from dashboards.wall.view import Seen, view_of
from dashboards.wall.words import Codes

_EVERY_US = 1_000_000
_EVERY_IN_STORM_US = 2_000_000
_MOST_RENDERED = 64


class Desk:
    """Keeps what screens were shown last. Used on the event loop's thread.

    Args:
        context: of the application.
    """

    def __init__(self, context: Context) -> None:
        settings = context.settings
        self._context = context
        self._counts = Counts(context.store, context.now_us)
        self._duty = OnDuty(settings, context.now_us)
        self._proofs = Proofs(context.store, tuple(settings.channels))
        self._known = Known()
        self._codes = Codes(_key(settings))
        self._storm = StormRule()
        self._lock = asyncio.Lock()
        self._views: dict[bool, tuple[int, int, tuple[Status, ...], View]] = {}
        self._opened: tuple[View, str] | None = None
        self._rendered: dict[tuple[Options, Shown], tuple[View, str, str]] = {}

    async def view(self, *, hide: bool) -> View:
        """Return what is shown now; at most a second old, two in a storm.

        Args:
            hide: customers are codes.
        """
        context = self._context
        counted, duty = await self._counts.now(), await self._duty.now()
        proofs = await self._proofs.now(context.now_us())
        async with self._lock:
            known = self._known_view(hide)
            return await self._made(hide, counted, duty, proofs) if known is None else known

    def _known_view(self, hide: bool) -> View | None:
        """Return what was put together lately, if it still holds."""
        known, mirror = self._views.get(hide), self._context.mirror
        every_us = _EVERY_IN_STORM_US if len(mirror.alerts) >= STARTS_OPEN else _EVERY_US
        if known is None or not 0 <= self._context.now_us() - known[0] < every_us:
            return None
        same = known[1] == mirror.version and known[2] is mirror.statuses
        return known[3] if same or every_us > _EVERY_US else None

    async def _made(
        self,
        hide: bool,
        counted: Counted | None,
        duty: tuple[Duty, ...],
        proofs: Mapping[str, Proof] | None,
    ) -> View:
        """Put together what is shown now, and keep it."""
        context, now_us = self._context, self._context.now_us()
        mirror = context.mirror
        version, statuses = mirror.version, mirror.statuses
        found = list(_open(mirror, now_us))
        waiting = [
            (line_of(one.alert.labels), one.alert.since.ms * 1000)
            for one in found
            if mirror.state(one.alert, now_us) == "open" and now_us - one.alert.since.ms * 1000 <= STANDING_US
        ]
        storm_us = self._storm.since(waiting, now_us)
        flows = [one for one in statuses if one.kind == "flow"]
        seen = Seen(
            truth=truth(
                context.settings,
                statuses,
                proofs,
                heard_us=mirror.heard_us,
                away=mirror.away,
                complete=mirror.complete,
                open_=len(mirror.alerts),
                now_us=now_us,
                silent=silent_parts(alert.change for alert in mirror.alerts.values()),
            ),
            hops=self.hops(now_us),
            open=found,
            hidden=len(mirror.alerts) - len(found),
            statuses=statuses,
            known=self._known.see(told_places(flows), now_us),
            counted=counted,
            duty=duty,
            complete=mirror.complete,
            storm_ms=0 if storm_us is None else storm_us // 1000,
        )
        codes = self._codes if hide else None
        if len(found) < STARTS_OPEN:
            view = view_of(seen, context.settings, codes)
        else:  # it takes a while, and others are waiting for the loop
            view = await anyio.to_thread.run_sync(view_of, seen, context.settings, codes)
        before = self._views.get(hide)
        if before is not None and before[3] == view:
            view = before[3]  # the same object: what was made of it is still good
        self._views[hide] = now_us, version, statuses, view
        return view

    def hops(self, now_us: int) -> tuple[Hop, ...]:
        """Return the links of the chain by which a beat comes here."""
        mirror = self._context.mirror
        flows: list[Status] = [one for one in mirror.statuses if one.kind == "flow"]
        return chain(
            self._context.settings,
            flows,
            heard_us=mirror.heard_us,
            away=mirror.away,
            complete=mirror.complete,
            now_us=now_us,
        )

    def rendered(self, view: View, options: Options, now_us: int) -> tuple[str, str]:
        """Return what a screen shows, as HTML without ages, and what tells it from anything else."""
        shown = shown_now(view, options, now_us)
        known = self._rendered.get((options, shown))
        if known is None or known[0] is not view:
            html = render(view, options, shown)
            known = view, html, blake2s(html.encode(), digest_size=12).hexdigest()
            self._rendered.pop((options, shown), None)
            self._rendered[options, shown] = known
            while len(self._rendered) > _MOST_RENDERED:
                del self._rendered[next(iter(self._rendered))]
        return known[1], known[2]

    def opened(self, view: View) -> str:
        """Return what tells the rows from others, whatever they and all else say of themselves meanwhile."""
        if self._opened is None or self._opened[0] is not view:
            rows = [(row.priority, row.subject, row.where, row.count, row.owner) for row in view.rows]
            self._opened = view, blake2s(repr((view.open, rows)).encode(), digest_size=12).hexdigest()
        return self._opened[1]


def _open(mirror: Mirror, now_us: int) -> Iterator[Open]:
    """Yield the alerts that nothing hides; what another program says is in somebody's hand, is not hidden."""
    elsewhere = acknowledging(mirror.silences)
    for print_, one in mirror.alerts.items():
        mutes = mirror.mutes(print_, now_us)
        if not mutes:
            yield Open(one, owner_of(one, now_us))
        elif owner := in_hand_of(mutes, elsewhere):
            yield Open(one, owner)


def _key(settings: Settings) -> bytes:
    """Return what codes are made with: the secret of pseudonyms, so that they are the same everywhere and always."""
    if settings.redaction.pseudonyms is not None:
        try:
            return settings.redaction.pseudonyms.resolve().get_secret_value().encode()
        except SecretMissingError:
            pass  # `makegood check` tells of it; until then codes hold as long as this process
    return secrets.token_bytes(32)
