"""The audit log: entries, their chain, and what is noticed."""

import json
import threading
from typing import Any

import pytest

from alerts.store import AlertStore
from alerts.trail import TRIMMED, Trail
from alerts.trail_check import verify
from alerts.trail_model import GENESIS, Draft, Head, digest_of, plain


def draft(number: int = 1, **more: Any) -> Draft:
    fields: dict[str, Any] = {
        "at_us": number * 1_000_000,
        "who": "anna",
        "via": "cli",
        "action": "ack",
        "object": f"alert:{number}",
    }
    return Draft(**(fields | more))


@pytest.fixture
def trail(store: AlertStore) -> Trail:
    return Trail(store)


def raw(store: AlertStore) -> list[tuple[str, dict[str, str]]]:
    found: list[tuple[str, dict[str, str]]] = store.client.xrange(store.keys.named("trail"))
    return found


def rewrite(store: AlertStore, rows: list[tuple[str, dict[str, str]]]) -> None:
    """What somebody with a password of Redis can do."""
    store.client.delete(store.keys.named("trail"))
    for number, fields in rows:
        store.client.xadd(store.keys.named("trail"), fields, id=number)


def test_each_entry_holds_the_hash_of_the_one_before_it(trail: Trail, store: AlertStore) -> None:
    first, second = trail.append(draft(1), draft(2))
    assert first.entry.seq == 1
    assert first.entry.prev == GENESIS
    assert second.entry.prev == first.hash == digest_of(raw(store)[0][1]["entry"])
    assert trail.head() == Head(2, second.hash)
    assert verify(trail).well
    assert verify(trail).entries == 2


def test_an_empty_log_is_well(trail: Trail) -> None:
    assert verify(trail).well
    assert trail.head() == Head()
    assert list(trail.newest_first()) == []


def test_writers_at_the_same_time_make_one_chain_without_gaps(store: AlertStore) -> None:
    def write() -> None:
        mine = Trail(store)
        for number in range(15):
            mine.append(draft(number), draft(number))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checked = verify(Trail(store))
    assert checked.well
    assert checked.head.seq == 4 * 15 * 2


def test_a_changed_entry_is_noticed(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(5)))
    rows = raw(store)
    rows[2][1]["entry"] = rows[2][1]["entry"].replace("anna", "ben")
    rewrite(store, rows)
    (problem,) = verify(trail).problems
    assert problem.seq == 3
    assert "changed" in problem.what


def test_a_changed_entry_with_a_new_hash_is_noticed_at_the_next(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(5)))
    rows = raw(store)
    changed = rows[2][1]["entry"].replace("anna", "ben")
    rows[2] = (rows[2][0], {"entry": changed, "hash": digest_of(changed)})
    rewrite(store, rows)
    assert [problem.seq for problem in verify(trail).problems] == [4]


def test_an_entry_taken_out_of_the_middle_is_noticed(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(5)))
    rows = raw(store)
    rewrite(store, rows[:1] + rows[2:])
    assert any("gone" in problem.what for problem in verify(trail).problems)


def test_an_end_cut_off_is_noticed_by_the_head(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(5)))
    rewrite(store, raw(store)[:3])
    (problem,) = verify(trail).problems
    assert "cut off" in problem.what


def test_an_end_cut_off_with_its_head_is_noticed_by_one_that_was_noted(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(5)))
    noted = trail.head()
    rows = raw(store)[:3]
    rewrite(store, rows)
    store.client.set(store.keys.named("trail:head"), f"3:{rows[-1][1]['hash']}")
    assert verify(trail).well  # nothing in Redis says otherwise
    (problem,) = verify(trail, [noted]).problems
    assert "cut off" in problem.what
    assert problem.seq == 5


def test_a_log_written_anew_is_noticed_by_one_that_was_noted(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(5)))
    noted = trail.head()
    store.client.delete(store.keys.named("trail"), store.keys.named("trail:head"))
    Trail(store).append(*(draft(number, who="mallory") for number in range(9)))
    assert verify(trail).well
    (problem,) = verify(trail, [noted]).problems
    assert "anew" in problem.what


def test_a_log_that_only_grew_since_it_was_noted_is_well(trail: Trail) -> None:
    trail.append(draft(1))
    noted = trail.head()
    trail.append(draft(2))
    assert verify(trail, [noted, Head(), trail.head()]).well


def test_a_lost_head_is_noticed(trail: Trail, store: AlertStore) -> None:
    trail.append(draft(1))
    store.client.delete(store.keys.named("trail:head"))
    assert not verify(trail).well


def test_old_entries_are_deleted_and_an_entry_says_so(trail: Trail) -> None:
    trail.append(*(draft(number) for number in range(1, 8)))
    before = trail.head()
    assert trail.trim(older_than_us=4_000_000, now_us=9_000_000) == 3
    checked = verify(trail, [before])
    assert checked.well
    assert checked.first == 4
    (newest, *_) = trail.newest_first()
    assert newest.entry.action == TRIMMED
    assert newest.entry.count == 3
    assert trail.trim(older_than_us=4_000_000, now_us=9_000_000) == 0


def test_a_beginning_cut_off_is_noticed_even_when_it_is_said_to_be_deleted(trail: Trail, store: AlertStore) -> None:
    trail.append(*(draft(number) for number in range(1, 8)))
    rows = raw(store)
    rewrite(store, rows[3:])
    assert not verify(trail).well
    store.client.set(store.keys.named("trail:floor"), f"3:{rows[2][1]['hash']}")
    assert any("no entry says" in problem.what for problem in verify(trail).problems)


def test_pages_go_on_where_the_last_one_ended(trail: Trail) -> None:
    trail.append(*(draft(number) for number in range(1, 8)))
    assert [kept.entry.seq for kept in trail.newest_first()] == [7, 6, 5, 4, 3, 2, 1]
    assert [kept.entry.seq for kept in trail.newest_first(before=4)] == [3, 2, 1]
    assert list(trail.newest_first(before=1)) == []


def test_checking_goes_on_where_it_has_proved(trail: Trail) -> None:
    trail.append(*(draft(number) for number in range(1, 4)))
    proved = verify(trail).head
    trail.append(draft(4))
    checked = verify(trail, since=proved)
    assert checked.well
    assert checked.entries == 1
    assert not verify(trail, since=Head(3, "ab" * 32)).well


def test_secrets_and_large_values_do_not_get_into_the_log(trail: Trail, store: AlertStore) -> None:
    trail.append(
        draft(1, before={"channel": {"auth_token": "canary-1"}, "x": [{"password": "canary-2"}]}, after="a" * 50_000)
    )
    text = raw(store)[0][1]["entry"]
    assert "canary" not in text
    assert json.loads(text)["after"]["too_large"] is True
    assert verify(trail).well


def test_what_is_kept_is_json_whatever_was_given() -> None:
    assert plain({1: {"when": object}})["1"]["when"].startswith("<class")


@pytest.mark.parametrize("text", ["", "7", "x:" + "a" * 64, "7:" + "g" * 64, "7:" + "a" * 63, "-1:" + "a" * 64])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="NUMBER:HASH"):
        Head.read(text)


def test_old_entries_are_deleted_while_others_write_and_others_check(store: AlertStore) -> None:
    done = threading.Event()
    problems: list[object] = []

    def write() -> None:
        mine = Trail(store)
        for number in range(60):
            mine.append(draft(number))

    def check() -> None:
        mine = Trail(store)
        while not done.is_set():
            problems.extend(verify(mine).problems)

    writers = [threading.Thread(target=write) for _ in range(2)]
    checker = threading.Thread(target=check)
    for thread in (*writers, checker):
        thread.start()
    cutter = Trail(store)
    for limit in range(0, 60, 5):
        cutter.trim(older_than_us=limit * 1_000_000, now_us=10**9)
    for thread in writers:
        thread.join()
    done.set()
    checker.join()
    assert problems == []
    assert verify(cutter).well
