"""What hides alerts in a run: silences that begin and end, a maintenance window, alerts that inhibit others."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from alerts.model import AlertDetail
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from config.matchers import condition, matchers_of
from detectors.contract import AlertChange

SURE_US = 2_000
"""Times in the store are in milliseconds."""
WINDOW_US = 2_000_000
INHIBITS = {"source_matchers": ["severity=critical"], "target_matchers": ["severity=warning"], "equal": ["service"]}
_WINDOW_MATCHERS = ("service=shop",)
_ABOUT = ("service=pay", "service=shop", 'service=~"pay|ship"', "severity=critical", "alertname=Chaos")


class Hush(msgspec.Struct, frozen=True, kw_only=True):
    """A silence that begins.

    Attributes:
        ends_s: after so long it ends by itself. taken_back: after so many ticks somebody ends it; 0: nobody does.
    """

    about: str
    ends_s: float
    taken_back: int


class Hidden(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which something hides alerts: it may from the first to the last of these, and surely does between.

    Attributes:
        by: the silence's id, the window's name, the number of the rule; with its kind, as accounts say it.
        hides: whether it is about an alert with these labels.
    """

    by: str
    hides: Callable[[Mapping[str, str]], bool]
    may_us: tuple[int, int]
    sure_us: tuple[int, int]


def hush(rng: random.Random) -> Hush | None:
    """Return a silence that begins now, or none."""
    if rng.random() > 0.15:
        return None
    return Hush(about=rng.choice(_ABOUT), ends_s=rng.choice((0.1, 0.5, 30.0)), taken_back=rng.choice((0, 1, 3)))


class Hider:
    """Makes silences and ends them as planned, and remembers when; none is left at the end.

    Args:
        now_us: the clock of Redis, which all share.
        wait: waits that many seconds.
    """

    def __init__(self, store: AlertStore, now_us: Callable[[], int], wait: Callable[[float], object]) -> None:
        self._book = SilenceBook(store)
        self._now_us = now_us
        self._wait = wait
        self._open: list[tuple[str, int]] = []
        self._made: dict[str, Hidden] = {}
        self._window_us: tuple[int, int] | None = None

    def settings(self, *, inhibits: bool, window: bool) -> dict[str, Any]:
        """Return what hides by the settings; a window is open from now on, for some two seconds."""
        found: dict[str, Any] = {"inhibit_rules": [INHIBITS]} if inhibits else {}
        if window:
            end_s = (self._now_us() + WINDOW_US) // 1_000_000
            self._window_us = ((end_s - 60) * 1_000_000, end_s * 1_000_000)
            start = datetime.fromtimestamp(end_s - 60, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            entry = {"matchers": list(_WINDOW_MATCHERS), "zone": "UTC", "start": start, "duration": "60s"}
            found["maintenance_windows"] = {"work": entry}
        return found

    def tick(self, begins: Hush | None) -> None:
        """Let what is planned begin and end."""
        self._open = [(id_, left - 1) for id_, left in self._open]
        for id_, left in self._open:
            if left == 0:
                self._end(id_)
        if begins is None:
            return
        now_us = self._now_us()
        ends_us = now_us + round(begins.ends_s * 1_000_000)
        made = self._book.add([begins.about], ends_us=ends_us, author="chaos", comment="a run", now_us=now_us)
        self._made[made.id] = Hidden(
            by=f"silenced by {made.id}",
            hides=condition(matchers_of([begins.about])),
            may_us=(now_us, ends_us),
            sure_us=(self._now_us(), ends_us),
        )
        self._open.append((made.id, begins.taken_back))

    def end(self) -> None:
        """End all that hides, but for alerts that inhibit others."""
        for id_ in self._made:
            self._end(id_)
        while self._window_us is not None and self._now_us() < self._window_us[1]:
            self._wait(0.02)

    def _end(self, id_: str) -> None:
        one, before_us = self._made[id_], self._now_us()
        self._book.expire(id_, by="chaos", now_us=before_us)
        self._made[id_] = msgspec.structs.replace(
            one,
            may_us=(one.may_us[0], min(one.may_us[1], self._now_us())),
            sure_us=(one.sure_us[0], min(one.sure_us[1], before_us)),
        )

    def hidden(self) -> Iterator[Hidden]:
        """Yield silences and the window."""
        yield from self._made.values()
        if self._window_us is not None:
            hides = condition(matchers_of(_WINDOW_MATCHERS))
            yield Hidden(by="maintenance by work", hides=hides, may_us=self._window_us, sure_us=self._window_us)


def inhibited(applied: Sequence[tuple[AlertChange, int, int]]) -> Iterator[Hidden]:
    """Yield when alerts inhibited others.

    Args:
        applied: changes, each with a time before and one after the store took it, in their order.
    """
    since: dict[str, tuple[int, int]] = {}
    for change, before_us, after_us in applied:
        labels = change.labels
        if labels["severity"] != "critical":
            continue
        if change.status == "firing":
            since.setdefault(change.fingerprint, (before_us, after_us))
        elif change.fingerprint in since:
            from_us = since.pop(change.fingerprint)
            hides = condition(matchers_of(["severity=warning", f"service={labels['service']}"]))
            yield Hidden(
                by="inhibited by 1", hides=hides, may_us=(from_us[0], after_us), sure_us=(from_us[1], before_us)
            )


def hidden_wrongly(detail: AlertDetail, hidden: Sequence[Hidden], slack_us: int) -> Iterator[str]:
    """Yield what was not told and was not hidden then, and what was told that it fires and surely was.

    Args:
        detail: an alert.
        hidden: when something hid alerts.
        slack_us: how long a notifier may have taken to decide.
    """
    labels = detail.current.labels
    statuses = {change.change_id: change.status for change in detail.history}
    about = [one for one in hidden if one.hides(labels)]
    for account in detail.accounts:
        at_us = account.at_us
        if account.verdict == "muted" and not any(
            account.by.startswith(one.by) and one.may_us[0] - slack_us <= at_us <= one.may_us[1] + SURE_US
            for one in about
        ):
            yield f"{account.change_id} is muted at {at_us}: {account.by}; there was {[one.by for one in about]}"
        if account.verdict == "told" and statuses.get(account.change_id) == "firing":
            yield from (
                f"{account.change_id} is told at {at_us}, while {one.by} hid it, {one.sure_us}"
                for one in about
                if one.sure_us[0] < at_us - SURE_US and at_us < one.sure_us[1] - slack_us
            )
