from pathlib import Path

from pipeline.deadletters import DeadLetters
from pipeline.feeds.contract import RawBatch, Status
from pipeline.feeds.requeue import PARTITION, RequeueFeed
from pipeline.letters import DeadLetter, LetterFilter
from pipeline.reasons import Reason

ALL = LetterFilter()


def letters(feed: str, count: int, *, mapped: bool = False, first: int = 0) -> list[DeadLetter]:
    return [
        DeadLetter(feed, "p", offset, 0, b"%s %d" % (feed.encode(), offset), Reason.UNKNOWN_TYPE, "d", mapped)
        for offset in range(first, first + count)
    ]


def records(batches: list[RawBatch]) -> list[bytes]:
    return [record for batch in batches for record in batch.records]


def opened(feed: str, path: Path, position: int = 0) -> RequeueFeed:
    made = RequeueFeed(feed, path)
    made.open({PARTITION: position} if position else {})
    return made


def test_what_is_requeued_is_read_once_by_its_own_feed(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    crm, social = opened("crm", path), opened("social", path)
    with DeadLetters(path) as store:
        store.add([*letters("crm", 3), *letters("social", 1)], seen_at_us=1)
        assert crm.poll(10) == []
        assert store.requeue(ALL, at_us=2) == 4
        assert records(crm.poll(2)) == [b"crm 0", b"crm 1"]
        assert records(crm.poll(10)) == [b"crm 2"]
        assert records(social.poll(10)) == [b"social 0"]
        assert crm.poll(10) == social.poll(10) == []
        assert {kept.status for kept in store.page()} == {"replayed"}
    assert crm.partitions() == {PARTITION: Status.CAUGHT_UP}
    assert crm.name == "crm/requeue"
    crm.close()
    social.close()


def test_a_letter_is_requeued_again_only_when_its_status_is_named(tmp_path: Path) -> None:
    with DeadLetters(tmp_path / "letters.db") as store:
        store.add(letters("crm", 2), seen_at_us=1)
        assert store.requeue(LetterFilter(ids=(1,)), at_us=2) == 1
        assert store.requeue(ALL, at_us=3) == 1
        assert store.requeue(ALL, at_us=4) == 0
        assert store.requeue(LetterFilter(status="requeued"), at_us=5) == 2
        assert [kept.letter for kept in store.requeued("crm", 0, 10)] == [1, 2, 1, 2]


def test_a_crash_before_the_snapshot_repeats_and_one_after_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        store.add(letters("crm", 5), seen_at_us=1)
        store.requeue(ALL, at_us=2)
    first = opened("crm", path)
    assert len(records(first.poll(2))) == 2
    snapshot = first.positions()
    assert len(records(first.poll(2))) == 2
    first.close()
    again = RequeueFeed("crm", path)
    again.open(snapshot)
    assert records(again.poll(10)) == [b"crm 2", b"crm 3", b"crm 4"]
    again.close()


def test_events_that_are_mapped_already_come_in_batches_of_their_own_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        for first, mapped in ((0, False), (2, True), (4, False)):
            store.add(letters("crm", 2, mapped=mapped, first=first), seen_at_us=1)
        store.requeue(ALL, at_us=2)
    feed = opened("crm", path)
    batches = feed.poll(10)
    assert [batch.mapped for batch in batches] == [False, True, False]
    assert records(batches) == [b"crm %d" % number for number in range(6)]
    offsets = [offset for batch in batches for offset in batch.offsets]
    assert offsets == sorted(set(offsets))
    feed.close()


def test_a_letter_that_fails_again_goes_back_to_the_feed_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "letters.db"
    with DeadLetters(path) as store:
        store.add(letters("crm", 1), seen_at_us=1)
        store.requeue(ALL, at_us=2)
        feed = opened("crm", path)
        (batch,) = feed.poll(10)
        failed = DeadLetter(
            batch.feed, batch.partition, batch.offsets[0], 0, batch.records[0], Reason.UNKNOWN_TYPE, "d"
        )
        assert store.add([failed], seen_at_us=3) == 1
        assert store.counts() == {"crm": {"unknown_type": 2}}
        assert store.requeue(LetterFilter(feed="crm"), at_us=4) == 1
        assert records(feed.poll(10)) == [b"crm 0"]
        feed.close()
