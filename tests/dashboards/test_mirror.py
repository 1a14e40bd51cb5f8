"""The mirror shows what the store has, whatever happens to either."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from typing import Any

from alerts.changelog import ChangeLog, Seq, seq_of
from alerts.response_model import Said
from alerts.responses import Responses
from alerts.silences import SilenceBook
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.following import Follower
from dashboards.mirror import Mirror
from tests.support.alerts import MINUTE_US, START_US, change
from tests.support.patience import PATIENCE_S

SETTINGS = Settings.model_validate(
    {
        "route": {
            "receiver": "ops",
            "group_by": ["service"],
            "routes": [{"matchers": ["severity=critical"], "receiver": "boss", "continue": True}, {"receiver": "ops"}],
        },
        "inhibit_rules": [
            {"source_matchers": ["alertname=Outage"], "target_matchers": ["severity=warning"], "equal": ["service"]}
        ],
    }
)
NOW_US = START_US


def following(
    store: AlertStore, body: Callable[[Mirror], Awaitable[None]], now_us: Callable[[], int] = lambda: NOW_US
) -> None:
    """Run something beside a mirror that follows a store."""

    async def run() -> None:
        mirror = Mirror(SETTINGS)
        async with Follower(store, mirror, now_us):
            await until(mirror, lambda: mirror.complete)
            await body(mirror)

    asyncio.run(run())


async def until(mirror: Mirror, holds: Callable[[], bool]) -> None:
    """Wait until something holds of the mirror."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await mirror.wait(mirror.version, 0.2)


async def in_thread(act: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return await asyncio.to_thread(act, *args, **kwargs)


def test_it_begins_with_what_fires_and_hears_of_what_follows(store: AlertStore) -> None:
    store.apply([change(service="pay"), change(service="web", severity="critical")])
    store.apply([change(service="pay", step="resolved", at_us=START_US + 1)])

    async def body(mirror: Mirror) -> None:
        assert [one.labels["service"] for one in mirror.alerts.values()] == ["web"]
        web = next(iter(mirror.alerts.values()))
        assert web.receivers == ("boss", "ops")
        assert next(place.group for place in web.places).endswith('{service="web"}')
        await in_thread(store.apply, [change(service="shop")])
        await until(mirror, lambda: len(mirror.alerts) == 2)
        assert set(mirror.groups()) == {
            ("boss", '{}/{severity="critical"}:{service="web"}'),
            ("ops", '{}/{}:{service="web"}'),
            ("ops", '{}/{}:{service="shop"}'),
        }
        await in_thread(store.apply, [change(service="web", severity="critical", step="resolved", at_us=START_US + 9)])
        await until(mirror, lambda: len(mirror.alerts) == 1)

    following(store, body)


def test_who_came_after_a_view_is_known_by_its_place_in_the_log(store: AlertStore) -> None:
    store.apply([change(service="pay")])

    async def body(mirror: Mirror) -> None:
        seen = mirror.seq
        await in_thread(store.apply, [change(service="web")])
        await until(mirror, lambda: len(mirror.alerts) == 2)
        by_service = {one.labels["service"]: one for one in mirror.alerts.values()}
        assert by_service["pay"].since <= seen < by_service["web"].since
        # Another process, which reads later, has the same places.
        other = Mirror(SETTINGS)
        async with Follower(store, other, lambda: NOW_US):
            await until(other, lambda: other.complete)
        assert {print_: one.since for print_, one in other.alerts.items()} == {
            print_: one.since for print_, one in mirror.alerts.items()
        }

    following(store, body)


def test_answers_and_silences_are_heard_of(store: AlertStore) -> None:
    pay = change(service="pay")
    store.apply([pay])

    async def body(mirror: Mirror) -> None:
        assert mirror.state(mirror.alerts[pay.fingerprint], NOW_US) == "open"
        said = Said(id="1", by="ann", via="api", at_us=NOW_US)
        await in_thread(Responses(store).acknowledge, pay.fingerprint, said, until_us=NOW_US + MINUTE_US)
        await until(mirror, lambda: mirror.alerts[pay.fingerprint].acknowledged(NOW_US))
        assert not mirror.alerts[pay.fingerprint].acknowledged(NOW_US + MINUTE_US)
        silence = await in_thread(
            SilenceBook(store).add,
            ["service=pay"],
            ends_us=NOW_US + MINUTE_US,
            author="ann",
            comment="known",
            now_us=NOW_US,
        )
        await until(mirror, lambda: mirror.state(mirror.alerts[pay.fingerprint], NOW_US) == "suppressed")
        assert [mute.by for mute in mirror.mutes(pay.fingerprint, NOW_US)] == [silence.id]
        # A silence ends by the clock: nobody has to say so.
        assert mirror.mutes(pay.fingerprint, NOW_US + MINUTE_US) == ()

    following(store, body)


def test_what_inhibits_comes_and_goes(store: AlertStore) -> None:
    pay, outage = change(service="pay"), change("Outage", service="pay", severity="critical")
    store.apply([pay])

    async def body(mirror: Mirror) -> None:
        assert mirror.mutes(pay.fingerprint, NOW_US) == ()
        await in_thread(store.apply, [outage])
        await until(mirror, lambda: len(mirror.alerts) == 2)
        assert [mute.kind for mute in mirror.mutes(pay.fingerprint, NOW_US)] == ["inhibited"]
        gone = change("Outage", service="pay", severity="critical", step="resolved", at_us=START_US + 1)
        await in_thread(store.apply, [gone])
        await until(mirror, lambda: len(mirror.alerts) == 1)
        assert mirror.mutes(pay.fingerprint, NOW_US) == ()

    following(store, body)


def test_a_store_that_has_lost_everything_is_read_anew(store: AlertStore) -> None:
    store.apply([change(service="pay"), change(service="web")])

    async def body(mirror: Mirror) -> None:
        assert len(mirror.alerts) == 2
        await in_thread(store.client.flushdb)
        await until(mirror, lambda: not mirror.alerts)
        await in_thread(store.apply, [change(service="shop")])
        await until(mirror, lambda: [one.labels["service"] for one in mirror.alerts.values()] == ["shop"])

    following(store, body)


def test_an_alert_that_no_entry_told_of_is_found_in_the_end(store: AlertStore) -> None:
    store.apply([change(service="pay"), change(service="web")])

    async def body(mirror: Mirror) -> None:
        await in_thread(store.client.zrem, store.keys.named("alerts:firing"), change(service="web").fingerprint)
        await until(mirror, lambda: [one.labels["service"] for one in mirror.alerts.values()] == ["pay"])

    ticks = itertools.count()
    following(store, body, lambda: NOW_US + next(ticks) * 1_000_000)


def test_a_store_that_hangs_is_seen_and_what_was_known_stays(store: AlertStore) -> None:
    store.apply([change(service="pay")])

    async def body(mirror: Mirror) -> None:
        mirror.lost("the store is away")
        assert mirror.away == "the store is away"
        assert len(mirror.alerts) == 1
        await until(mirror, lambda: not mirror.away)

    following(store, body)


def test_it_is_like_the_store_after_any_changes(store: AlertStore) -> None:
    chance = random.Random(4)
    services = [f"s{number}" for number in range(12)]

    def act(step: int) -> None:
        service, at_us = chance.choice(services), START_US + step
        fires = chance.random() < 0.6
        store.apply([change(service=service, step="firing" if fires else "resolved", at_us=at_us, starts_at_us=at_us)])

    async def body(mirror: Mirror) -> None:
        for step in range(200):
            await in_thread(act, step)
        last = await in_thread(ChangeLog(store).last)
        await until(mirror, lambda: mirror.seq == last)
        known = {record.current.fingerprint: record.current for record in store.list_alerts(status="firing")}
        assert {print_: one.change for print_, one in mirror.alerts.items()} == known

    following(store, body)


def test_what_processes_say_of_themselves_is_shown(store: AlertStore) -> None:
    told = Status(kind="flow", name="0/1", at_us=NOW_US, every_us=2_000_000, well=True, report={"flow": "running"})
    old = Status(kind="flow", name="1/2", at_us=NOW_US - 8 * 86_400_000_000, every_us=1, well=True, report={})
    Statuses(store).say(told)
    Statuses(store).say(old)

    async def body(mirror: Mirror) -> None:
        await until(mirror, lambda: mirror.statuses == (told,))

    following(store, body)


def test_places_in_the_log_are_ordered_by_number_not_by_text() -> None:
    assert seq_of("9-10") > seq_of("9-9")
    assert seq_of("10-0") > seq_of("9-99")
    assert str(Seq(5, 3)) == "5-3"
