"""Alerts that others send to us, kept in Redis: taken, and ended when nobody says any more that they fire."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import Scripts, StoreUnavailableError, store_errors
from alerts.push_model import Given, Pushed, Step, lapse, steps
from alerts.store import AlertStore
from detectors.contract import AlertChange
from detectors.fingerprint import fingerprint

__all__ = ["Given", "Pushed", "Pushes", "Step"]

_TRIES = 20
_AT_ONCE = 500
_MOST_ROUNDS = 200
_FASTER, _USED = -1, -2
_json = msgspec.json.Encoder(order="deterministic")
_to_change = msgspec.json.Decoder(AlertChange)
to_pushed = msgspec.json.Decoder(Pushed)
"""Reads what the field ``pushed`` of an alert holds."""


class Pushes:
    """The alerts that others send to the store. May be used by several threads and processes.

    Each alert is one atomic step: what is known of it, by when it is to be heard of again, and the change of it.

    Args:
        store: of the alerts.
        timeout_us: the resolve timeout.
    """

    def __init__(self, store: AlertStore, timeout_us: int) -> None:
        self._store = store
        self._client: Any = store.client
        self._keys = store.keys
        self._timeout_us = timeout_us
        folder = Path(__file__).parent
        self._scripts = Scripts(store.client, folder, [folder / "push.lua"])

    def put(self, alerts: Iterable[Given], now_us: int) -> dict[str, Step]:
        """Take alerts; return, by fingerprint, what is known of each now, and the last change that followed.

        Sending the same again has no effect but that they fire longer.

        Raises:
            StoreUnavailableError: some of them may have been taken; send all of them again.
        """
        waiting: dict[str, list[Given]] = {}
        for alert in alerts:
            labels = {name: value for name, value in alert.labels.items() if value}
            waiting.setdefault(fingerprint(labels), []).append(msgspec.structs.replace(alert, labels=labels))
        found: dict[str, Step] = {}
        prints = list(waiting)
        for start in range(0, len(prints), _AT_ONCE):
            part = {print_: waiting[print_] for print_ in prints[start : start + _AT_ONCE]}
            found |= self._put(part, now_us)
        return found

    def end_due(self, now_us: int) -> int:
        """End the alerts of which nobody has said in time that they still fire; return how many.

        Raises:
            StoreUnavailableError: those that are left are ended next time.
        """
        ended = 0
        for _ in range(_MOST_ROUNDS):
            with store_errors():
                due = self._client.zrangebyscore(
                    self._keys.named("pushed:until"), "-inf", now_us // 1000, start=0, num=_AT_ONCE
                )
            if not due:
                break
            read = self._read(due)
            calls = [self._ending(print_, read[print_], now_us) for print_ in due]
            answers = self._scripts.run_many("apply", calls)
            ended += sum(1 for answer in answers if answer == 1)  # others were heard of just now, or ended by others
        return ended

    def _put(self, waiting: Mapping[str, Sequence[Given]], now_us: int) -> dict[str, Step]:
        found: dict[str, Step] = {}
        skips: dict[str, int] = {}
        left = dict(waiting)
        for _ in range(_TRIES):
            calls: list[tuple[str | int, ...]] = []
            places: list[str] = []
            for print_, (text, before) in self._read(list(left)).items():
                for expected, step in self._steps(text, before, left[print_], now_us, skips.get(print_, 0)):
                    calls.append(self._call(print_, expected, step))
                    places.append(print_)
                    last = found.get(print_)
                    found[print_] = step if last is None or step.change else Step(step.pushed, last.change)
            again = set()
            for print_, answer in zip(places, self._scripts.run_many("apply", calls), strict=True):
                if answer == _USED:  # of a time that was forgotten since
                    skips[print_] = 2 * skips.get(print_, 0) + 1
                if answer in (_FASTER, _USED):
                    again.add(print_)
                    found.pop(print_, None)
            left = {print_: given for print_, given in left.items() if print_ in again}
            if not left:
                return found
        msg = f"alert {next(iter(left))} changes all the time; send it again"
        raise StoreUnavailableError(msg)

    def _steps(
        self, text: str, before: AlertChange | None, given: Sequence[Given], now_us: int, skip: int
    ) -> Iterator[tuple[str, Step]]:
        known = to_pushed.decode(text) if text else None
        for one in given:
            for step in steps(known, one, now_us, self._timeout_us, before=before, skip=skip):
                yield text, step
                known, before, skip = step.pushed, step.change or before, 0
                text = _json.encode(known).decode()

    def _read(self, prints: Sequence[str]) -> dict[str, tuple[str, AlertChange | None]]:
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for print_ in prints:
                pipeline.hmget(self._keys.alert(print_), "pushed", "current")
            answers = pipeline.execute()
        return {
            print_: (pushed or "", None if current is None else _to_change.decode(current))
            for print_, (pushed, current) in zip(prints, answers, strict=True)
        }

    def _ending(self, print_: str, read: tuple[str, AlertChange | None], now_us: int) -> tuple[str | int, ...]:
        text, before = read
        known = to_pushed.decode(text) if text else None
        if known is None or before is None or not known.firing:
            return self._call(print_, text, None)
        if known.ends_us > now_us:
            return self._call(print_, text, Step(known, None))
        return self._call(print_, text, lapse(known, before, now_us))

    def _call(self, print_: str, expected: str, step: Step | None) -> tuple[str | int, ...]:
        if step is None:  # nothing is known of it any more: it is not waited for
            return (self._keys.prefix, "", print_, expected, "", "", "")
        pushed, change = step
        # An end within a millisecond is over when all of that is.
        until: str | int = -(-pushed.ends_us // 1000) if pushed.firing else ""
        record = _json.encode(pushed).decode()
        if change is None:
            return (self._keys.prefix, "", print_, expected, record, until, "")
        _script, arguments = self._store.writing(change)
        return (*arguments, print_, expected, record, until, "apply")
