"""Somebody who is given an alert is told so, once, and hears of its end."""

from collections.abc import Iterator
from typing import Any

from alerts.responses import Responses, Said
from alerts.store import AlertStore
from config.duty import PersonSettings
from sinks.outbox import Outbox
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.dispatch import LEASE_US, dispatcher
from tests.support.notifier import Clock


def _told(outbox: Outbox) -> Iterator[tuple[str, str, str]]:
    while claims := outbox.claim(10, LEASE_US):
        for claim in claims:
            yield claim.receiver, claim.draft.alerts[0].status, " ".join(claim.draft.notes)
            outbox.finish(claim, "delivered", "")


def test_who_is_given_an_alert_is_told_once_and_hears_of_its_end(store: AlertStore) -> None:
    clock = Clock()
    people: dict[str, Any] = {"ben": PersonSettings.model_validate({"receiver": "ben", "zone": "UTC"})}
    deciding = dispatcher(store, clock, receivers={"ben": {}}, people=people)
    outbox = Outbox(store, clock_us=clock)
    responses = Responses(store)

    def decide() -> list[tuple[str, str, str]]:
        clock.forward(1)
        while deciding.turn(10, LEASE_US):
            pass
        return list(_told(outbox))

    alert = change()
    store.apply([alert])
    assert decide() == [("ops", "firing", "")]
    responses.reassign(alert.fingerprint, Said(id="1", by="ann", via="cli", at_us=clock()), "ben")
    assert decide() == [("ben", "firing", "ann has given this to ben.")]
    responses.comment(alert.fingerprint, Said(id="2", by="ann", via="cli", at_us=clock()), "on it")
    assert decide() == [], "it was told once"
    store.apply([change(step="resolved", at_us=START_US + MINUTE_US)])
    assert sorted(decide()) == [("ben", "resolved", ""), ("ops", "resolved", "")]
