"""Debian's ``amtool`` against us and against the real Alertmanager holding the same alerts: it writes the same.

What must differ is made equal first: ids of silences (each has its own), the time of what was done just now, and the
warning that amtool and Alertmanager are of different releases. Of JSON, ``updatedAt`` too. What is meant to differ has
tests of its own at the end.
"""

import json
import re
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alerts.model import rfc3339
from tests.dashboards.api.v2.conftest import Both, now_us
from tests.support.alertmanager import needs_alertmanager, needs_amtool
from tests.support.patience import PATIENCE_S, until

pytestmark = [needs_amtool, needs_alertmanager, pytest.mark.usefixtures("shown")]
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WARNING = re.compile(r"^Warning: amtool version .* are different\.\n", re.MULTILINE)
UPDATED = re.compile(r'"updatedAt":"[^"]*"')
AGO_US, AHEAD_US = 3_600_000_000, 86_400_000_000
FAR = "2035-06-01T00:00:00Z"

ALERTS: list[dict[str, Any]] = [
    {"labels": {"alertname": "HighLoad", "service": "pay", "severity": "critical", "instance": "a:9100"}},
    {"labels": {"alertname": "HighLoad", "service": "pay", "severity": "warning", "instance": "b:9100"}},
    {"labels": {"alertname": "HighLoad", "service": "shop", "severity": "warning", "team": "web", "zone": "a"}},
    {"labels": {"alertname": "Outage", "service": "mail", "severity": "critical"}},
    {"labels": {"alertname": "SlowMail", "service": "mail", "severity": "warning", "team": "shop"}},
    {"labels": {"alertname": "SlowMail", "service": "post", "severity": "warning", "team": "shop"}},
    {"labels": {"alertname": "Quoted", "path": 'C:\\new "folder"', "city": "Malmö", "note": "two words, three"}},
    {"labels": {"alertname": "Lines", "text": "first\nsecond", "empty": "", "service": "payments"}},
    {"labels": {"job": "no-name"}},
]


class Ran(NamedTuple):
    status: int
    out: str
    err: str


def post(url: str, alerts: Sequence[dict[str, Any]]) -> None:
    request = urllib.request.Request(  # noqa: S310 - addresses of our own
        f"{url}/api/v2/alerts", data=json.dumps(alerts).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
        assert (answer.status, answer.read()) == (200, b"")


def asked(url: str, path: str) -> Any:
    with urllib.request.urlopen(f"{url}/api/v2/{path}", timeout=PATIENCE_S) as answer:  # noqa: S310
        return json.loads(answer.read())


def run(url: str, *arguments: str) -> Ran:
    done = subprocess.run(
        ["amtool", f"--alertmanager.url={url}", *arguments],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert "panic" not in done.stderr
    return Ran(done.returncode, done.stdout, WARNING.sub("", done.stderr))


def alike(text: str) -> str:
    ids: dict[str, str] = {}
    told = UUID.sub(lambda found: ids.setdefault(found[0], f"ID{len(ids) + 1}".ljust(36, "-")), text)
    return UPDATED.sub('"updatedAt":"..."', told)


def recent(text: str) -> str:
    """Hide times of this hour or the last: of what was done just now."""

    def hidden(found: re.Match[str]) -> str:
        return found[0] if found[1].startswith("2035") else "(now)".ljust(23)

    return re.sub(r"(\d{4})-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{3}Z| UTC)", hidden, text)


def same(both: Both, *arguments: str, now: bool = False) -> Ran:
    ours, theirs = run(both.ours, *arguments), run(both.theirs.url, *arguments)
    as_told = recent if now else str
    assert ours.status == theirs.status, (ours, theirs)
    assert as_told(alike(ours.out)) == as_told(alike(theirs.out))
    assert as_told(alike(ours.err)) == as_told(alike(theirs.err))
    return ours


@pytest.fixture(scope="module")
def holding(both: Both) -> Both:
    """The same alerts in both; some inhibited, some silenced."""
    begin_us = now_us() - AGO_US
    alerts = [
        {
            "startsAt": rfc3339(begin_us + number * 61_000_000),
            "endsAt": rfc3339(begin_us + AHEAD_US + number),
            "annotations": {"summary": f"number {number}", "runbook": f"https://example.com/{number}?a=b&c"},
            "generatorURL": f"http://prometheus.example.com/graph?g0.expr={number}",
            **alert,
        }
        for number, alert in enumerate(ALERTS)
    ]
    post(both.ours, alerts)
    post(both.theirs.url, alerts)
    for url in (both.ours, both.theirs.url):
        done = run(url, "silence", "add", "--author=kim", "--comment=moving", f"--end={FAR}", "service=shop")
        assert done.status == 0, done
    until(lambda: states_of(both.ours) == states_of(both.theirs.url), "the same states")
    return both


def states_of(url: str) -> list[tuple[str, str, list[str], int]]:
    return [
        (
            one["fingerprint"], one["status"]["state"], one["status"]["inhibitedBy"], len(one["status"]["silencedBy"]),
        )
        for one in asked(url, "alerts")
    ]  # fmt: skip


def test_the_same_alerts_are_inhibited_by_the_same_and_silenced(holding: Both) -> None:
    found = states_of(holding.ours)
    assert len(found) == len(ALERTS)
    assert sum(state == "suppressed" for _print, state, _by, _silences in found) == 2
    assert sum(bool(by) for _print, _state, by, _silences in found) == 1
    assert {state for _print, state, _by, _silences in found} == {"active", "suppressed"}


@pytest.mark.parametrize("output", ["simple", "extended", "json"])
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("HighLoad",),
        ("alertname=HighLoad",),
        ("alertname=~High.*", "service!=pay"),
        ("service=~pay",),  # whole values only
        ("service=~pay.*",),
        ("service!~pay.*",),
        ("service=",),
        ("service!=",),
        ("team=~web|shop", "severity=warning", "-s", "-i"),
        ("zone!=a", "-a", "-s", "-i"),
        ('city="Malmö"',),
        ("city=Malmö",),
        ('path="C:\\\\new \\"folder\\""',),
        ('note="two words, three"',),
        ("text=~(?s)first.*",),
        ("instance=~[ab]:\\d+",),
        ("nothing=like this",),
        ("-s",),
        ("-i",),
        ("-a", "-s"),
        ("-u",),
        ("--receiver=boss",),
        ("--receiver=.*o.*", "-a", "-s", "-i"),
        ("--receiver=o",),
    ],
    ids=" ".join,
)
def test_alerts_are_found_alike(holding: Both, arguments: Sequence[str], output: str) -> None:
    done = same(holding, "alert", "query", *arguments, "-o", output)
    assert done.status == 0


def test_what_cannot_be_read_is_refused_alike(holding: Both) -> None:
    assert same(holding, "alert", "query", "a=b", "X").status == 1
    assert same(holding, "alert", "query", "a=b", "X", "-o", "nothing").status == 1
    assert same(holding, "silence", "query", "a=b", "X", "Y").status == 1


def test_the_groups_are_the_same(holding: Both) -> None:
    def told(url: str) -> list[Any]:
        return sorted(
            (one["receiver"]["name"], sorted(one["labels"].items()), sorted(it["fingerprint"] for it in one["alerts"]))
            for one in asked(url, "alerts/groups")
        )

    assert len(told(holding.ours)) > 6
    assert told(holding.ours) == told(holding.theirs.url)
    for query in ("receiver=boss", "filter=service%3Dpay", "silenced=false", "inhibited=false", "active=false"):
        mine, real = (
            {(one["receiver"]["name"], json.dumps(one["labels"]), len(one["alerts"])) for one in found}
            for found in (asked(url, f"alerts/groups?{query}") for url in (holding.ours, holding.theirs.url))
        )
        assert mine == real, query


def test_alerts_are_added_alike(both: Both) -> None:
    span = (f"--start={rfc3339(now_us() - AGO_US)}", "--end=2035-01-01T00:00:00Z")
    added = ("alert", "add", *span, "AddedHere", "added=1", "service=added", "--annotation=summary=by hand")
    assert same(both, *added, "--generator-url=http://example.com/x").out == ""
    same(both, *added, "--generator-url=http://example.com/x")  # a repeat
    same(both, "alert", "add", *span, "alertname=Second", "added=1", 'text="a, b"')
    same(both, "alert", "add", "Third", "added=1", "zone=b")  # no beginning, no end
    asked(both.ours, "alerts")
    until(lambda: not any(state == "unprocessed" for _p, state, *_ in states_of(both.theirs.url)), "Alertmanager")
    for output in ("simple", "extended", "json"):
        done = same(both, "alert", "query", "added=1", "alertname!=Third", "-o", output)
        assert "AddedHere" in done.out
    same(both, "alert", "query", "alertname=Third", now=True)
    assert same(both, "alert", "add").status == 1  # without any label
    same(both, "alert", "add", f"--start={rfc3339(now_us() - AGO_US)}", f"--end={rfc3339(now_us() - 1_000_000)}",
         "AddedHere", "added=1", "service=added")  # fmt: skip
    until(lambda: "AddedHere" not in run(both.ours, "alert", "query", "added=1").out, "the resolve")
    same(both, "alert", "query", "added=1", "alertname!=Third")


def ids(ran: Ran) -> list[str]:
    return UUID.findall(ran.out)


def each(both: Both, *arguments: Sequence[str], now: bool = True) -> tuple[Ran, Ran]:
    """Run a command against both with arguments of their own; compare."""
    mine, real = run(both.ours, *arguments[0]), run(both.theirs.url, *arguments[1])
    assert mine.status == real.status, (mine, real)
    assert recent(alike(mine.out)) == recent(alike(real.out))
    assert recent(alike(mine.err)) == recent(alike(real.err))
    return mine, real


def test_silences_live_alike(both: Both, tmp_path: Path) -> None:
    add = ("silence", "add", "--author=kim", "--comment=CHG-1")
    active = [*add, f"--end={FAR}", "service=life", "team=~web|shop", "x!~a.*", "zone!=a"]
    mine, real = each(both, active, active)
    assert len(ids(mine)) == len(ids(real)) == 1
    pending = [*add, "--start=2035-02-01T00:00:00Z", "--end=2035-03-01T00:00:00Z", "service=life"]
    mine_later, real_later = each(both, pending, pending)
    for arguments in (
        ("service=life",), ("service=life", "zone!=a"), ("team=~web|shop",), ("service=~life",), ("zone=a",),
        ("none=1",),
        ("service=life", "--created-by=kim"), ("service=life", "--created-by=ben"), ("service=life", "-q"),
    ):  # fmt: skip
        for output in ("simple", "extended", "json"):
            same(both, "silence", "query", *arguments, "-o", output, now=True)
    # In place: the end and the comment of an active one. Its id stays.
    for change in (["--end=2035-04-01T00:00:00Z"], ["--comment=CHG-2"]):
        each(both, ["silence", "update", *change, *ids(mine)], ["silence", "update", *change, *ids(real)])
        assert ids(run(both.ours, "silence", "query", "zone!=a", "-q")) == ids(mine)
    # Another beginning: of one to come it changes in place, too.
    change = ["--start=2035-02-02T00:00:00Z"]
    each(both, ["silence", "update", *change, *ids(mine_later)], ["silence", "update", *change, *ids(real_later)])
    # Another beginning of an active one ends it, and another takes its place.
    each(both, ["silence", "update", *change, *ids(mine)], ["silence", "update", *change, *ids(real)])
    for output in ("simple", "extended"):
        same(both, "silence", "query", "zone!=a", "-o", output, now=True)
        same(both, "silence", "query", "--expired", "zone!=a", "-o", output, now=True)
    # What was exported is imported: an id that is known is changed, one that is not becomes a new silence.
    files = {url: tmp_path / f"{number}.json" for number, url in enumerate((both.ours, both.theirs.url))}
    for url, file in files.items():
        file.write_text(run(url, "silence", "query", "service=life", "-o", "json").out)
    own, other = list(files.values()), list(files.values())[::-1]
    for mine_file, real_file in (own, other):
        each(both, ["silence", "import", str(mine_file)], ["silence", "import", str(real_file)])
        same(both, "silence", "query", "service=life", now=True)
    # Ending; a second time does no harm.
    for _ in range(2):
        each(both, ["silence", "expire", *ids(mine_later)], ["silence", "expire", *ids(real_later)])
    for state in ("--expired", "--within=1h"):
        same(both, "silence", "query", state, "service=life", now=True)
    for url in (both.ours, both.theirs.url):
        left = ids(run(url, "silence", "query", "service=life", "-q"))
        assert left
        assert run(url, "silence", "expire", *left) == Ran(0, "", "")
    same(both, "silence", "query", "service=life", now=True)


def test_silences_that_make_no_sense_are_refused_alike(both: Both) -> None:
    add = ("silence", "add", "--author=kim", "--comment=x")
    for wrong in (
        ("--start=2035-02-01T00:00:00Z", "--end=2035-01-01T00:00:00Z", "a=b"),
        ("--end=2020-01-01T00:00:00Z", "a=b"),
        ("--start=2019-01-01T00:00:00Z", "--end=2020-01-01T00:00:00Z", "a=b"),
        (),
        ("--author=kim", "a=b", "X"),
    ):
        assert same(both, *add, *wrong).status == 1, wrong
    unknown = "7d2dbcb1-0000-4000-8000-000000000000"
    same(both, "silence", "update", "--end=2035-01-01T00:00:00Z", unknown)


def test_routes_are_shown_and_tried_alike(both: Both, tmp_path: Path) -> None:
    same(both, "cluster", "show")
    same(both, "config", "routes", "show")
    for labels in (
        ["severity=critical"],
        ["team=web", "severity=critical"],
        ["team=shop", "service=x", "zone=b"],
        ["a=b"],
    ):
        done = same(both, "config", "routes", "test", *labels)
        assert done.status == 0
        same(both, "config", "routes", "test", "--tree", *labels)
        same(both, "config", "routes", "test", f"--verify.receivers={done.out.strip()}", *labels)
        assert same(both, "config", "routes", "test", "--verify.receivers=nobody", *labels).status == 1
    # What we show as our configuration is one that Alertmanager takes.
    exported = tmp_path / "alertmanager.yml"
    exported.write_text(run(both.ours, "config", "show").out)
    checked = subprocess.run(
        ["amtool", "check-config", str(exported)], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert checked.returncode == 0, checked
    assert "SUCCESS" in checked.stdout
    both.theirs.ask("/-/ready")
    local = ["amtool", "config", "routes", "show", f"--config.file={exported}"]
    shown = subprocess.run(local, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    assert shown == run(both.ours, "config", "routes", "show").out


# What is meant to differ.


def test_an_unknown_silence_is_not_found_rather_than_a_failure_of_the_server(both: Both) -> None:
    unknown = "7d2dbcb1-0000-4000-8000-000000000000"
    mine, real = (run(url, "silence", "expire", unknown) for url in (both.ours, both.theirs.url))
    assert (mine.status, real.status) == (1, 1)
    assert "404" in mine.err  # as Alertmanager does from 0.27 on; 0.25 answers 500
    assert "500" in real.err


def test_matchers_of_a_silence_are_sorted(both: Both) -> None:
    for url in (both.ours, both.theirs.url):
        run(url, "silence", "add", "--author=kim", "--comment=order", f"--end={FAR}", "order=2", "b=1")
    mine, real = (
        [[one["name"] for one in found["matchers"]] for found in asked(url, "silences?filter=order%3D2")]
        for url in (both.ours, both.theirs.url)
    )
    assert (mine, real) == ([["b", "order"]], [["order", "b"]])


def test_a_silence_says_why_and_an_alert_keeps_its_beginning(both: Both) -> None:
    silent = ("silence", "add", "--author=kim", "--no-require-comment", "a=b", f"--end={FAR}")
    mine, real = (run(url, *silent) for url in (both.ours, both.theirs.url))
    assert (mine.status, real.status) == (1, 0)
    assert "why" in mine.err
    labels = {"alertname": "Earlier", "only": "begin"}
    first, second = "2026-01-01T00:00:00.000Z", "2025-01-01T00:00:00.000Z"
    for url in (both.ours, both.theirs.url):
        for begins in (first, second):
            post(url, [{"labels": labels, "startsAt": begins, "endsAt": FAR}])
    query = "alerts?filter=only%3Dbegin"
    assert [one["startsAt"] for one in asked(both.ours, query)] == [first]  # whoever has it in hand keeps it
    assert [one["startsAt"] for one in asked(both.theirs.url, query)] == [second]
