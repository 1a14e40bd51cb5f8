"""What the commands of ``makegood silence`` work with: settings, store, silences, the time."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import noting, shell

if TYPE_CHECKING:
    from alerts.model import AlertRecord
    from alerts.preview import Preview
    from alerts.silences import SilenceBook
    from alerts.silencing import Silence
    from alerts.store import AlertStore
    from config.settings import Settings


_SHOWN = 8


class Desk:
    """The settings, the store, the silences and the time of one command."""

    def __init__(self, settings: "Settings", store: "AlertStore", book: "SilenceBook", now_us: int) -> None:
        self.settings = settings
        self.store = store
        self.book = book
        self.now_us = now_us

    def hidden(self, matches: Callable[[Mapping[str, str]], bool]) -> "list[AlertRecord]":
        """Return the alerts that fire now and match."""
        return [one for one in self.store.list_alerts(status="firing") if matches(one.current.labels)]

    def hiding(self, matchers: Iterable[str]) -> "list[AlertRecord]":
        """Return the alerts that fire now and that a silence with these matchers would hide."""
        from config.matchers import condition, matchers_of

        return self.hidden(condition(matchers_of(matchers)))

    def unseen(self, matchers: Iterable[str]) -> list[str]:
        """Return, of matchers that want one value, those that no alert in the store has; with the values there are."""
        from config.matchers import matchers_of

        labels = [one.current.labels for one in self.store.list_alerts()]
        told = []
        for matcher in matchers_of(matchers):
            values = sorted({found[matcher.label] for found in labels if found.get(matcher.label)})
            if matcher.operator != "=" or matcher.value in values or not labels:
                continue
            near = difflib.get_close_matches(matcher.value, values, n=1)
            some = ", ".join(values[:_SHOWN]) + (", ..." if len(values) > _SHOWN else "")
            there = f"there are: {some}" if values else f"none has a label {matcher.label}"
            meant = f"; did you mean {matcher.label}={near[0]}?" if near else ""
            told.append(f"no alert in the store has {matcher}{meant} ({there})")
        return told

    def note(self, did: str, before: "Silence | None", after: "Silence", *, by: str, why: str = "") -> None:
        """Write to the audit log what has become of a silence."""
        noting.note(
            self.store,
            f"silence.{did}",
            f"silence:{after.id}",
            by=by,
            before=None if before is None else _plain(before),
            after=_plain(after),
            why=why,
        )

    def window(self, name: str, from_us: int, to_us: int) -> "Preview":
        """Return what a maintenance window would have hidden in a span.

        Raises:
            UserError: when there is no such window.
        """
        from alerts.maintenance import Maintenance
        from alerts.preview import window_preview

        settings = self.settings.maintenance_windows.get(name)
        if settings is None:
            known = ", ".join(sorted(self.settings.maintenance_windows)) or "none"
            msg = f"--window {name}: the settings have no such maintenance window; there are: {known}"
            raise shell.UserError(msg)
        windows = Maintenance({name: settings})
        return window_preview(self.store, windows, name, from_us=from_us, to_us=to_us)


@contextmanager
def desk(config: Path) -> Iterator[Desk]:
    """Open the store of a settings file, and look at the clock."""
    from alerts.opening import open_store
    from alerts.silences import SilenceBook
    from pipeline.clock import wall_clock_us

    settings = shell.load(config)
    with open_store(settings.store) as store:
        yield Desk(settings, store, SilenceBook(store), wall_clock_us())


def _plain(silence: "Silence") -> dict[str, object]:
    from alerts.model import rfc3339

    return {
        "matchers": list(silence.matchers),
        "starts_at": rfc3339(silence.starts_us),
        "ends_at": rfc3339(silence.ends_us),
        "author": silence.author,
        "comment": silence.comment,
    }


def ends_us(lasts: str | None, until: str | None, from_us: int, now_us: int) -> int | None:
    """Return when it ends, by ``--for`` or ``--until``; None when neither says so.

    Raises:
        UserError: when both do, or one cannot be read.
    """
    from pipeline.commands.times import span_us, time_us

    if lasts is not None and until is not None:
        msg = "--for and --until both say when it ends: give one of them"
        raise shell.UserError(msg)
    if until is not None:
        return time_us("--until", until, now_us)
    return None if lasts is None else from_us + span_us("--for", lasts)
