import pytest

from alerts.dispatch import Dispatcher
from alerts.hastening import Hastening
from alerts.store import AlertStore
from config.escalations import EscalationSettings
from sinks.outbox import Outbox
from tests.support.alerts import change
from tests.support.dispatch import LEASE_US, dispatcher
from tests.support.notifier import Clock

PAGE = {"steps": [{"notify": [{"receiver": name}], "wait": "10m"} for name in ("ann", "bob", "cem")], "then": "ops"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deciding(store: AlertStore, clock: Clock) -> Dispatcher:
    return dispatcher(
        store,
        clock,
        route={"receiver": "ops", "group_by": ["..."], "group_wait": "0s", "escalation": "page"},
        receivers={"ann": {}, "bob": {}, "cem": {}},
        escalations={"page": EscalationSettings.model_validate(PAGE)},
    )


def told(store: AlertStore, deciding: Dispatcher, clock: Clock) -> dict[str, tuple[str, ...]]:
    """Return who is told now, with the notes."""
    while deciding.turn(100, LEASE_US):
        pass
    outbox = Outbox(store, clock_us=clock)
    found: dict[str, tuple[str, ...]] = {}
    while claims := outbox.claim(10, LEASE_US):
        for claim in claims:
            found[claim.receiver] = claim.draft.notes
            outbox.finish(claim, "delivered", "")
    return found


def group(store: AlertStore) -> str:
    (name,) = store.client.smembers(store.keys.named("groups"))
    return str(name)


def test_passing_on_takes_the_next_step_now_and_the_one_after_it_waits_its_whole_time(
    store: AlertStore, clock: Clock, deciding: Dispatcher
) -> None:
    hastening = Hastening(store, clock_us=clock)
    store.apply([change()])
    assert set(told(store, deciding, clock)) == {"ops", "ann"}
    clock.forward(180)
    assert told(store, deciding, clock) == {}
    assert hastening.hasten(group(store)) == "done"
    heard = told(store, deciding, clock)
    assert set(heard) == {"bob"}
    assert not any("late" in note for note in heard["bob"])
    clock.forward(599)
    assert told(store, deciding, clock) == {}
    clock.forward(1)
    assert set(told(store, deciding, clock)) == {"cem"}


def test_passing_on_waits_while_a_notifier_decides(store: AlertStore, clock: Clock, deciding: Dispatcher) -> None:
    store.apply([change()])
    told(store, deciding, clock)
    name = group(store)
    store.client.hset(store.keys.named("groups:lease"), name, "1")
    assert Hastening(store, clock_us=clock).hasten(name) == "busy"


def test_where_nothing_escalates_there_is_nothing_to_pass_on(store: AlertStore, clock: Clock) -> None:
    store.apply([change()])
    told(store, dispatcher(store, clock), clock)
    assert Hastening(store, clock_us=clock).hasten(group(store)) == "none"
    assert Hastening(store, clock_us=clock).hasten("nowhere") == "none"
