"""A receiver whose first tier is an SMS by a fake Twilio, and whose second is a file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alerts.model import NotificationRecord
from alerts.store import AlertStore
from detectors.contract import AlertChange
from sinks.outbox import Outbox
from sinks.stages.transport import StepHook
from sinks.twilio_status import receipt_of
from tests.support.notifier import Clock, Rig
from tests.support.twilio import ACCOUNT, SENDER, FakeTwilio

BEN, EVE = "+15005550001", "+15005550002"
LEASE_S = 31
"""Twice this is longer than a dead notifier's lease, with the time of a try that it may have begun."""


class Killed(BaseException):
    """Stands for the death of a notifier: nothing catches it."""


def sms(twilio: FakeTwilio, **more: Any) -> dict[str, Any]:
    """Return the settings of an SMS channel."""
    entry = {"type": "sms_twilio", "account_sid": ACCOUNT, "auth_token": {"env": "MG_TEST_TWILIO"}, "sender": SENDER}
    return {**entry, "to": [BEN], "base_url": twilio.url, **more}


def voice(twilio: FakeTwilio, **more: Any) -> dict[str, Any]:
    """Return the settings of a channel that calls."""
    return {**sms(twilio), "type": "voice_twilio", **more}


class Phones(Rig):
    """Tiers ``sms`` and ``second`` (a file)."""

    def __init__(
        self,
        store: AlertStore,
        tmp_path: Path,
        twilio: FakeTwilio,
        *,
        second: Mapping[str, Any] | None = None,
        on_step: StepHook | None = None,
        clock: Clock | None = None,
        first: Mapping[str, Any] | None = None,
        callbacks: Any = None,
        links: Any = None,
        **channel: Any,
    ) -> None:
        self.twilio = twilio
        self.second = tmp_path / "second.jsonl"
        other = {"type": "file", "path": self.second} if second is None else second
        tiers = {"sms": sms(twilio, **channel) if first is None else first, "second": other}
        super().__init__(store, tmp_path, tiers, on_step=on_step, clock=clock, callbacks=callbacks, links=links)
        self.outbox = Outbox(store, clock_us=self.clock)

    def told(self) -> list[dict[str, Any]]:
        """Return what the second tier delivered."""
        return [json.loads(line) for line in self.second.read_text().splitlines()] if self.second.exists() else []

    def receipt(self, status: str, code: int | None = None, *, number: int = 1, to: str = BEN, key: str = "") -> str:
        """Let Twilio say what became of its message of this number."""
        sid = f"SM{number:032x}"
        return self.outbox.receipt(receipt_of("sms", to, sid, status, code, self.clock(), "callback"), key)

    def record(self, alert: AlertChange) -> NotificationRecord:
        """Return the one notification about an alert."""
        detail = self.store.get(alert.fingerprint)
        assert detail is not None
        (note,) = detail.notifications
        return note
