"""Silences in a real Redis: kept, changed under competition, and waking the groups that they are about."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from alerts.silence_edges import SilenceEdges
from alerts.silences import Silence, SilenceBook, SilenceConflictError, UnknownSilenceError, Wanted
from alerts.store import AlertStore
from tests.support.alerts import change
from tests.support.patience import PATIENCE_S
from tests.support.silences import HOUR_US, NOW_US

Ids = Callable[[], str]


@pytest.fixture
def book(store: AlertStore) -> SilenceBook:
    numbers = count(1)
    return SilenceBook(store, lambda: f"{next(numbers):08x}")


def add(book: SilenceBook, *matchers: str, starts_us: int = NOW_US, ends_us: int = NOW_US + HOUR_US) -> Silence:
    return book.add(
        matchers or ("service=shop",),
        starts_us=starts_us,
        ends_us=ends_us,
        author="kim",
        comment="moving house",
        now_us=NOW_US,
    )


def grouped(store: AlertStore, service: str, *groups: str) -> str:
    """Let an alert fire that is in some groups; return its fingerprint."""
    made = change(service=service)
    store.apply([made])
    store.client.sadd(f"{store.settings.prefix}groups_of:{made.fingerprint}", *groups)
    return made.fingerprint


def due(store: AlertStore) -> dict[str, int]:
    return {
        key: int(score) for key, score in store.client.zrange(store.keys.named("groups:due"), 0, -1, withscores=True)
    }


def test_a_silence_is_kept_and_found_by_how_its_id_begins(book: SilenceBook, store: AlertStore) -> None:
    made = add(book)
    assert SilenceBook(store).get("00000001") == made
    assert book.get("0000") == made
    add(book)
    for wrong, says in (("0000", "several"), ("ffff", "no silence"), ("", "no silence")):
        with pytest.raises(UnknownSilenceError, match=says):
            book.get(wrong)


def test_they_are_listed_by_state_and_end(book: SilenceBook) -> None:
    later = add(book, ends_us=NOW_US + 3 * HOUR_US)
    sooner = add(book, ends_us=NOW_US + HOUR_US)
    pending = add(book, starts_us=NOW_US + HOUR_US // 2, ends_us=NOW_US + 2 * HOUR_US)
    over = book.expire(add(book).id, by="lee", now_us=NOW_US + 1)
    now_us = NOW_US + 1
    assert book.list(now_us) == [sooner, later, pending]
    assert book.active(now_us) == [sooner, later]
    assert book.list(now_us, ("expired",)) == [over]
    assert book.active(NOW_US + HOUR_US) == [pending, later]  # by the clock alone: nothing was written


def test_what_one_writes_another_sees_at_once(book: SilenceBook, store: AlertStore) -> None:
    other = SilenceBook(store)
    assert other.active(NOW_US) == []
    made = add(book)
    assert other.active(NOW_US) == [made]
    book.expire(made.id, by="lee", now_us=NOW_US)
    assert other.active(NOW_US) == []


def test_asking_again_reads_no_silences_while_none_changes(book: SilenceBook, store: AlertStore) -> None:
    add(book)
    assert len(book.active(NOW_US)) == 1
    store.client.hset(store.keys.named("silences"), "spoilt", "1|{")  # would be an error to read
    assert len(book.active(NOW_US)) == 1


def test_a_silence_may_be_edited_in_place_or_replaced(book: SilenceBook, store: AlertStore) -> None:
    made = add(book)
    same = book.edit(made.id, Wanted(ends_us=NOW_US + 2 * HOUR_US), by="lee", now_us=NOW_US + 5)
    assert (same.silence.id, same.silence.version, same.replaced) == (made.id, 2, None)
    done = book.edit(made.id, Wanted(matchers=("service=web",)), by="lee", now_us=NOW_US + 9)
    assert done.replaced is not None
    assert (done.replaced.id, done.replaced.ends_us) == (made.id, NOW_US + 9)
    assert SilenceBook(store).active(NOW_US + 9) == [done.silence]


def test_who_has_seen_an_older_version_is_told_so(book: SilenceBook) -> None:
    made = add(book)
    book.edit(made.id, Wanted(comment="other"), by="lee", now_us=NOW_US, version=1)
    with pytest.raises(SilenceConflictError, match="changed by lee meanwhile"):
        book.edit(made.id, Wanted(comment="mine"), by="kim", now_us=NOW_US, version=1)
    with pytest.raises(SilenceConflictError, match="version 2, not 1"):
        book.expire(made.id, by="kim", now_us=NOW_US, version=1)
    assert book.get(made.id).comment == "other"


def test_no_edit_is_lost_when_many_edit_at_once(book: SilenceBook, store: AlertStore) -> None:
    made = add(book)

    def extend(number: int) -> None:
        own = SilenceBook(store)
        for step in range(5):
            while True:
                try:
                    own.edit(made.id, Wanted(comment=f"{number}-{step}"), by=f"w{number}", now_us=NOW_US)
                except SilenceConflictError:
                    continue
                break

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(extend, range(4)))
    found = book.get(made.id)
    assert found.version == 21
    assert sorted(edit.by for edit in found.edits[1:]) == sorted(f"w{number}" for number in range(4) for _ in range(5))


def test_an_id_that_is_taken_is_not_taken_again(store: AlertStore) -> None:
    ids = iter(["aaaaaaaa", "aaaaaaaa", "bbbbbbbb"])
    book = SilenceBook(store, lambda: next(ids))
    first, second = add(book), add(book)
    assert (first.id, second.id) == ("aaaaaaaa", "bbbbbbbb")


def test_groups_of_the_alerts_wake_when_it_begins_and_when_it_ends(book: SilenceBook, store: AlertStore) -> None:
    grouped(store, "shop", "g1", "g2")
    grouped(store, "web", "g3")
    made = add(book, starts_us=NOW_US + 1500, ends_us=NOW_US + HOUR_US)
    assert SilenceEdges(store, book).next_us() == NOW_US + 2000  # the first millisecond in which it has begun
    assert SilenceEdges(store, book).due(NOW_US + 1999) == []
    assert due(store) == {}
    edges = SilenceEdges(store, book).due(NOW_US + 2000)
    assert [(edge.silence.id, edge.kind, edge.at_us) for edge in edges] == [(made.id, "begin", NOW_US + 2000)]
    assert due(store) == {"g1": NOW_US // 1000 + 2, "g2": NOW_US // 1000 + 2}
    assert SilenceEdges(store, book).due(NOW_US + 2000) == []
    store.client.delete(store.keys.named("groups:due"))
    assert SilenceEdges(store, book).next_us() == NOW_US + HOUR_US
    assert [edge.kind for edge in SilenceEdges(store, book).due(NOW_US + HOUR_US + 5000)] == ["end"]
    assert set(due(store)) == {"g1", "g2"}
    assert SilenceEdges(store, book).next_us() is None


def test_groups_wake_at_once_when_it_is_expired_or_replaced(book: SilenceBook, store: AlertStore) -> None:
    grouped(store, "shop", "g1")
    grouped(store, "web", "g2")
    made = add(book)
    assert [edge.kind for edge in SilenceEdges(store, book).due(NOW_US)] == ["begin"]
    store.client.delete(store.keys.named("groups:due"))
    new = book.edit(made.id, Wanted(matchers=("service=web",)), by="lee", now_us=NOW_US + 7000).silence
    found = {(edge.silence.id, edge.kind) for edge in SilenceEdges(store, book).due(NOW_US + 7000)}
    assert found == {(made.id, "end"), (new.id, "begin")}
    assert set(due(store)) == {"g1", "g2"}
    store.client.delete(store.keys.named("groups:due"))
    book.expire(new.id, by="lee", now_us=NOW_US + 9000)
    assert [edge.silence.id for edge in SilenceEdges(store, book).due(NOW_US + 9000)] == [new.id]
    assert set(due(store)) == {"g2"}


def test_an_end_that_is_moved_wakes_nobody_at_the_old_time(book: SilenceBook, store: AlertStore) -> None:
    grouped(store, "shop", "g1")
    made = add(book)
    SilenceEdges(store, book).due(NOW_US)
    store.client.delete(store.keys.named("groups:due"))
    book.edit(made.id, Wanted(ends_us=NOW_US + 2 * HOUR_US), by="lee", now_us=NOW_US + 5)
    assert SilenceEdges(store, book).due(NOW_US + HOUR_US) == []
    assert SilenceEdges(store, book).next_us() == NOW_US + 2 * HOUR_US


def test_an_edge_that_nobody_has_passed_survives_an_edit(book: SilenceBook, store: AlertStore) -> None:
    grouped(store, "shop", "g1")
    made = add(book)
    book.edit(made.id, Wanted(comment="other"), by="lee", now_us=NOW_US + 5)
    assert [edge.kind for edge in SilenceEdges(store, book).due(NOW_US + 5)] == ["begin"]
    assert set(due(store)) == {"g1"}


def test_a_group_that_was_due_before_is_not_put_off(book: SilenceBook, store: AlertStore) -> None:
    grouped(store, "shop", "g1")
    store.client.zadd(store.keys.named("groups:due"), {"g1": 5})
    add(book)
    SilenceEdges(store, book).due(NOW_US)
    assert due(store) == {"g1": 5}


def test_thousands_of_alerts_wake_their_groups(book: SilenceBook, store: AlertStore) -> None:
    changes = [change(service="shop", case_id=str(number)) for number in range(2500)]
    store.apply(changes)
    pipeline = store.client.pipeline()
    for made in changes:
        pipeline.sadd(f"{store.settings.prefix}groups_of:{made.fingerprint}", f"g-{made.fingerprint}")
    pipeline.execute()
    add(book)
    assert len(SilenceEdges(store, book).due(NOW_US)) == 1
    assert len(due(store)) == 2500


def test_writing_one_publishes_a_wake(book: SilenceBook, store: AlertStore) -> None:
    with store.client.pubsub() as heard:
        heard.subscribe(f"{store.settings.prefix}wake")
        while (heard.get_message(timeout=PATIENCE_S) or {}).get("type") != "subscribe":
            pass
        add(book)
        message = heard.get_message(timeout=PATIENCE_S)
        assert message is not None
        assert message["type"] == "message"


def test_what_ended_long_ago_is_forgotten_but_not_before_its_groups_woke(book: SilenceBook, store: AlertStore) -> None:
    old = add(book)
    retention_us = store.settings.retention
    long_after = NOW_US + HOUR_US + retention_us + 1000
    later = {"author": "kim", "comment": "x", "ends_us": long_after + HOUR_US}
    book.add(["a=b"], now_us=long_after, **later)  # type: ignore[arg-type]
    assert old in book.list(long_after, ("expired",))
    SilenceEdges(store, book).due(long_after)
    book.add(["a=b"], now_us=long_after, **later)  # type: ignore[arg-type]
    assert book.list(long_after, ("expired",)) == []
