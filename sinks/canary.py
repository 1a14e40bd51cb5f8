"""Canaries: a channel is tried by the clock, so that a broken one is known before an alert needs it."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import structlog

from alerts.connection import store_errors
from alerts.store import AlertStore
from config.settings import Settings
from sinks.checking import ReportsLater, check_channel
from sinks.chores import Chore, Hold, every
from sinks.contract import Channel, ChannelSettings, Failure, Reason
from sinks.render import Renderer
from sinks.stages.contract import Clock
from sinks.stages.record import Record
from sinks.trying import try_channel

_log = structlog.get_logger("makegood.canary")
_US = 1_000_000


class CanaryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a try.

    Attributes:
        via: ``check`` or ``message``.
        works: whether a message would be taken, or was.
        reason, detail: why not.
        said: what the far side said, a line for each recipient or part.
    """

    channel: str
    via: Literal["check", "message"]
    at_us: int
    took_us: int
    works: bool
    reason: str = ""
    detail: str = ""
    said: tuple[str, ...] = ()


def load_canaries(store: AlertStore) -> dict[str, CanaryResult]:
    """Return the last result of each channel that was tried, by name.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        found = client.hgetall(store.keys.named("canary:last"))
    return {name: msgspec.json.decode(text, type=CanaryResult) for name, text in found.items()}


class Canaries:
    """The canaries of a settings file.

    Args:
        store: keeps the results.
        settings: the whole file.
        channels: of the settings, by name.
        record: raises the alert of a channel that fails.
        clock: microseconds, for how long it took.
    """

    def __init__(
        self,
        store: AlertStore,
        settings: Settings,
        channels: Mapping[str, Channel],
        *,
        record: Record,
        clock: Clock,
    ) -> None:
        self._store = store
        self._client: Any = store.client
        self._settings = settings
        self._channels = channels
        self._record = record
        self._clock = clock
        self._renderer = Renderer.of(settings)

    def chores(self) -> list[Chore]:
        """Return one for each channel that is to be tried."""
        found = []
        for name, one in self._settings.canary.channels.items():
            longest_us = 2 * (2 * self._entry(name).timeout + one.receipt_within) + self._settings.canary.timeout
            found.append(Chore(f"canary:{name}", every(one.every), self._chore(name), longest_us + 60 * _US))
        return found

    def run(self, name: str, now_us: int) -> CanaryResult:
        """Try a channel, keep the result, and raise or resolve the channel's alert.

        Raises:
            StoreUnavailableError: Redis is away.
        """
        via = self._settings.canary.channels[name].via
        began_us = self._clock()
        failure, said = self._check(name) if via == "check" else self._message(name, now_us)
        result = CanaryResult(
            channel=name,
            via=via,
            at_us=now_us,
            took_us=self._clock() - began_us,
            works=failure is None,
            reason="" if failure is None else str(failure.reason),
            detail="" if failure is None else failure.detail,
            said=said,
        )
        raised = self._store.keys.named("canary:failing")
        if failure is not None:
            _log.warning("canary_failed", channel=name, via=via, reason=str(failure.reason), detail=failure.detail)
            self._record.channel_failed(name, failure)
            with store_errors():
                self._client.sadd(raised, name)
        else:
            # That a check is passed does not mean that messages go out: it takes back only what a canary has raised.
            with store_errors():
                was_raised = self._client.sismember(raised, name)
            if was_raised or via == "message":
                self._record.refresh_failing(self._failing())
                self._record.channel_worked(name)
                with store_errors():
                    self._client.srem(raised, name)
        with store_errors():
            self._client.hset(self._store.keys.named("canary:last"), name, msgspec.json.encode(result))
        return result

    def _failing(self) -> list[str]:
        with store_errors():
            return list(self._client.hkeys(self._store.keys.named("failing")))

    def _chore(self, name: str) -> Any:
        def run(now_us: int, hold: Hold) -> None:
            hold()
            self.run(name, now_us)

        return run

    def _check(self, name: str) -> tuple[Failure | None, tuple[str, ...]]:
        found = check_channel(self._channels[name], self._settings.canary.timeout / _US)
        failure = next((one.failure for one in found if one.failure is not None), None)
        return failure, tuple(f"{one.subject}: {one.said}" for one in found if one.failure is None)

    def _message(self, name: str, now_us: int) -> tuple[Failure | None, tuple[str, ...]]:
        channel, entry = self._channels[name], self._entry(name)
        within_us = self._settings.canary.channels[name].receipt_within
        trials = try_channel(
            channel,
            lambda notification: self._renderer(notification, entry),
            now_us,
            entry.timeout / _US,
            wait_s=within_us / _US,
            close=entry.keeps_state,
        )
        receipts = [receipt for trial in trials for receipt in trial.receipts]
        failure = next((one.failure for one in receipts if one.failure is not None), None)
        if failure is None and isinstance(channel, ReportsLater) and within_us:
            silent = [one.recipient for one in receipts if one.outcome == "accepted"]
            if silent:
                detail = f"accepted, and no receipt within {within_us // _US} s, for {', '.join(silent)}"
                failure = Failure(reason=Reason.NO_RECEIPT, permanent=False, detail=detail)
        return failure, tuple(f"{one.recipient}: {one.outcome}" for one in receipts)

    def _entry(self, name: str) -> ChannelSettings:
        entry = self._settings.channels[name]
        if not isinstance(entry, ChannelSettings):  # pragma: no cover - the loader has seen to it
            raise TypeError(name)
        return entry
