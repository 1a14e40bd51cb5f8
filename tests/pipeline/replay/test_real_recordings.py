"""Real recordings: breaches equal those computed independently, in SQL, straight from the files."""

import csv
import gzip
import json
import random
from pathlib import Path
from typing import Any

import duckdb
import pytest

from pipeline.assembly import load_settings
from pipeline.replay import Summary, replay, with_feed_paths
from tests.support.data import data_path
from tests.support.killing import replay_killed

EXAMPLES = Path(__file__).resolve().parents[3] / "config" / "examples"
pytestmark = pytest.mark.data


def run_example(name: str, feed: str, recording: Path, out: Path) -> tuple[list[dict[str, Any]], Summary]:
    settings = with_feed_paths(load_settings(EXAMPLES / name).settings, {feed: recording})
    summary = replay(settings, out)
    return [json.loads(line) for line in out.read_bytes().splitlines()], summary


def breached(rows: list[dict[str, Any]]) -> set[str]:
    """Return the cases with a breach that was not taken back."""
    fired = {row["labels"]["case_id"] for row in rows if row["labels"]["alertname"] == "SlaBreach"}
    assert not any("retracted" in row["annotations"].get("reason", "") for row in rows)
    return fired


def test_olist_breaches_equal_those_in_the_table_order_for_order(tmp_path: Path) -> None:
    orders = data_path("olist", "orders.csv")
    rows, summary = run_example("olist.yaml", "orders", orders, tmp_path / "alerts.jsonl")
    with duckdb.connect() as db:
        db.execute(
            """
            create table orders as
            select order_id,
                   strptime(order_purchase_timestamp, '%m/%d/%Y %H:%M') as purchased,
                   strptime(order_delivered_carrier_date, '%m/%d/%Y %H:%M') as shipped,
                   strptime(order_delivered_customer_date, '%m/%d/%Y %H:%M') as delivered,
                   strptime(order_estimated_delivery_date, '%m/%d/%Y %H:%M') as due
            from read_csv(?, all_varchar = true)
            where order_status not in ('canceled', 'unavailable')
            """,
            [str(orders)],
        )
        expected = db.execute(
            """
            select order_id from orders
            where due <= (select max(greatest(purchased, shipped, delivered)) from orders)
              and (delivered is null or delivered > due)
            """
        ).fetchall()
        counts = db.execute("select count(purchased) + count(shipped) + count(delivered) from orders").fetchone()
    assert breached(rows) == {order for (order,) in expected}
    assert len(expected) > 800
    assert counts is not None
    assert summary.events == counts[0]
    assert summary.filtered == 113
    assert (summary.dead_letters, summary.duplicates, summary.late) == (0, 0, 0)


SERVICENOW = """
with rows as (
    select number, incident_state as state, cast(sys_mod_count as int) as n,
           strptime(sys_updated_at, '%d/%m/%Y %H:%M') as moment, strptime(opened_at, '%d/%m/%Y %H:%M') as opened,
           case priority when '1 - Critical' then 4 when '2 - High' then 24 when '3 - Moderate' then 120
                         when '4 - Low' then 240 end * 3600 as target_s
    from read_csv(?, all_varchar = true)
    where incident_state <> '-100'
),
opened as (select number, min(opened) as moment from rows where n <= 1 group by number),
final as (select greatest(max(rows.moment), (select max(moment) from opened)) as moment from rows),
-- a spell from each row to the next one, and one from the opening to the first row
spells as (
    select number, moment, n, state, target_s,
           lead(moment) over w as next_at,
           lead(moment) over w is null as last
    from rows
    window w as (partition by number order by moment, n)
),
firsts as (
    select spells.number, opened.moment, -1 as n, 'New' as state,
           first(spells.target_s order by spells.moment, spells.n) as target_s,
           min(spells.moment) as next_at, false as last
    from spells join opened using (number) group by spells.number, opened.moment
),
joined as (
    select s.number, greatest(s.moment, opened.moment) as moment, s.n, s.state, s.target_s,
           greatest(coalesce(s.next_at, final.moment), opened.moment) as until, s.last
    from (select * from spells union all select * from firsts) s
    join opened using (number) cross join final
),
running as (
    select *, state not in ('Awaiting User Info', 'Resolved', 'Closed') as runs,
           date_diff('second', moment, until) as wall_s
    from joined
),
spent as (
    select *, sum(case when runs then wall_s else 0 end)
              over (partition by number order by moment, n rows unbounded preceding) as spent_s
    from running
)
select distinct number from spent
where runs and (spent_s > target_s or (last and spent_s = target_s))
"""


def test_servicenow_breaches_of_every_tenth_incident_equal_those_computed_in_sql(tmp_path: Path) -> None:
    with gzip.open(data_path("servicenow_incident_event_log.csv.gz"), "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    some = {number for place, number in enumerate(dict.fromkeys(row[0] for row in rows)) if place % 10 == 0}
    log = tmp_path / "some.csv"
    with log.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *(row for row in rows if row[0] in some)])
    told, summary = run_example("servicenow.yaml", "incidents", log, tmp_path / "alerts.jsonl")
    with duckdb.connect() as db:
        expected = {number for (number,) in db.execute(SERVICENOW, [str(log)]).fetchall()}
    assert breached(told) == expected
    assert len(expected) > 100
    assert summary.records == summary.events + summary.duplicates + summary.dead_letters


@pytest.mark.slow
def test_servicenow_breaches_equal_those_computed_in_sql(tmp_path: Path) -> None:
    log = data_path("servicenow_incident_event_log.csv.gz")
    rows, summary = run_example("servicenow.yaml", "incidents", log, tmp_path / "alerts.jsonl")
    with duckdb.connect() as db:
        expected = {number for (number,) in db.execute(SERVICENOW, [str(log)]).fetchall()}
    assert breached(rows) == expected
    assert len(expected) > 1000
    assert summary.dead_letters_by_reason == {"unmapped_value": 5}
    # Each of the 141,712 rows is one update, and each of the 24,918 incidents was opened once.
    assert summary.events == 141_712 - 5 + 24_918
    assert summary.records == summary.events + summary.duplicates + summary.dead_letters


def test_airline_mood_drops_in_the_storms_and_hardly_before(tmp_path: Path) -> None:
    tweets = data_path("airline_tweets", "Tweets.csv")
    rows, summary = run_example("airline.yaml", "tweets", tweets, tmp_path / "alerts.jsonl")
    fired = [(row["labels"]["airline"], row["startsAt"]) for row in rows if row["status"] == "firing"]
    assert {row["labels"]["alertname"] for row in rows} == {"SentimentDrop"}
    assert any(a == "Southwest" and "2015-02-21T12:00" <= t <= "2015-02-22T12:00:00.0" for a, t in fired)
    assert any(a == "Delta" and "2015-02-22T12:00" <= t <= "2015-02-23T12:00:00.0" for a, t in fired)
    assert sum(t < "2015-02-21" for _, t in fired) <= 2
    assert summary.events + summary.duplicates == summary.records == 14_640
    assert summary.dead_letters == 0


RECORDINGS = [
    ("olist.yaml", "orders", ("olist", "orders.csv")),
    ("airline.yaml", "tweets", ("airline_tweets", "Tweets.csv")),
    pytest.param("servicenow.yaml", "incidents", ("servicenow_incident_event_log.csv.gz",), marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "feed", "recording"), RECORDINGS)
def test_real_recordings_give_the_same_bytes_however_they_are_cut_ordered_and_repeated(
    tmp_path: Path, name: str, feed: str, recording: tuple[str, ...]
) -> None:
    path = data_path(*recording)
    run_example(name, feed, path, tmp_path / "reference.jsonl")
    reference = (tmp_path / "reference.jsonl").read_bytes()
    settings = load_settings(EXAMPLES / name).settings
    for number, (shards, batch_size, copies) in enumerate([(1, 977, 1), (5, 2000, 2)]):
        out = tmp_path / f"alerts-{number}.jsonl"
        flow = settings.flow.model_copy(update={"shards": shards, "batch_size": batch_size})
        shuffled = shuffled_rows(path, tmp_path / f"rows-{number}.csv", seed=number, copies=copies)
        replay(with_feed_paths(settings.model_copy(update={"flow": flow}), {feed: shuffled}), out)
        assert out.read_bytes() == reference


def shuffled_rows(source: Path, target: Path, *, seed: int, copies: int) -> Path:
    """Write the table with its rows in another order, each ``copies`` times."""
    opener = gzip.open if source.suffix == ".gz" else open
    with opener(source, "rt", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    rows = rows * copies
    random.Random(seed).shuffle(rows)
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return target


@pytest.mark.parametrize(("name", "feed", "recording"), RECORDINGS)
def test_real_recordings_give_the_same_bytes_when_killed_and_resumed(
    tmp_path: Path, name: str, feed: str, recording: tuple[str, ...]
) -> None:
    path = data_path(*recording)
    run_example(name, feed, path, tmp_path / "reference.jsonl")
    config = tmp_path / name
    config.write_text(
        (EXAMPLES / name).read_text(encoding="utf-8") + "\nflow: {batch_size: 100, epoch: 20ms}\n", encoding="utf-8"
    )
    out = tmp_path / "alerts.jsonl"
    _, kills = replay_killed(config, ["--feed", f"{feed}={path}"], out, random.Random(name))
    assert kills > 0
    assert out.read_bytes() == (tmp_path / "reference.jsonl").read_bytes()
