"""The whole wall, out of what is known. Pure: time is an argument, and nothing is kept."""

from collections.abc import Iterable, Sequence

import msgspec

from alerts.statuses import Status
from config.settings import Settings
from dashboards.freshness_model import Layer, Sign, Truth, believed
from dashboards.wall.delivery import Counted, delivery_of
from dashboards.wall.figures import figures_of
from dashboards.wall.model import Bad, Duty, Feeds, Hop, Shared, State, View
from dashboards.wall.rows import Open, latest_of, rows_of, shared
from dashboards.wall.services import Place, services_of, told_places
from dashboards.wall.words import Codes

_MOST_ROWS = 12
_LATEST = 6
_MOST_BAD = 4
_LAYER_WORDS = {"late": "late", "stale": "silent", "never": "never heard", "unknown": "unknown"}


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What is known at one time.

    Attributes:
        truth: how fresh it is. hops: of the beat.
        open: what is open. hidden: how many alerts are not shown: silenced, inhibited, under maintenance.
        statuses: what processes said last.
        known: places that were told of lately.
        counted: of notifications; None: it could not be read.
        duty: who is on duty.
        complete: whether the store was read at all.
        storm_ms: since when there is a storm; 0: there is none.
    """

    truth: Truth
    hops: tuple[Hop, ...]
    open: Sequence[Open]
    hidden: int
    statuses: Sequence[Status]
    known: Sequence[Place]
    counted: Counted | None
    duty: tuple[Duty, ...]
    complete: bool
    storm_ms: int = 0


def view_of(seen: Seen, settings: Settings, codes: Codes | None) -> View:
    """Return what a wall shows.

    Args:
        seen: what is known.
        settings: of everything.
        codes: put in the place of customers; None: customers are shown.
    """
    now_us, truth = seen.truth.at_us, seen.truth
    names = ("customer", *settings.redaction.labels)
    flows = [one for one in seen.statuses if one.kind == "flow" and believed(one, now_us)]
    blind = is_blind(seen)
    rows = rows_of(seen.open, codes, names)
    if seen.storm_ms:  # what explains most comes first
        rows.sort(key=lambda row: (row.priority, row.in_hand, -row.count))
    counts = tuple(sum(row.priority == number for row in rows) for number in (1, 2, 3))
    missing = tuple(_missing(truth, seen.hops))
    return View(
        state=_state(seen, missing),
        open=len(seen.open),
        hidden=seen.hidden,
        counts=(counts[0], counts[1], counts[2]),
        unowned=sum(row.priority < 3 and not row.in_hand for row in rows),
        rows=tuple(rows[:_MOST_ROWS]),
        shared=tuple(_shown(shared(seen.open), codes, names)) if seen.storm_ms else (),
        storm_ms=seen.storm_ms,
        missing=missing,
        services=tuple(services_of(seen.open, told_places(flows), seen.known, blind=blind)),
        figures=tuple(figures_of(settings, seen.open, flows, blind=blind)),
        latest=tuple(latest_of(seen.open, _LATEST, codes, names)),
        delivery=delivery_of(seen.counted, truth),
        feeds=_feeds(truth.feeds),
        duty=seen.duty,
    )


def is_blind(seen: Seen) -> bool:
    """Return whether nothing that detectors have judged can be taken for what is so now."""
    feeds = seen.truth.feeds.signs
    silent = bool(feeds) and all(sign.state not in {"fresh", "late"} for sign in feeds)
    # While a part of a feed cannot be reached, time stands still in the flow: no window closes.
    held = any(one.report.get("unreachable") for one in seen.statuses if one.kind == "flow")
    broken = any(hop.why or hop.age_ms is None or hop.age_ms > hop.stale_ms for hop in seen.hops)
    return not seen.complete or silent or held or broken


def _state(seen: Seen, missing: Sequence[Bad]) -> State:
    if not seen.complete:
        return "starting"
    if seen.open:
        return "storm" if seen.storm_ms else "open"
    return "blind" if missing else "calm"


def _missing(truth: Truth, hops: Sequence[Hop]) -> Iterable[Bad]:
    yield from (Bad(text=hop.why) for hop in hops if hop.why)
    for layer in truth.layers:
        if layer.state == "fresh" or layer.name == "store":
            continue  # how old the store is, the screen says itself
        bad = [sign for sign in layer.signs if sign.state != "fresh"]
        since = min((sign.heard_us for sign in bad if sign.heard_us is not None), default=0)
        yield Bad(text=_layer_words(layer, bad), since_ms=since // 1000)


def _layer_words(layer: Layer, bad: Sequence[Sign]) -> str:
    if layer.name == "notifier":
        return "no notifier: nobody is told"
    if not layer.signs:
        return layer.says
    if layer.name == "channels":
        return f"{len(bad)} of {len(layer.signs)} channels not proved"
    noun = layer.name[:-1] if len(bad) == 1 else layer.name
    word = _LAYER_WORDS[bad[0].state] if layer.name == "feeds" else "not judging"
    return f"{len(bad)} {noun} {word}: {', '.join(sign.name for sign in bad[:2])}" + (" …" if len(bad) > 2 else "")


def _feeds(layer: Layer) -> Feeds:
    bad = [sign for sign in layer.signs if sign.state != "fresh"]
    newest = max((sign.heard_us for sign in layer.signs if sign.heard_us is not None), default=0)
    return Feeds(
        live=layer.fresh,
        all=len(layer.signs),
        bad=tuple(Bad(text=sign.name, since_ms=(sign.heard_us or 0) // 1000) for sign in bad[:_MOST_BAD]),
        newest_ms=newest // 1000,
    )


def _shown(found: Iterable[Shared], codes: Codes | None, names: Sequence[str]) -> Iterable[Shared]:
    for one in found:
        if one.label not in names:
            yield one
        elif codes is not None:
            yield Shared(one.label, codes.code(one.value), one.percent)
