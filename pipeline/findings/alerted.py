"""From an alert to the window that opened it, and its story as far as the store tells it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from alerts.model import Account, AlertDetail, rfc3339, to_json
from alerts.store import AlertStore
from detectors.contract import AlertChange, Detector
from detectors.windowed import Windowed
from pipeline.findings.query import NotFoundError, UnreadableError
from pipeline.timeparse import compile_times

_SHOWN = 5
_parse_time = compile_times(["rfc3339"], None)


class _Line(msgspec.Struct, rename="camel"):
    """A line of what ``makegood replay`` writes."""

    status: str
    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    ends_at: str | None
    fingerprint: str


class Moment(NamedTuple):
    """One change of an alert: when, what, and who was told of it, in words."""

    at: str
    status: str
    step: str
    summary: str
    told: list[str]


def from_store(store: AlertStore, prefix: str) -> AlertDetail:
    """Return the one alert whose fingerprint begins so.

    Raises:
        NotFoundError: when there is none, or several.
        StoreUnavailableError: when the store does not answer.
    """
    detail = store.get(prefix)
    if detail is not None:
        return detail
    records = store.list_alerts()
    print_ = _only(prefix, [record.current for record in records])
    detail = store.get(print_)
    if detail is None:
        msg = f"alert {print_} has just been forgotten by the store"
        raise NotFoundError(msg)
    return detail


def from_lines(path: Path, prefix: str) -> AlertDetail:
    """Return the one alert in what a replay wrote whose fingerprint begins so.

    Raises:
        NotFoundError: when there is none, or several.
        UnreadableError: when a line is no alert change.
        OSError: when the file cannot be read.
    """
    decode = msgspec.json.Decoder(_Line).decode
    changes: list[AlertChange] = []
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            changes.append(_change(decode(line)))
        except (msgspec.DecodeError, ValueError) as error:
            msg = f"{path}:{number} is no alert: {error}; expected what `makegood replay --out` writes"
            raise UnreadableError(msg) from error
    print_ = _only(prefix, changes[::-1])
    history = [change for change in changes if change.fingerprint == print_]
    return AlertDetail(current=history[-1], history=history, notifications=[])


def window_of(detail: AlertDetail, detectors: Mapping[str, Detector]) -> tuple[str, dict[str, str], int] | None:
    """Return detector, group and end of the window that opened an alert; None for one of a case detector."""
    labels = detail.current.labels
    name = labels.get("rule") or labels.get("detector", "")
    detector = detectors.get(name)
    if not isinstance(detector, Windowed):
        return None
    group = {label: labels.get(label, "") for label in detector.settings.group_by}
    return name, group, detail.current.starts_at_us


def plain(detail: AlertDetail) -> dict[str, Any]:
    """Return an alert with its history as plain data."""
    history = [{**to_json(change), "step": change.step, "at": rfc3339(change.at_us)} for change in detail.history]
    told = [
        {"receiver": note.receiver, "status": note.status, "undelivered": note.undelivered}
        for note in detail.notifications
    ]
    return {**to_json(detail.current), "history": history, "notifications": told}


def timeline(detail: AlertDetail) -> list[Moment]:
    """Return the changes of an alert in order, each with who was told of it."""
    told: dict[str, list[str]] = {}
    for note in detail.notifications:
        undelivered = ", undelivered" if note.undelivered else ""
        for change_id in note.changes:
            told.setdefault(change_id, []).append(f"told {note.receiver}: {note.status}{undelivered}")
    for account in detail.accounts:
        if account.verdict != "told":
            told.setdefault(account.change_id, []).append(_untold(account))
    return [
        Moment(
            rfc3339(change.at_us)[:19] + "Z",
            change.status,
            change.step,
            change.annotations.get("summary", ""),
            told.get(change.change_id, []),
        )
        for change in detail.history
    ]


_UNTOLD = {
    "known": "had been told that already",
    "replaced": "was told a later change in its place",
    "unwanted": "wants no resolves",
    "never_told": "was not told: it had resolved before",
}


def _untold(account: Account) -> str:
    if account.verdict == "muted":
        return f"{account.receiver} not told: {account.by}"
    return f"{account.receiver} {_UNTOLD[account.verdict]}"


def lines(detail: AlertDetail) -> list[str]:
    """Return the story of an alert for people, line by line."""
    current = detail.current
    told = [f"alert {current.fingerprint}: {current.status}, {current.annotations.get('summary', '')}"]
    if current.annotations.get("description"):
        told.append(f"  {current.annotations['description']}")
    told.append("  " + ", ".join(f"{name}={value}" for name, value in current.labels.items()))
    for moment in timeline(detail):
        what = moment.status if moment.step == moment.status else f"{moment.status} ({moment.step})"
        told.append("; ".join([f"  {moment.at}  {what}: {moment.summary}", *moment.told]))
    return told


def _only(prefix: str, changes: Sequence[AlertChange]) -> str:
    prints = list(dict.fromkeys(change.fingerprint for change in changes))
    found = [print_ for print_ in prints if print_.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    names = {change.fingerprint: change.annotations.get("summary", "") for change in changes}
    listed = "".join(f"\n  {print_}  {names[print_]}" for print_ in (found or prints)[:_SHOWN])
    if found:
        msg = f"several alerts begin with {prefix!r}:{listed}"
    elif prints:
        msg = f"there is no alert or detector {prefix!r}; the newest alerts are{listed}"
    else:
        msg = f"there is no alert or detector {prefix!r}, and no alert at all"
    raise NotFoundError(msg)


def _change(line: _Line) -> AlertChange:
    starts_us = _parse_time(line.starts_at)
    ends_us = None if line.ends_at is None else _parse_time(line.ends_at)
    return AlertChange(
        change_id="",
        step=line.status,
        at_us=starts_us if ends_us is None else ends_us,
        status="firing" if line.status == "firing" else "resolved",
        labels=line.labels,
        annotations=line.annotations,
        starts_at_us=starts_us,
        ends_at_us=ends_us,
        fingerprint=line.fingerprint,
    )
