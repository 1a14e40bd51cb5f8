"""The alerts of the mirror as they are answered: each encoded once, and found by its labels.

An alert is encoded again only when it, or what hides it, has changed; the answer with all alerts is a join of bytes.
Read and changed on the event loop's thread, as the mirror is.
"""

from collections.abc import Sequence

from alerts.muting import Mute
from alerts.push_model import Pushed
from dashboards.api.v2.found import Labels
from dashboards.api.v2.wanted import Wanted
from dashboards.api.v2.wire import alert_parts, status_json, time_text
from dashboards.mirror import Mirror, OpenAlert

_MINUTE_US = 60_000_000
_FAR_US = 2**62


class Entry:
    """One alert.

    Attributes:
        mutes: what hides it. acked: whether somebody has it in hand.
        ends_us: when it ends, if nobody says otherwise; 0: nobody has said.
        head, tail: what stands before its end, and behind it.
    """

    __slots__ = (
        "_behind",
        "_middle",
        "acked",
        "alert",
        "ends",
        "ends_us",
        "head",
        "inhibited",
        "mutes",
        "silenced",
        "tail",
    )

    def __init__(self, alert: OpenAlert, mutes: tuple[Mute, ...], pushed: Pushed | None, *, acked: bool) -> None:
        self.alert = alert
        self.acked = acked
        self.head, self._middle, self._behind = alert_parts(alert, pushed, acked=acked)
        self.ends_us = 0 if pushed is None else pushed.ends_us
        self.ends = b"" if pushed is None else time_text(pushed.ends_us).encode()
        self.hide(mutes)

    def hide(self, mutes: tuple[Mute, ...]) -> None:
        """Note what hides it now."""
        self.mutes = mutes
        self.tail = self._middle + status_json(mutes) + self._behind
        self.silenced = any(mute.kind == "silenced" for mute in mutes)
        self.inhibited = any(mute.kind == "inhibited" for mute in mutes)

    def wanted(self, what: Wanted) -> bool:
        """Return whether a request asks for its class and its receivers."""
        if not what.active and not self.mutes:
            return False
        if (not what.silenced and self.silenced) or (not what.inhibited and self.inhibited):
            return False
        return what.receiver is None or any(map(what.receiver, self.alert.receivers))


class Board:
    """All alerts that fire.

    Args:
        mirror: of them.
        timeout_us: the resolve timeout: how far ahead the end is of which nobody has said.
    """

    def __init__(self, mirror: Mirror, timeout_us: int) -> None:
        self._mirror = mirror
        self._timeout_us = timeout_us
        self._entries: dict[str, Entry] = {}
        self._labels = Labels()
        self._heard: dict[str, Pushed] = {}
        self._lapses: dict[str, int] = {}
        self._seen = (-1, -1)
        self._from_us = 0
        self._until_us = 0
        self._whole: tuple[int, int, bytes] = (0, 0, b"")

    def heard(self, fingerprint: str, pushed: Pushed) -> None:
        """Note what was said of an alert just now: the store tells of it only when something else has changed."""
        entry = self._entries.get(fingerprint)
        if entry is not None:  # else the mirror reads it with the alert
            self._heard[fingerprint] = pushed
            self._put(entry.alert, entry.mutes, acked=entry.acked)

    def select(self, what: Wanted, now_us: int) -> list[Entry]:
        """Return the alerts that are asked for, by their fingerprints."""
        self._refresh(now_us)
        entries = self._entries
        found = [entries[print_] for print_ in self._labels.find(what.matchers)]
        if what._replace(matchers=(), muted=True).all:
            return found
        return [entry for entry in found if entry.wanted(what)]

    def answer(self, what: Wanted, now_us: int) -> bytes:
        """Return the alerts that are asked for, as a JSON array."""
        if not what.all:
            return b"".join(self._joined(self.select(what, now_us), now_us)) + b"\n"
        self._refresh(now_us)
        from_us, until_us, body = self._whole
        if not from_us <= now_us < until_us:
            entries = self.select(what, now_us)
            until_us = now_us - now_us % _MINUTE_US + _MINUTE_US
            until_us = min([until_us, *(entry.ends_us for entry in entries if entry.ends_us > now_us)])
            body = b"".join(self._joined(entries, now_us)) + b"\n"
            self._whole = (now_us, until_us, body)
        return body

    def _joined(self, entries: Sequence[Entry], now_us: int) -> list[bytes]:
        if not entries:
            return [b"[]"]
        # Whole minutes, so that an answer stays the same for a while.
        ends = time_text(now_us - now_us % _MINUTE_US + _MINUTE_US + self._timeout_us).encode()
        parts = [b"["]
        for entry in entries:
            parts += (entry.head, entry.ends if entry.ends_us > now_us else ends, entry.tail, b",")
        parts[-1] = b"]"
        return parts

    def encoded(self, entries: Sequence[Entry], now_us: int) -> bytes:
        """Return alerts as a JSON array, without a line's end."""
        return b"".join(self._joined(entries, now_us))

    def _refresh(self, now_us: int) -> None:
        mirror = self._mirror
        seen = (mirror.version, mirror.mutes_version(now_us))
        if seen == self._seen and self._from_us <= now_us < self._until_us:
            return
        hidden_otherwise = seen[1] != self._seen[1]
        if seen != self._seen:
            entries = self._entries
            for print_, alert in mirror.alerts.items():
                entry = entries.get(print_)
                if entry is not None and entry.alert is alert and not hidden_otherwise:
                    continue
                mutes = mirror.mutes(print_, now_us)
                if entry is None or entry.alert is not alert:
                    self._put(alert, mutes, acked=alert.acknowledged(now_us))
                elif entry.mutes is not mutes and entry.mutes != mutes:
                    entry.hide(mutes)
                    self._whole = (0, 0, b"")
            if len(entries) != len(mirror.alerts):
                for print_ in entries.keys() - mirror.alerts.keys():
                    self._remove(print_)
        for print_ in list(self._lapses):
            entry = self._entries[print_]
            acked = entry.alert.acknowledged(now_us)
            if acked != entry.acked:
                self._put(entry.alert, entry.mutes, acked=acked)
        self._seen = seen
        self._from_us = now_us
        self._until_us = min((until for until in self._lapses.values() if until > now_us), default=_FAR_US)

    def _put(self, alert: OpenAlert, mutes: tuple[Mute, ...], *, acked: bool) -> None:
        print_ = alert.fingerprint
        pushed, heard = alert.pushed, self._heard.get(print_)
        if heard is not None and (pushed is None or heard.heard_us > pushed.heard_us):
            pushed = heard
        elif heard is not None:
            del self._heard[print_]
        if print_ not in self._entries:
            self._labels.add(print_, alert.labels)
        self._entries[print_] = Entry(alert, mutes, pushed, acked=acked)
        self._whole = (0, 0, b"")
        acknowledgement = alert.acknowledgement
        if acknowledgement is not None and acknowledgement.until_us is not None:
            self._lapses[print_] = acknowledgement.until_us
        else:
            self._lapses.pop(print_, None)

    def _remove(self, print_: str) -> None:
        entry = self._entries.pop(print_)
        self._whole = (0, 0, b"")
        self._labels.remove(print_, entry.alert.labels)
        self._lapses.pop(print_, None)
        self._heard.pop(print_, None)
