"""What fired for so long that it was to be told does not go unheard, however late it is decided of."""

import pytest

from alerts.grouping import Decision, Group, Member, News, Timing, decide
from alerts.store import AlertStore
from tests.support.alerts import START_US, change
from tests.support.dispatch import LEASE_US, dispatcher
from tests.support.notifier import AT_ONCE
from tests.support.patience import until

SECOND_US = 1_000_000
TIMING = Timing(wait_us=30 * SECOND_US, interval_us=300 * SECOND_US, repeat_us=3600 * SECOND_US)


def _decided(resolved_us: int) -> Decision:
    """Decide a minute after an alert fired, when its resolve is in the store and not among the group's news yet."""
    group = Group(
        key="g",
        route="{}",
        receiver="ops",
        labels={},
        origin_us=START_US + 30 * SECOND_US,
        tick_us=START_US + 30 * SECOND_US,
        told=None,
        members=(Member(change=change(step="resolved"), order="1", coming_us=resolved_us),),
        news=(News(fingerprint=change().fingerprint, change_id=change().change_id, accepted_us=START_US),),
    )
    return decide(group, START_US + 60 * SECOND_US, timing=TIMING, mute=lambda _: None, send_resolved=True)


@pytest.mark.parametrize(("after_s", "verdict"), [(29, "never_told"), (31, "replaced")])
def test_a_resolve_that_is_not_in_the_news_yet_counts_from_when_the_store_took_it(after_s: int, verdict: str) -> None:
    decision = _decided(START_US + after_s * SECOND_US)
    assert [account.verdict for account in decision.accounts] == [verdict]
    assert [member.change.status for member in decision.members] == (["resolved"] if after_s > 30 else [])


def test_an_alert_that_resolves_between_its_tick_and_the_look_at_it_is_told(store: AlertStore) -> None:
    deciding = dispatcher(store, route={"receiver": "ops", **AT_ONCE})
    alert, over = change(), change(step="resolved")
    store.apply([alert])
    deciding.turn(10, LEASE_US)  # it has its group, which is due
    seconds, micros = store.client.time()
    until(lambda: tuple(store.client.time()) > (seconds, micros + 2_000))
    store.apply([over])
    while deciding.turn(10, LEASE_US):
        pass
    detail = store.get(alert.fingerprint)
    assert detail is not None
    assert [note.changes for note in detail.notifications] == [(over.change_id,)]
    assert [account.verdict for account in detail.accounts] == ["replaced", "known"]
