"""Receipts in any order: with sends that are recorded or not, crashes, time that passes."""

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from config.callbacks import CallbackSettings
from sinks.stages.transport import Step
from tests.support.alerts import change
from tests.support.http import Answer, http_server
from tests.support.notifier import Clock
from tests.support.receipts import BEN, EVE, LEASE_S, Killed, Phones
from tests.support.redis import fresh_store, redis_client
from tests.support.twilio import TOKEN, fake_twilio

TOLD = CallbackSettings(listen="127.0.0.1:0", public_url="https://alerts.example.com")
AFTER = 6
"""Rounds of twice a lease in which nothing may happen any more."""
CRASHES = [Step.CLAIMED, Step.RENDERED, Step.SENDING, Step.SENT, Step.RECORDED, Step.ACKED]

receipt = st.tuples(
    st.just("receipt"),
    st.sampled_from(["sent", "delivered", "undelivered", "failed"]),
    st.integers(1, 4),  # which message
    st.booleans(),  # with the notification's key, as our own address has it
)
crash = st.tuples(st.just("crash"), st.sampled_from(CRASHES))
passing = st.tuples(st.just("pass"), st.sampled_from([1, 10, LEASE_S * 2, 130]))
early = st.tuples(st.just("early"), st.sampled_from(["sent", "delivered", "undelivered"]), st.booleans())


class World:
    """One alert, two recipients of an SMS, a second tier that refuses for a while, notifiers that die."""

    def __init__(self, store: Any, folder: Path, twilio: Any, second: str, *, told: bool) -> None:
        self.store, self.folder, self.twilio, self.told = store, folder, twilio, told
        self.second = {"type": "webhook", "url": second}
        self.clock = Clock()
        self.dies_at: Step | None = None
        self.early: tuple[str, bool] | None = None
        self.kills = 0
        self.key = ""
        self.rig = self.born()
        self.alert = change()
        store.apply([self.alert])

    def born(self) -> Phones:
        callbacks = TOLD if self.told else None
        more: dict[str, Any] = {"to": [BEN, EVE], "receipt_within": "2m", "second": self.second}
        return Phones(
            self.store, self.folder, self.twilio, on_step=self.step, clock=self.clock, callbacks=callbacks, **more
        )

    def step(self, step: Step, key: str) -> None:
        self.key = key or self.key
        if step == Step.SENT and self.early is not None and self.twilio.sent:
            (status, by_key), self.early = self.early, None
            self.say(status, len(self.twilio.sent), by_key=by_key)
        if step == self.dies_at:
            self.dies_at = None
            self.kills += 1
            raise Killed

    def say(self, status: str, number: int, *, by_key: bool) -> None:
        """Twilio says what became of its message of a number, if there is one."""
        if number <= len(self.twilio.sent):
            to = self.twilio.sent[number - 1][0]
            self.twilio.statuses[f"SM{number:032x}"] = (status, None)
            self.rig.receipt(status, None, number=number, to=to, key=self.key if by_key else "")

    def work(self) -> None:
        before, sent = self.reached if self.key else set(), len(self.twilio.sent)
        try:
            self.rig.drain()
        except Killed:
            self.rig = self.born()
        # Who was reached is not sent another.
        assert not {to for to, _text in self.twilio.sent[sent:]} & before

    def do(self, one: tuple[Any, ...]) -> None:
        match one:
            case ("receipt", status, number, by_key):
                self.say(status, number, by_key=by_key)
            case ("crash", step):
                self.dies_at = step
            case ("early", status, by_key):
                self.early = status, by_key
            case ("pass", seconds):
                self.clock.forward(seconds)
        self.work()

    @property
    def reached(self) -> set[str]:
        """Whom the SMS has reached, by what Twilio said."""
        receipts = self.rig.record(self.alert).receipts
        return {one.recipient for one in receipts if one.outcome == "delivered"}


@pytest.mark.parametrize("told", [True, False])
@settings(max_examples=30)
@given(refusals=st.integers(0, 2), steps=st.lists(st.one_of(receipt, crash, passing, early), max_size=12))
def test_whatever_the_order_somebody_is_told_and_nobody_is_told_again_who_was_reached(
    told: bool, redis_url: str, refusals: int, steps: list[tuple[Any, ...]]
) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        redis_client(redis_url) as client,
        fake_twilio() as twilio,
        http_server(*[Answer(404)] * refusals, Answer(200)) as second,
        tempfile.TemporaryDirectory() as folder,
    ):
        patch.setenv("MG_TEST_TWILIO", TOKEN)
        world = World(fresh_store(client), Path(folder), twilio, second.url, told=told)
        world.work()
        for one in steps:
            world.do(one)
        world.dies_at, world.early = None, None
        after_the_end = 0
        for _ in range(40):  # quiet, until it ends, and for longer than a receipt is waited for: nothing comes after it
            world.clock.forward(LEASE_S * 2)
            world.work()
            after_the_end += world.store.counts()["pending"] == 0
            if after_the_end == AFTER:
                break
        record = world.rig.record(world.alert)
        taken = max(0, len(second.requests) - refusals)
        event(f"kills {world.kills}, by the second tier {taken}, messages {len(twilio.sent)}")
        # It ends, and rightly so: everybody's SMS was delivered, or the second tier told it.
        assert record.status == "delivered"
        assert taken > 0 or world.reached == {BEN, EVE}
        # Each death repeats at most what it could not record.
        assert taken <= 1 + world.kills
        assert len(twilio.sent) <= 2 * (1 + world.kills + refusals)
        # The second tier was used only for a cause, and says so.
        assert all("tier 1 (sms)" in request.json["text"] for request in second.requests)
        assert store_is_clean(world)


def store_is_clean(world: World) -> bool:
    """Return whether nothing waits any more, and everything that was kept ends some day."""
    client, keys = world.store.client, world.store.keys
    assert world.store.counts()["pending"] == 0
    for name in client.scan_iter(match=f"{keys.prefix}receipt*"):
        assert client.ttl(name) > 0, name
    return True
