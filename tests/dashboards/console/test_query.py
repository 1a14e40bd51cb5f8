import pytest

from alerts.changelog import Seq
from alerts.response_model import Acknowledgement, Assignment
from alerts.urgency import Urgency
from dashboards.console.groups import Sort, grouped, page_of, singles
from dashboards.console.query import QueryError, parse, written
from dashboards.console.storm import told
from dashboards.console.table import Place, Row
from dashboards.mirror import OpenAlert
from dashboards.priority import Priority
from tests.support.alerts import change

NOW = 1_800_000_000_000_000
MINUTE = 60_000_000


def row(
    name: str = "Slow",
    *,
    place: Place = "open",
    priority: Priority = 3,
    minutes: int = 1,
    incident: int | None = None,
    to: str = "",
    by: str = "",
    **labels: str,
) -> Row:
    one = change(name, summary=f"{name} is slow", **labels)  # type: ignore[arg-type]
    since_us = NOW - minutes * MINUTE
    alert = OpenAlert(
        change=one,
        since=Seq(since_us // 1000),
        seq=Seq(since_us // 1000),
        changes=1,
        acknowledgement=Acknowledgement(by=by, at_us=NOW, until_us=None, episode=one.starts_at_us) if by else None,
        assignment=Assignment(to=to, by="x", at_us=NOW, episode=one.starts_at_us) if to else None,
        incident=incident,
        urgency=Urgency(rank=2, name="normal", why=""),
        places=(),
    )
    return Row(alert, place, priority, since_us, since_us, "")


def takes(query: str, one: Row) -> bool:
    return parse(query, "anna", NOW).takes(one)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("service=pay", True),
        ("service=pa", False),
        ('site=~"ams.*"', True),
        ("site!=ams2", False),
        ("p<=2", True),
        ("p<2", False),
        ("p:2", True),
        ("P>=3", False),
        ("age>10m", True),
        ("age<10m", False),
        ("owner:me", True),
        ("owner:none", False),
        ("owner:ben", False),
        ("incident:7", True),
        ("incident:INC-7", True),
        ("incident:8", False),
        ('"is slow"', True),
        ("SLOW", True),
        ("is slow", True),
        ('"nothing of it"', False),
        ('service=pay p<=2 "slow"', True),
        ("service=pay p<=1", False),
        ("", True),
    ],
)
def test_a_query_takes_what_all_its_parts_take(query: str, found: bool) -> None:
    one = row(priority=2, minutes=30, incident=7, to="anna", service="pay", site="ams2")
    assert takes(query, one) is found


@pytest.mark.parametrize("query", ["state:nothing", "age>soon", 'service=~"("', "incident:seven", '"open', "x" * 1001])
def test_a_query_that_means_nothing_is_refused_in_words(query: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(query, "anna", NOW)
    assert len(str(refused.value)) > 20


def test_a_written_query_finds_what_it_was_written_for() -> None:
    labels = {"service": 'quo"te \\ and space', "region": "north"}
    assert takes(written(labels), row(**labels))  # type: ignore[arg-type]


def test_groups_come_by_priority_then_unacknowledged_then_newest() -> None:
    rows = [
        row("A", priority=3, minutes=1, service="a"),
        row("B", priority=1, place="acked", by="ben", minutes=1, service="b"),
        row("C", priority=1, minutes=9, service="c"),
        row("D", priority=1, minutes=2, service="d"),
        row("E", priority=3, minutes=0, service="e"),
    ]
    assert [group.head.alert.labels["alertname"] for group in grouped(rows)] == ["D", "C", "B", "E", "A"]


def test_alerts_of_one_detector_about_one_service_are_one_row() -> None:
    rows = [row("A", service="a", case=str(number)) for number in range(9)] + [row("A", service="b")]
    assert sorted(len(group.rows) for group in grouped(rows)) == [1, 9]


def test_pages_hold_every_row_once_though_rows_come_and_go_between_them() -> None:
    groups = grouped([row("A", service=str(number), minutes=number) for number in range(7)])
    first = page_of(groups, "", 3)
    changed = grouped([row("New", minutes=0, service="new"), *(one.head for one in groups[1:])])
    second = page_of(changed, first.after, 3)
    third = page_of(changed, second.after, 3)
    assert [len(one.groups) for one in (first, second, third)] == [3, 3, 1]
    assert (first.before, third.after) == ("", "")
    assert len({group.key for part in (first, second, third) for group in part.groups}) == 7


def test_the_page_before_is_the_one_that_was_left() -> None:
    groups = grouped([row("A", service=str(number), minutes=number) for number in range(8)])
    first = page_of(groups, "", 3)
    second = page_of(groups, first.after, 3)
    third = page_of(groups, second.after, 3)
    assert page_of(groups, "", 3, third.before).groups == second.groups
    assert page_of(groups, "", 3, second.before) == first
    assert page_of(groups, "nonsense", 3, "more.of.it") == first


@pytest.mark.parametrize(
    ("sort", "order"),
    [("worst", "BADC"), ("newest", "DCAB"), ("oldest", "BACD"), ("largest", "CDAB")],
)
def test_the_list_is_ordered_as_it_is_asked_for_and_leads_on_in_that_order(sort: Sort, order: str) -> None:
    rows = [
        row("A", priority=2, minutes=8),
        row("B", priority=1, minutes=9),
        *(row("C", minutes=7, case=str(number)) for number in range(2)),
        row("D", minutes=3),
    ]
    groups = grouped(rows, sort)
    found = "".join(one.head.alert.labels["alertname"] for one in groups)
    assert found == order
    second = page_of(groups, page_of(groups, "", 2).after, 2)
    assert second.groups == groups[2:]
    assert [one.order for one in singles(rows, sort)] == sorted(one.order for one in singles(rows, sort))


def test_the_lines_of_a_storm_cover_every_alert_once_on_one_screen() -> None:
    rows = [row(f"N{number % 20}", service=f"s{number % 13}", site="ams2", n=str(number)) for number in range(400)]
    rows += [row("Other", service=f"o{number % 9}", n=str(number)) for number in range(60)]
    storm = told(rows, NOW, NOW)
    assert len(storm.lines) <= 12
    assert sum(line.alerts for line in storm.lines) == len(rows) == storm.open
    assert storm.shared[0] == ("detector", "test", 460)
    assert ("site", "ams2", 400) in storm.shared
    for line in storm.lines:
        assert sum(takes(line.query, one) for one in rows) == line.alerts, line
    assert any(line.rest for line in storm.lines), "what the big explanation does not cover has lines of its own"
