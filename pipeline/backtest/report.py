"""What a person reads of a backtest on a terminal."""

from pipeline.backtest.intervals import Share
from pipeline.backtest.result import AlertRow, Backtest, Delay, Difference, Figures, GroupCount, Side
from pipeline.backtest.table import indented, table

_GROUPS = 5
_ALERTS = 10
_NONE = "-"


def lines(result: Backtest) -> list[str]:
    """Return the report, line by line."""
    span = f"{_time(result.span_from)} to {_time(result.span_to)} ({result.days:.1f} days)"
    told = [f"{result.events:,} events; judged {span}"]
    if result.labels is not None:
        told[0] += f", by {result.labels.name}"
    if not result.exact:
        told.append("decided again over windows that were scored once (see --exact)")
    sides = [("A", result.a)] if result.b is None else [("A", result.a), ("B", result.b)]
    for name, side in sides:
        title = side.config if result.b is None else f"{name}: {side.config}"
        told += ["", title, *indented(_side(side, labelled=result.labels is not None))]
    if result.difference is not None:
        told += ["", "B against A", *indented(_difference(result.difference, result))]
    return told


def _side(side: Side, *, labelled: bool) -> list[str]:
    rows = [*side.detectors, side.total] if len(side.detectors) > 1 else side.detectors
    head = ["detector", "alerts", "a day", "open", "groups", "judged"]
    body = [
        [_name(one), f"{one.alerts}", _rate(one.per_day), _percent(one.open_share), f"{one.groups}", _judged(one)]
        for one in rows
    ]
    told = table(head, body)
    if labelled:
        head = ["detector", "precision", "recall", "to detect (p90)", "windows", "lead", "false a week", "look-alikes"]
        body = [
            [
                _name(one),
                share_text(one.precision),
                share_text(one.recall) + (f" ({one.already_open} open already)" if one.already_open else ""),
                _delay(one.time_to_detect),
                _windows(one.time_to_detect),
                _lead(one.lead_time),
                _NONE if one.false_per_week is None else _interval(one),
                _NONE
                if one.look_alikes_raised is None
                else f"{one.look_alikes_raised.count} of {one.look_alikes_raised.of}",
            ]
            for one in rows
        ]
        told += ["", *table(head, body)]
        missed = [one for one in side.incidents if one.watched and not one.found_by]
        unwatched = [one for one in side.incidents if not one.watched]
        for what, incidents in (("missed", missed), ("watched by none of these detectors", unwatched)):
            if incidents:
                told += ["", f"{what}: " + "; ".join(f"{one.name} at {_time(one.start)}" for one in incidents)]
    busiest = [(one.detector, group) for one in side.detectors for group in one.by_group[:_GROUPS]]
    if busiest:
        body = [[name, group_text(group), f"{group.alerts}", _rate(group.per_day)] for name, group in busiest]
        told += ["", *table(["detector", "group", "alerts", "a day"], body, left=2)]
    return told


def _difference(found: Difference, result: Backtest) -> list[str]:
    told = [
        f"{found.same} alerts the same, {found.gained_count} gained, {found.lost_count} lost, "
        f"{found.earlier} earlier, {found.later} later"
    ]
    for what, alerts, count in (("gained", found.gained, found.gained_count), ("lost", found.lost, found.lost_count)):
        told += [f"{what}: {alert_text(alert)}" for alert in alerts[:_ALERTS]]
        if count > _ALERTS:
            told.append(f"{what}: and {count - _ALERTS} more (see --json or --out)")
    for moved in found.moved[:_ALERTS]:
        when = "earlier" if moved.later_s < 0 else "later"
        told.append(f"{span_text(abs(moved.later_s))} {when}: {alert_text(moved.after)}")
    names = {one.number: one.name for one in [*result.a.incidents, *(result.b.incidents if result.b else [])]}
    for what, numbers in (("found now", found.gained_incidents), ("missed now", found.lost_incidents)):
        if numbers:
            told.append(f"{what}: " + ", ".join(f"{names[number]} (label {number})" for number in numbers))
    told += [f"worse on recall: {reason}" for reason in found.worse]
    return told


def alert_text(alert: AlertRow) -> str:
    """Return an alert in one line."""
    truth = "" if alert.truth is None else f" [{alert.truth}]"
    until = "open at the end" if alert.ends_at is None else f"to {_time(alert.ends_at)}"
    return f"{alert.detector} {_time(alert.fired_at)} {until}{truth}: {alert.summary}"


def group_text(group: GroupCount) -> str:
    """Return a group in one line."""
    return ", ".join(f"{name}={value}" for name, value in sorted(group.group.items())) or "(all)"


def _name(one: Figures) -> str:
    return "all" if one.detector == "*" else one.detector


def _judged(one: Figures) -> str:
    return f"{one.judged:,} of {one.windows:,}" if one.windows else _NONE


def _rate(value: float) -> str:
    return f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{value * 100:.1f} %"


def share_text(one: Share | None) -> str:
    """Return a share with its interval."""
    return _NONE if one is None else f"{one.count} of {one.of}, {one.value:.2f} [{one.low:.2f}, {one.high:.2f}]"


def _interval(one: Figures) -> str:
    rate = one.false_per_week
    return _NONE if rate is None else f"{rate.value:.2f} [{rate.low:.2f}, {rate.high:.2f}]"


def _delay(one: Delay | None) -> str:
    return _NONE if one is None else f"{span_text(one.median_s)} ({span_text(one.p90_s)})"


def _windows(one: Delay | None) -> str:
    if one is None or one.median_windows is None:
        return _NONE
    return f"{one.median_windows:.1f} ({one.p90_windows:.1f})"


def _lead(one: Delay | None) -> str:
    return _NONE if one is None else f"{one.count}: {span_text(one.median_s)}"


def span_text(seconds: float) -> str:
    """Return a span for people.

    >>> span_text(5400.0)
    '1h30m'
    """
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f}s"
    hours, rest = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [f"{number}{unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "m")) if number]
    return "".join(parts[:2])


def _time(text: str) -> str:
    return text[:16].replace("T", " ")
