"""What the console writes to the audit log, and how it is read and exported."""

import asyncio
import csv
import json
from io import StringIO
from typing import Any

import pytest
from structlog.testing import capture_logs

from alerts import trail_reading
from alerts.store import AlertStore
from alerts.trail import Trail
from alerts.trail_check import verify
from alerts.trail_model import Draft
from dashboards.access import wiring
from dashboards.access.audit import Wanted, Watch, export_csv, export_json, read_page, trail_of
from tests.dashboards.access.conftest import TOKEN
from tests.support.access import Served


def filled(store: AlertStore, count: int = 9, **more: Any) -> Trail:
    trail = trail_of(store)
    for number in range(1, count + 1):
        fields: dict[str, Any] = {
            "at_us": number * 1_000_000,
            "who": ["anna", "ben", "api:karma"][number % 3],
            "via": "session",
            "action": ["alert.acknowledge", "silence.create"][number % 2],
            "object": f"alert:{number}",
        }
        trail.append(Draft(**(fields | more)))
    return trail


def seqs(page: trail_reading.Page) -> list[int]:
    return [kept.entry.seq for kept in page.entries]


def test_a_change_is_written_down_with_who_from_where_and_why(people: Served) -> None:
    client = people.client(headers={"Authorization": f"Bearer {TOKEN}"})
    answer = client.post("/api/v1/change")
    (kept,) = trail_of(people.store).newest_first()
    assert answer.json() == {"seq": 1}
    entry = kept.entry
    assert (entry.who, entry.role, entry.via, entry.address) == ("karma", "responder", "token", "testclient")
    assert (entry.action, entry.object, entry.before, entry.after) == ("thing.change", "thing:1", 1, 2)
    assert (entry.why, entry.count, entry.at_us) == ("a test", 1, people.clock.at_us)
    assert entry.request == answer.headers["x-request-id"]
    assert verify(trail_of(people.store)).well


def test_what_is_refused_is_no_change(people: Served) -> None:
    people.client().post("/api/v1/change")
    people.logged_in("vera").post("/api/v1/change")
    assert [kept.entry.action for kept in trail_of(people.store).newest_first()] == ["session.start"]


def test_pages_are_filtered_and_go_on_where_they_ended(store: AlertStore) -> None:
    trail = filled(store)
    first = read_page(trail, Wanted(), limit=4)
    assert (seqs(first), first.before) == ([9, 8, 7, 6], 6)
    second = read_page(trail, Wanted(), before=first.before, limit=4)
    assert (seqs(second), second.before) == ([5, 4, 3, 2], 2)
    third = read_page(trail, Wanted(), before=second.before, limit=4)
    assert (seqs(third), third.before) == ([1], None)
    assert seqs(read_page(trail, Wanted(who="anna"))) == [9, 6, 3]
    assert seqs(read_page(trail, Wanted(action="silence."))) == [9, 7, 5, 3, 1]
    assert seqs(read_page(trail, Wanted(object="alert:4"))) == [4]
    assert seqs(read_page(trail, Wanted(from_us=3_000_000, to_us=5_000_000))) == [4, 3]
    assert seqs(read_page(trail, Wanted(who="nobody"))) == []


def test_a_search_ends_after_so_many_and_can_go_on(store: AlertStore, monkeypatch: pytest.MonkeyPatch) -> None:
    trail = filled(store)
    monkeypatch.setattr(trail_reading, "MOST_SEARCHED", 3)
    page = read_page(trail, Wanted(object="alert:1"))
    assert (page.entries, page.before, page.searched) == ([], 7, 3)
    while page.before is not None and not page.entries:
        page = read_page(trail, Wanted(object="alert:1"), before=page.before)
    assert seqs(page) == [1]


def test_exports_are_in_utc_and_hold_the_hashes(store: AlertStore) -> None:
    trail = filled(store, 3, before={"limit": 1}, why="because\n„so“")
    lines = [json.loads(line) for line in export_json(trail, Wanted())]
    rows = list(csv.DictReader(StringIO("".join(export_csv(trail, Wanted())), newline="")))
    assert [line["seq"] for line in lines] == [3, 2, 1]
    assert [row["hash"] for row in rows] == [line["hash"] for line in lines]
    assert {row["at"][-1] for row in rows} == {"Z"}
    assert rows[0]["before"] == '{"limit":1}'
    assert rows[0]["why"] == "because\n„so“"
    assert lines[1]["prev"] == lines[2]["hash"]


def test_an_export_holds_no_formulas(store: AlertStore) -> None:
    trail = filled(store, 1, why="=HYPERLINK(1)", object="@x", who="-2+3")
    (row,) = csv.DictReader(StringIO("".join(export_csv(trail, Wanted())), newline=""))
    assert (row["why"], row["object"], row["who"]) == ("'=HYPERLINK(1)", "'@x", "'-2+3")


def test_a_page_proves_only_what_it_has_not_proved_yet(store: AlertStore) -> None:
    trail = filled(store, 5)
    watch = Watch()
    assert watch.look(trail).entries == 5
    filled(store, 2)
    assert watch.look(trail).entries == 2
    assert watch.look(trail).well


def test_a_page_notices_that_the_end_was_cut_off_while_it_watched(store: AlertStore) -> None:
    trail = filled(store, 5)
    watch = Watch()
    watch.look(trail)
    rows = store.client.xrange(store.keys.named("trail"))
    store.client.xtrim(store.keys.named("trail"), maxlen=0)
    store.client.delete(store.keys.named("trail"))
    for number, fields in rows[:3]:
        store.client.xadd(store.keys.named("trail"), fields, id=number)
    store.client.set(store.keys.named("trail:head"), f"3:{rows[2][1]['hash']}")
    assert not watch.look(trail).well
    filled(store, 5)
    assert not watch.look(trail).well  # a problem stays


def test_once_a_day_the_end_is_logged_and_what_is_too_old_is_deleted(people: Served) -> None:
    trail = filled(people.store, 5)
    with capture_logs() as logs:
        asyncio.run(wiring.keep_once(people.app))
    (line,) = [line for line in logs if line["event"] == "audit_head"]
    assert line["hash"] == trail.head().hash
    assert [kept.entry.action for kept in trail.newest_first()] == ["audit.trim", "silence.create"]
    assert verify(trail).well
