"""Against a real PostgreSQL, whose session has another time zone than the data."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog.testing

from pipeline.feeds.contract import Status
from pipeline.feeds.sql_tables import reader as sql_reader
from pipeline.reasons import Reason
from tests.pipeline.feeds_sql.reading import DEADLINE_S, Reading
from tests.support.postgres import OwnPostgres

psycopg = pytest.importorskip("psycopg")
TICKETS = "id bigint, at timestamptz, what text"


class Table:
    def __init__(self, server: OwnPostgres) -> None:
        self.server = server
        self.db = self.connect()

    def connect(self) -> Any:
        return psycopg.connect(self.server.url.replace("+psycopg", ""), autocommit=True)

    def made(self, columns: str) -> "Table":
        self.db.execute("DROP TABLE IF EXISTS tickets CASCADE")
        self.db.execute(f"CREATE TABLE tickets ({columns})")
        return self

    def reading(self, **settings: Any) -> Reading:
        return Reading(self.server.url, **settings)


@pytest.fixture
def table(postgres_server: OwnPostgres) -> Iterator[Table]:
    made = Table(postgres_server)
    yield made
    made.db.close()


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date", "bigint", "numeric(20)"])
@pytest.mark.parametrize("key", [[], ["id"], ["what", "id"]])
def test_every_kind_of_mark_is_paged_and_resumed(table: Table, kind: str, key: list[str]) -> None:
    numbers = kind in {"bigint", "numeric(20)"}
    mark = "4000000000 + n / 7" if numbers else "timestamp '2024-05-01' + n / 7 * interval '7 h'"
    table.made(f"id bigint, at {kind}, what text")
    rows = f"SELECT n, ({mark})::{kind}, (n % 5)::text FROM generate_series(0, 99) n"  # noqa: S608 - from here
    table.db.execute(f"INSERT INTO tickets {rows}")
    settings: dict[str, Any] = {"mark": "at", "key": key, "batch": 4, "zone": "Europe/London"}
    with table.reading(recording=True, **settings) as whole:
        assert sorted(whole.to_end().ids()) == list(range(100))
    with table.reading(recording=True, **settings) as first:
        first.until(lambda: first.poll(9) > 0 and len(first.rows) > 30)
        positions = first.feed.positions()
    with table.reading(recording=True, positions=positions, **settings) as second:
        second.to_end()
    assert {*first.ids(), *second.ids()} == set(range(100))
    assert len(second.ids()) < 100


def test_rows_committed_by_a_long_transaction_are_found(table: Table) -> None:
    table.made("id bigserial, at timestamptz DEFAULT now(), what text")
    other = table.connect()
    other.autocommit = False
    with table.reading(mark="at", now_us=4_000_000_000_000_000) as by_time, table.reading(mark="id") as by_number:
        other.execute("INSERT INTO tickets (what) VALUES ('begun first')")
        table.db.execute("INSERT INTO tickets (what) VALUES ('committed first')")
        for reading in (by_time, by_number):
            assert [row["what"] for row in reading.sweep().rows] == ["committed first"]
        other.commit()
        for reading in (by_time, by_number):
            assert [row["what"] for row in reading.sweep().sweep().rows] == ["committed first", "begun first"]
    other.close()


def test_values_become_what_json_has_for_them(table: Table) -> None:
    table.made(
        "id int, at timestamptz, local timestamp, day date, clock time, price numeric(8,2), raw bytea, doc jsonb,"
        " tags text[], uid uuid, host inet, ok bool, x float8, took interval"
    )
    table.db.execute(
        "INSERT INTO tickets VALUES (1, '2024-05-01 09:30:00.5+02', '2024-05-01 09:30', '2024-05-01', '09:30', 12.50,"
        " '\\x00ff', '{\"a\": [1]}', '{a,b}', '00000000-0000-0000-0000-000000000001', '10.0.0.1', true, 'NaN',"
        " '90 min'),"
        " (2, 'infinity', '-infinity', 'infinity', null, 'NaN', null, 'null', null, null, null, null, 1e300, null),"
        " (3, '20000-01-01', '0044-01-01 BC', null, null, null, null, null, null, null, null, null, null, null)"
    )
    with table.reading(recording=True, zone="Europe/London") as reading:
        first, second, third = reading.to_end().rows
    assert first == {
        "id": 1,
        "at": "2024-05-01T07:30:00.500000Z",
        "local": "2024-05-01T08:30:00Z",
        "day": "2024-05-01",
        "clock": "09:30:00",
        "price": "12.50",
        "raw": "AP8=",
        "doc": {"a": [1]},
        "tags": ["a", "b"],
        "uid": "00000000-0000-0000-0000-000000000001",
        "host": "10.0.0.1",
        "ok": True,
        "x": None,
        "took": "PT5400S",
    }
    assert (second["at"], second["local"], second["day"], second["price"]) == (
        "infinity",
        "-infinity",
        "infinity",
        "NaN",
    )
    assert third["local"].endswith("BC")


def test_a_value_without_a_place_in_json_is_a_dead_letter_and_the_rest_is_read(table: Table) -> None:
    table.made("id int, span int4range")
    table.db.execute("INSERT INTO tickets VALUES (1, '[1,4)'), (2, NULL)")
    with table.reading(recording=True) as reading:
        assert reading.to_end().ids() == [2]
    (bad,) = reading.bad
    assert (bad.reason, bad.offset) == (Reason.WRONG_TYPE, 1)
    assert "column span (Range)" in bad.detail
    assert b"[1, 4)" in bad.raw


def test_tables_with_a_schema_and_odd_names_and_queries_with_equal_names_are_read(table: Table) -> None:
    table.db.execute('DROP SCHEMA IF EXISTS "Crm" CASCADE')
    table.db.execute('CREATE SCHEMA "Crm"')
    table.db.execute('CREATE TABLE "Crm"."Tickets 50%" ("Id" int, "a:b" text)')
    table.db.execute("""INSERT INTO "Crm"."Tickets 50%" VALUES (1, 'x'), (2, 'y')""")
    with table.reading(table="Crm.Tickets 50%", mark="Id", recording=True) as reading:
        assert reading.to_end().rows == [{"Id": 1, "a:b": "x"}, {"Id": 2, "a:b": "y"}]
    query = """SELECT "Id"::bigint AS nr, 'a' AS what, 'b' AS what FROM "Crm"."Tickets 50%" WHERE "a:b" LIKE 'x%'"""
    with table.reading(query=query, mark="nr", recording=True) as reading:
        assert reading.to_end().rows == [{"nr": 1, "what": "a", "what_2": "b"}]


def test_the_database_is_only_read(table: Table) -> None:
    table.made(TICKETS)
    table.db.execute("INSERT INTO tickets VALUES (1)")
    table.db.execute(
        "CREATE OR REPLACE FUNCTION harm() RETURNS int LANGUAGE sql AS 'DELETE FROM tickets WHERE id = 1 RETURNING 1'"
    )
    with table.reading(query="SELECT id, harm() FROM tickets") as reading:
        reading.until(lambda: reading.status is Status.UNREACHABLE)
        assert reading.feed._reader is not None
        assert "read-only transaction" in str(reading.feed._reader.trouble)


def test_a_query_that_takes_too_long_is_ended_on_the_server(table: Table) -> None:
    table.made(TICKETS)
    table.db.execute("INSERT INTO tickets VALUES (1)")
    with table.reading(query="SELECT id, pg_sleep(60)::text AS x FROM tickets", timeout="1s") as reading:
        # A connection has no more time than a query: on a machine that is busy it may be that which is told first.
        reading.until(lambda: "statement timeout" in str(reading.feed.why_unreachable()))
        assert reading.status is Status.UNREACHABLE


def test_no_transaction_is_held_open_while_nobody_polls(table: Table) -> None:
    table.made(TICKETS)
    table.db.execute("INSERT INTO tickets SELECT n FROM generate_series(1, 100) n")
    with table.reading(batch=5, recording=True) as reading:
        reader = reading.feed._reader
        assert reader is not None
        deadline = time.monotonic() + DEADLINE_S
        held = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND pid <> pg_backend_pid()"
        while not reader.pages.full() or table.db.execute(held).fetchone() != (0,):
            assert time.monotonic() < deadline
        assert len(set(reading.to_end().ids())) == 100


def test_a_server_that_dies_is_read_on_when_it_is_back(
    postgres_server: OwnPostgres, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql_reader, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(sql_reader, "LONGEST_WAIT_S", 0.05)
    table.made(TICKETS)
    table.db.execute("INSERT INTO tickets SELECT n FROM generate_series(1, 50) n")
    with structlog.testing.capture_logs() as logs, table.reading() as reading:
        reading.sweep()
        postgres_server.stop()
        reading.until(lambda: reading.status is Status.UNREACHABLE)
        postgres_server.start()
        fresh = Table(postgres_server)
        fresh.db.execute("INSERT INTO tickets SELECT n FROM generate_series(51, 60) n")
        fresh.db.close()
        reading.until(lambda: reading.status is not Status.UNREACHABLE)
        assert reading.sweep().ids() == list(range(1, 61))
    assert {entry["event"] for entry in logs} == {"sql.unreachable", "sql.reachable"}
