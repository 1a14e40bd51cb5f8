"""Questions about findings: which window a time means, what is around it, and what is said of what is not there."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from detectors.contract import Finding
from pipeline.findings.asking import moment_text, parse_group, parse_moment
from pipeline.findings.query import (
    NEWEST,
    Findings,
    Moment,
    NotFoundError,
    UnreadableError,
    group_text,
    of_lines,
    opened,
)
from pipeline.findings.store import FindingStore
from tests.support.events import HOUR_US, MINUTE_US, START_US
from tests.support.findings import Recorded, finding

A = {"service": "a", "region": "n"}


def write(path: Path, findings: list[Finding]) -> Path:
    store = FindingStore(path)
    store.add(findings)
    store.close()
    return path


@pytest.fixture
def findings(tmp_path: Path) -> Iterator[Findings]:
    """Hours 1 to 20 of group a without hours 8 to 10, and some of others."""
    rows = [finding(hour, service="a", region="n") for hour in range(1, 21) if hour not in (8, 9, 10)]
    rows += [finding(5, p_value=p, service=name, region="n") for name, p in (("b", 0.5), ("c", 1e-5), ("d", None))]
    rows += [finding(5, detector="other", service="b", region="n")]
    with opened([write(tmp_path / "findings.db", rows)]) as found:
        yield found


def hour_at(findings: Findings, moment: Moment) -> float:
    return (findings.around("mood", A, moment).finding.end_us - START_US) / HOUR_US


@pytest.mark.parametrize(
    ("at_us", "hour", "inside"),
    [
        (4 * HOUR_US + 1, 5, True),
        (5 * HOUR_US, 5, True),
        (5 * HOUR_US - 1, 5, True),
        (0, 1, True),
        (8 * HOUR_US, 7, False),
        (10 * HOUR_US, 11, True),
        (25 * HOUR_US, 20, False),
    ],
)
def test_a_time_means_the_window_that_it_is_in_or_else_the_last_before(
    findings: Findings, at_us: int, hour: int, inside: bool
) -> None:
    around = findings.around("mood", A, Moment(START_US + at_us))
    assert (around.finding.end_us - START_US, around.inside) == (hour * HOUR_US, inside)


def test_now_is_the_newest_window_and_offsets_count_from_it(findings: Findings) -> None:
    assert hour_at(findings, NEWEST) == 20
    assert hour_at(findings, parse_moment("-3h")) == 17
    assert hour_at(findings, parse_moment("now-30m")) == 20


def test_overlapping_windows_mean_the_first_that_ends_then_or_later(tmp_path: Path, recorded: Recorded) -> None:
    with opened([write(tmp_path / "f.db", recorded.findings)]) as found:
        around = found.around("sentiment_drop", {"service": "tv"}, Moment(START_US + 40 * HOUR_US + MINUTE_US))
    assert around.finding.end_us == START_US + 40 * HOUR_US + 15 * MINUTE_US
    assert [one.end_us - around.finding.end_us for one in around.after] == [n * 15 * MINUTE_US for n in (1, 2, 3, 4)]


def test_around_a_window_are_those_of_its_group_in_order_and_other_groups_by_p_value(findings: Findings) -> None:
    around = findings.around("mood", A, Moment(START_US + 5 * HOUR_US), before=3, after=2)
    hours = [[(one.end_us - START_US) // HOUR_US for one in some] for some in (around.before, around.after)]
    assert hours == [[2, 3, 4], [6, 7]]
    assert [one.group["service"] for one in around.siblings] == ["c", "b", "d"]
    assert (around.groups, around.newest_us) == (4, START_US + 20 * HOUR_US)


def test_a_group_may_be_named_by_the_labels_that_tell_it_apart(findings: Findings) -> None:
    assert findings.around("mood", {"service": "c"}, NEWEST).finding.group == {"service": "c", "region": "n"}
    with pytest.raises(NotFoundError, match="several groups have region=n: "):
        findings.around("mood", {"region": "n"}, NEWEST)


def test_a_group_with_an_empty_label_is_named_without_it(tmp_path: Path) -> None:
    rows = [finding(1, service="", region="n"), finding(1, service="x", region="n")]
    with opened([write(tmp_path / "f.db", rows)]) as found:
        assert found.around("mood", {"region": "n"}, NEWEST).finding.group["service"] == ""


@pytest.mark.parametrize(
    ("detector", "group", "at_us", "told"),
    [
        ("mod", A, 0, "there is no detector 'mod' in the findings; there are mood, other"),
        (
            "mood",
            {"service": "aa", "region": "n"},
            0,
            "'region=n,service=aa' in the findings; there are region=n,service=a, ",
        ),
        ("mood", A, -2 * HOUR_US, "there is no window at 2026-.*; there are those that ended from 2026-"),
    ],
)
def test_what_is_not_there_is_told_with_what_there_is(
    findings: Findings, detector: str, group: dict[str, str], at_us: int, told: str
) -> None:
    with pytest.raises(NotFoundError, match=told):
        findings.around(detector, group, Moment(START_US + at_us))


def test_the_files_of_several_processes_are_read_as_one(tmp_path: Path) -> None:
    first = write(tmp_path / "findings-0.db", [finding(hour, service="a") for hour in (1, 2, 3)])
    second = write(
        tmp_path / "findings-1.db", [finding(hour, service="a") for hour in (3, 4)] + [finding(3, service="b")]
    )
    with opened([first, second]) as found:
        around = found.around("mood", {"service": "a"}, Moment(START_US + 3 * HOUR_US))
    assert [len(around.before), len(around.after), len(around.siblings)] == [2, 1, 1]


def test_the_lines_of_a_replay_are_read_as_a_file_is(recorded: Recorded, tmp_path: Path) -> None:
    moment = Moment(START_US + 50 * HOUR_US)
    with ExitStack() as stack:
        of_file = stack.enter_context(opened([write(tmp_path / "f.db", recorded.findings)]))
        of_line = stack.enter_context(of_lines(recorded.folder / "findings.jsonl"))
        group = {"service": "mobile"}
        assert of_file.around("sentiment_drop", group, moment) == of_line.around("sentiment_drop", group, moment)


def test_a_line_that_is_no_finding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text('{"detector": 1}\n')
    with pytest.raises(UnreadableError, match=r"f.jsonl:1 is no finding: "), of_lines(path):
        pass


def test_no_files_have_no_detectors() -> None:
    with opened([]) as found, pytest.raises(NotFoundError, match="nothing has been found yet"):
        found.around("mood", {}, NEWEST)


@pytest.mark.parametrize("text", ["service", "=a", '{"a": 1}', "a=b,,"])
def test_a_group_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="labels"):
        parse_group(text)


def test_groups_are_written_as_they_are_read() -> None:
    assert parse_group(group_text(A)) == A
    assert parse_group("all") == parse_group("") == {}
    assert parse_group('{"a": "b,c=d"}') == {"a": "b,c=d"}


@pytest.mark.parametrize("text", ["2026-03-02T14:00:00Z", "2026-03-02T16:00:00+02:00", "2026-03-02T14:00:00", "-2h30m"])
def test_times_are_read_as_they_are_written(text: str) -> None:
    assert parse_moment(moment_text(parse_moment(text))) == parse_moment(text)


@pytest.mark.parametrize("text", ["yesterday", "-2", "2h", "now-", ""])
def test_a_time_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="write 2026-"):
        parse_moment(text)


def test_the_newest_findings_of_several_groups_are_given_oldest_first(findings: Findings) -> None:
    found = findings.newest([("mood", A), ("mood", {"service": "none"}), ("other", {"service": "b", "region": "n"})], 3)
    assert [[(one.end_us - START_US) / HOUR_US for one in group] for group in found] == [[18, 19, 20], [], [5]]
