"""Whatever is done to silences, in whatever order and at whatever times: no group sleeps through what concerns it."""

from collections.abc import Mapping
from itertools import count
from typing import Any

import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.silence_edges import SilenceEdges
from alerts.silences import SilenceBook, SilenceError, Wanted, mute
from tests.support.alerts import change
from tests.support.redis import fresh_store
from tests.support.silences import NOW_US

SERVICES = ("shop", "web")
times = st.integers(0, 40)
matchers = st.sampled_from(["service=shop", "service=web", 'service=~".+"', "service!=shop", "service=none"])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), matchers, times, times),
        st.tuples(st.just("expire"), st.integers(0, 5)),
        st.tuples(st.just("end"), st.integers(0, 5), times),
        st.tuples(st.just("start"), st.integers(0, 5), times),
        st.tuples(st.just("matchers"), st.integers(0, 5), matchers),
        st.tuples(st.just("wait"), times),
        st.tuples(st.just("look")),
    ),
    max_size=14,
)  # fmt: skip


def hidden(book: SilenceBook, now_us: int) -> set[str]:
    silences = book.active(now_us)
    return {service for service in SERVICES if mute({"service": service}, silences, now_us) is not None}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps)
def test_a_group_wakes_whenever_what_hides_it_begins_or_ends(client: "redis.Redis", taken: list[Any]) -> None:
    store = fresh_store(client)
    made = [change(service=service) for service in SERVICES]
    store.apply(made)
    for one in made:
        store.client.sadd(f"{store.settings.prefix}groups_of:{one.fingerprint}", one.labels["service"])
    ids, now_us = count(1), NOW_US
    book = SilenceBook(store, lambda: f"{next(ids):08x}")
    seen: set[str] = set()  # hidden when groups were looked at last
    for step in [*taken, ("wait", 100), ("look",)]:
        if step[0] == "wait":
            now_us += step[1] * 300  # also within a millisecond
        elif step[0] == "look":
            # Whoever flushes asks for the edges first, and then for what hides. Only woken groups are looked at.
            now_us = -(-now_us // 1000) * 1000  # edges lie on whole milliseconds
            SilenceEdges(store, book).due(now_us)
            woken = set(store.client.zrange(store.keys.named("groups:due"), 0, -1))
            store.client.delete(store.keys.named("groups:due"))
            now = hidden(book, now_us)
            assert now ^ seen <= woken
            seen = now
        else:
            act(book, step, now_us)
    assert seen == set()  # all have ended
    assert SilenceEdges(store, book).next_us() is None
    assert all(one.version == len(one.edits) for one in book.list(now_us, ("active", "pending", "expired")))


def act(book: SilenceBook, step: tuple[Any, ...], now_us: int) -> None:
    known = sorted(book.list(now_us, ("active", "pending", "expired")), key=lambda one: one.id)
    try:
        if step[0] == "add":
            starts_us = now_us + step[2] * 300
            book.add(
                [step[1]],
                starts_us=starts_us,
                ends_us=starts_us + step[3] * 300,
                author="kim",
                comment="x",
                now_us=now_us,
            )
        elif step[1] < len(known):
            chosen = known[step[1]]
            if step[0] == "expire":
                book.expire(chosen.id, by="lee", now_us=now_us)
            else:
                book.edit(chosen.id, Wanted(**wanted(step, now_us)), by="lee", now_us=now_us)
    except SilenceError:
        return  # it made no sense, and changed nothing


def wanted(step: tuple[Any, ...], now_us: int) -> Mapping[str, Any]:
    if step[0] == "matchers":
        return {"matchers": (step[2],)}
    return {f"{step[0]}s_us": now_us + step[2] * 300}
