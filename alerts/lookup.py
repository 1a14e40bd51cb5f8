"""Finds the alerts that a person means: by fingerprint, short code, incident, notification, or how that begins."""

import difflib
import re
from typing import Any, Literal

import msgspec

from alerts.codes import ShortCodes, is_code
from alerts.connection import store_errors
from alerts.incidents import Incidents
from alerts.store import AlertStore
from detectors.contract import AlertChange

_INCIDENT = re.compile(r"#?inc[\s-]?(\d{1,12})", re.IGNORECASE)
_NOTE = re.compile(r"mg-[0-9a-f]{0,32}")
_PRINT = re.compile(r"[0-9a-f]{1,16}")
_NEAR = 5
_SCAN = 1000


class _Listed(msgspec.Struct, frozen=True):
    """Of an alert in a notification, what is needed here."""

    fingerprint: str


class _Told(msgspec.Struct, frozen=True):
    """Of a notification, what is needed here."""

    alerts: tuple[_Listed, ...]
    group: str = ""
    truncated: dict[str, int] = {}


_to_told = msgspec.json.Decoder(_Told)


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What was meant.

    Attributes:
        kind: of the name that was given. name: in full.
        alerts: as they are now, those that fire first; at least one.
    """

    kind: Literal["alert", "incident", "notification"]
    name: str
    alerts: tuple[AlertChange, ...]

    @property
    def meant(self) -> tuple[AlertChange, ...]:
        """Those that a response is for: the alert itself; of an incident or a notification those that fire."""
        if self.kind == "alert":
            return self.alerts
        return tuple(alert for alert in self.alerts if alert.status == "firing")


class NotFoundError(Exception):
    """Nothing is called so, or several are.

    Attributes:
        near: alerts that may have been meant.
    """

    def __init__(self, message: str, near: tuple[AlertChange, ...] = ()) -> None:
        super().__init__(message)
        self.near = near


class Lookup:
    """Finds alerts in a store.

    Args:
        store: of the alerts.
        incidents: of the same store; both are attributes.
    """

    def __init__(self, store: AlertStore, incidents: Incidents) -> None:
        self.store = store
        self.incidents = incidents
        self._codes = ShortCodes(store)

    def find(self, text: str) -> Found:
        """Return what ``text`` names.

        A beginning must be unique among the alerts that fire, or, where none of them begins so, among all.

        Raises:
            NotFoundError: nothing or several are called so; names what may have been meant.
            StoreUnavailableError: when Redis cannot be used now.
        """
        name = text.strip()
        incident = _INCIDENT.fullmatch(name)
        if incident is not None:
            return self._incident(int(incident[1]))
        lower = name.lower()
        if _NOTE.fullmatch(lower):
            return self._notification(lower)
        code = name.removeprefix("#")
        if is_code(code):
            print_ = self._codes.fingerprint(code)
            alerts = () if print_ is None else self._current([print_])
            if alerts:
                return Found(kind="alert", name=alerts[0].fingerprint, alerts=alerts)
        return self._alert(lower, name)

    def _alert(self, begins: str, written: str) -> Found:
        if len(begins) == 16 and _PRINT.fullmatch(begins):
            exact = self._current([begins])
            if exact:
                return Found(kind="alert", name=begins, alerts=exact)
        known = [record.current for record in self.store.list_alerts()]
        found = [alert for alert in known if begins and alert.fingerprint.startswith(begins)]
        firing = [alert for alert in found if alert.status == "firing"]
        hits = firing or found
        if len(hits) == 1:
            return Found(kind="alert", name=hits[0].fingerprint, alerts=(hits[0],))
        if hits:
            msg = f"{written}: {len(hits)} alerts begin so; give more of the fingerprint"
            raise NotFoundError(msg, tuple(hits[:_NEAR]))
        msg = f"there is no alert {written}; `makegood alerts --status all` lists those there are"
        raise NotFoundError(msg, nearest(begins, known))

    def _incident(self, number: int) -> Found:
        detail = self.incidents.get(number, 0, most=1_000_000)
        if detail is None:
            msg = f"there is no incident INC-{number}; `makegood incidents list --status all` lists those there are"
            raise NotFoundError(msg)
        alerts = self._current(list(dict.fromkeys(member.change.fingerprint for member in detail.members)))
        return self._some("incident", detail.incident.name, alerts)

    def _notification(self, begins: str) -> Found:
        keys = self.store.keys
        with store_errors():
            names = {keys.note(begins)} if self.store.client.exists(keys.note(begins)) else set()
            if not names:
                pattern = re.sub(r"([\\*?\[\]^])", r"\\\1", keys.note(begins)) + "*"
                names = set(self.store.client.scan_iter(match=pattern, count=_SCAN))
            if len(names) != 1:
                told = f"{len(names)} notifications begin so" if names else "there is no such notification"
                msg = f"{begins}: {told}; `makegood alerts FINGERPRINT` shows the keys of an alert's notifications"
                raise NotFoundError(msg)
            (name,) = names
            body = self.store.client.hget(name, "body")
            draft = _Told(alerts=()) if body is None else _to_told.decode(body)
            prints = [alert.fingerprint for alert in draft.alerts]
            if draft.truncated:  # what was not listed: what is in its group now
                group = self.store.client.hget(name, "group") or ""
                prints += sorted(self.store.client.smembers(keys.named(f"members:{group}")))
        return self._some("notification", name.removeprefix(keys.note("")), self._current(list(dict.fromkeys(prints))))

    def _some(self, kind: Literal["incident", "notification"], name: str, alerts: tuple[AlertChange, ...]) -> Found:
        if not alerts:
            msg = f"{name}: its alerts have resolved long ago, and are no longer kept"
            raise NotFoundError(msg)
        return Found(kind=kind, name=name, alerts=alerts)

    def _current(self, fingerprints: list[str]) -> tuple[AlertChange, ...]:
        """Return those of the alerts that there are, those that fire first."""
        with store_errors():
            pipeline = self.store.client.pipeline(transaction=False)
            for print_ in fingerprints:
                pipeline.hget(self.store.keys.alert(print_), "current")
            texts: list[Any] = pipeline.execute()
        found = [msgspec.json.decode(text, type=AlertChange) for text in texts if text is not None]
        return tuple(sorted(found, key=lambda alert: (alert.status != "firing", alert.starts_at_us, alert.fingerprint)))


def nearest(written: str, alerts: list[AlertChange]) -> tuple[AlertChange, ...]:
    """Return at most five alerts that may have been meant: by what they are about, then by a slip of the finger."""
    if not written:
        return ()
    about = [alert for alert in alerts if any(written in text.lower() for text in _texts(alert))]
    prints = {alert.fingerprint: alert for alert in alerts}
    by_print = {print_[: len(written)]: print_ for print_ in prints}
    slips = difflib.get_close_matches(written, by_print, n=_NEAR, cutoff=0.7)
    found = dict.fromkeys([alert.fingerprint for alert in about] + [by_print[slip] for slip in slips])
    ranked = sorted(found, key=lambda print_: prints[print_].status != "firing")
    return tuple(prints[print_] for print_ in ranked[:_NEAR])


def _texts(alert: AlertChange) -> list[str]:
    return [*alert.labels.values(), alert.annotations.get("summary", "")]
