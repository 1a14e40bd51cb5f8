"""``makegood explain`` over a real Redis, files of findings, and a process that is asked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from alerts.model import AlertDetail, NotificationRecord, rfc3339
from alerts.store import AlertStore
from detectors.contract import AlertChange
from detectors.wording import time_text
from pipeline.findings.alerted import from_lines, lines
from pipeline.findings.page import PATH, findings_page
from pipeline.findings.places import findings_paths
from pipeline.findings.store import FindingStore
from pipeline.server import StatusServer
from tests.cli.support import Finished, makegood
from tests.support.alerts import change
from tests.support.events import HOUR_US
from tests.support.findings import Recorded, finding, record
from tests.support.redis import fresh_store, redis_client, redis_server

FIRED = "2026-03-05T00:30:00Z"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """A recording, with its findings where a flow would have kept them."""
    recorded = record(tmp_path_factory.mktemp("recorded"))
    half = len(recorded.findings) // 2
    for index, some in enumerate((recorded.findings[:half], recorded.findings[half:])):
        store = FindingStore(recorded.settings.store.dir / f"findings-{index}.db")
        store.add(some)
        store.close()
    return recorded


def explain(recorded: Recorded, *arguments: str | Path) -> Finished:
    return makegood("explain", "--config", recorded.config, *arguments)


def explained(recorded: Recorded, *arguments: str | Path) -> Any:
    done = explain(recorded, "--json", *arguments)
    assert (done.returncode, done.defect) == (0, None), done.stderr
    return json.loads(done.stdout)


def test_a_window_that_fired_is_told_in_words(recorded: Recorded) -> None:
    fired = next(one for one in recorded.findings if one.verdict == "fires" and one.group == {"service": "mobile"})
    begin, end = time_text(fired.start_us), time_text(fired.end_us)
    done = explain(recorded, "sentiment_drop", "service=mobile", rfc3339(fired.end_us))
    assert (done.returncode, done.defect) == (0, None)
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"sentiment_drop, service=mobile: window {begin} to {end} UTC (1h), ")
    assert lines[1].startswith("An alert opened: p = ")
    text = done.stdout
    for words in (
        "keeps alert_budget: 2 per week: about ",
        " windows a day are judged, in all groups together",
        "settings  as in the settings file",
        "(6 are needed)",
        f"alert     since {end} UTC; resolves above p = 0.05",
        "negative_share",
        "mean sentiment",
        "the last windows of the group together",
        "all of them",
        "needed to be unusual (p <= ",
        "windows of this group",
        "other groups at this time (2 of 2",
        "service=broadband",
    ):
        assert words in text, words
    assert [line for line in lines if line.startswith(f">  {end}")]
    assert not [line for line in lines if line != line.rstrip()]


def test_a_window_without_an_alert_says_what_would_have_been_needed(recorded: Recorded) -> None:
    told = explained(recorded, "sentiment_drop", "service=tv", FIRED)["finding"]
    assert (told["verdict"], told["level"] < told["p_value"]) == ("quiet", True)
    assert told["why"].startswith("No alert: p = ")
    share = next(need for need in told["needs"] if need["view"] == "negative_share")
    assert share["counts"]
    assert share["was"] < share["figure"] < told["count"]
    assert share["text"].endswith(f"negative of {told['count']} messages")
    assert {view["view"] for view in told["views"]} == {"negative_share", "mean", "shift"}
    assert told["rules"]["alert_budget"] == "2 per week"
    assert (len(told["before"]), len(told["after"]), len(told["siblings"])) == (11, 4, 2)


def test_each_verdict_of_a_recording_can_be_told(recorded: Recorded) -> None:
    verdicts = {one.verdict: one for one in recorded.findings if one.detector == "sentiment_drop"}
    assert verdicts.keys() >= {"quiet", "warming_up", "fires", "still_firing"}
    for verdict, one in verdicts.items():
        group = f"service={one.group['service']}"
        told = explained(recorded, "sentiment_drop", group, rfc3339(one.end_us))
        assert told["finding"]["verdict"] == verdict
        assert explain(recorded, "sentiment_drop", group, rfc3339(one.end_us)).returncode == 0


def test_times_may_be_now_and_offsets_from_it(recorded: Recorded) -> None:
    newest = explained(recorded, "sentiment_drop", "service=mobile")["finding"]["end"]
    assert explained(recorded, "sentiment_drop", "service=mobile", "now")["finding"]["end"] == newest
    before = explained(recorded, "sentiment_drop", "service=mobile", "-2h")["finding"]["end"]
    assert (newest[11:13], before[11:13]) == ("23", "21")


def test_the_lines_of_a_replay_are_explained_too(recorded: Recorded) -> None:
    lines = recorded.folder / "findings.jsonl"
    of_lines = explained(recorded, "sentiment_drop", "service=mobile", FIRED, "--findings", lines)
    assert of_lines == explained(recorded, "sentiment_drop", "service=mobile", FIRED)


def test_a_process_is_asked_over_http(recorded: Recorded) -> None:
    page = findings_page(lambda: findings_paths(recorded.settings))
    with StatusServer("127.0.0.1:0", lambda: (True, {}), pages={PATH: page}) as server:
        url = f"http://127.0.0.1:{server.port}"
        asked = explained(recorded, "sentiment_drop", "service=mobile", FIRED, "--at", url)
        assert asked == explained(recorded, "sentiment_drop", "service=mobile", FIRED)
        missing = explain(recorded, "sentiment_drop", "service=nobody", "--at", url)
        assert missing.returncode == 2
        assert "service=mobile" in missing.stderr
        assert explain(recorded, "mood", "all", "--at", url + "/metrics/").returncode == 2
    gone = explain(recorded, "sentiment_drop", "service=mobile", "--at", url)
    assert (gone.returncode, gone.defect) == (1, None)
    assert "cannot be asked" in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("sentment_drop", "all"), "there are sentiment_drop"),
        (("sentiment_drop", "service=mobil"), "there are service=mobile"),
        (("sentiment_drop",), "say which group of sentiment_drop; there are"),
        (("sentiment_drop", "service=mobile", "2020-01-01T00:00:00Z"), "those that ended from 2026-03-0"),
        (("sentiment_drop", "service=mobile", "teatime"), "'teatime' is not a time"),
        (("sentiment_drop", "mobile"), "'mobile' is not a group"),
        (("sentiment_drop", "all", "now", "--findings", "x", "--at", "y"), "give one of them"),
    ],
)
def test_what_cannot_be_found_is_told_with_what_there_is(
    recorded: Recorded, arguments: tuple[str, ...], told: str
) -> None:
    done = explain(recorded, *arguments)
    assert (done.returncode, done.defect) == (2, None)
    assert told in done.stderr


def test_without_findings_it_is_said_where_they_would_be(recorded: Recorded, tmp_path: Path) -> None:
    text = recorded.config.read_text().replace(str(recorded.settings.store.dir), str(tmp_path / "nothing"))
    (tmp_path / "m.yaml").write_text(text)
    done = makegood("explain", "--config", tmp_path / "m.yaml", "sentiment_drop", "all")
    assert (done.returncode, done.defect) == (2, None)
    assert "there are no findings in" in done.stderr


def test_settings_that_have_changed_since_are_said_to_have(recorded: Recorded, tmp_path: Path) -> None:
    text = recorded.config.read_text().replace("type: sentiment_drop", "type: sentiment_drop\n    views: [mean]")
    (tmp_path / "m.yaml").write_text(text)
    done = makegood("explain", "--config", tmp_path / "m.yaml", "sentiment_drop", "service=tv", FIRED, "--json")
    told = json.loads(done.stdout)["finding"]
    assert told["needs"] == []
    assert "what was needed cannot be told: the settings of the detector have changed since" in told["notes"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def stored(url: str, recorded: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """The recording with its alerts in a store."""
    with redis_client(url) as client:
        store: AlertStore = fresh_store(client)
        store.apply(changes(recorded))
        store.apply([change("Other", case_id="c9", summary="Case c9")])
        monkeypatch.setenv("MAKEGOOD_REDIS_URL", url)
        text = recorded.config.read_text()
        text = text.replace("store: {", f"store: {{prefix: '{store.settings.prefix}', ")
        path = tmp_path / "m.yaml"
        path.write_text(text)
        yield recorded._replace(config=path)


def test_an_alert_leads_to_the_window_that_opened_it(stored: Recorded) -> None:
    print_ = next(
        one.fingerprint
        for one in changes(stored)
        if one.labels.get("service") == "mobile" and one.labels["detector"] == "sentiment_drop"
    )
    told = explained(stored, print_)
    assert told["alert"]["fingerprint"] == print_
    assert (told["finding"]["verdict"], told["finding"]["end"]) == ("fires", told["alert"]["startsAt"])
    again = explained(stored, print_[:6])
    assert {**again, "delivery": None} == {**told, "delivery": None}
    assert again["delivery"]["code"] == told["delivery"]["code"]
    text = explain(stored, print_[:6]).stdout
    assert text.startswith(f"alert {print_}: firing, mobile: ")
    assert "An alert opened: " in text


def test_each_change_of_an_alert_says_who_was_told_of_it(stored: Recorded) -> None:
    one = change("Told", summary="Posts are angry")
    note = NotificationRecord(
        key="mg-1",
        changes=(one.change_id,),
        receiver="on-call",
        status="delivered",
        undelivered=False,
        accepted_us=1,
        done_us=2,
        note="",
        tries=[],
    )
    told = lines(AlertDetail(current=one, history=[one], notifications=[note]))
    assert told[-1].endswith("firing: Posts are angry; told on-call: delivered")


def test_an_alert_of_a_case_is_told_with_its_story(stored: Recorded) -> None:
    resolved = next(one for one in changes(stored) if one.step == "resolved" and one.labels["detector"] == "sla_breach")
    told = explained(stored, resolved.fingerprint)
    assert told["finding"] is None
    assert [step["status"] for step in told["alert"]["history"]][-1] == "resolved"
    lines = explain(stored, resolved.fingerprint).stdout.splitlines()
    assert any("resolved" in line and resolved.annotations["summary"] in line for line in lines)


def test_an_alert_whose_window_is_gone_is_told_without_it(stored: Recorded, tmp_path: Path) -> None:
    print_ = mood(stored)
    (tmp_path / "f.jsonl").write_bytes((stored.folder / "findings.jsonl").read_bytes().splitlines()[-1] + b"\n")
    told = explained(stored, print_, "--findings", tmp_path / "f.jsonl")
    assert told["finding"] is None
    assert told["note"]


def test_an_unknown_alert_and_an_ambiguous_beginning_list_those_there_are(stored: Recorded) -> None:
    for prefix, words in (
        ("zz", "there is no alert or detector 'zz'; the newest alerts are\n"),
        ("", "several alerts"),
    ):
        done = explain(stored, prefix)
        assert (done.returncode, done.defect) == (2, None)
        assert words in done.stderr


def test_alerts_of_a_replay_are_found_in_its_lines(stored: Recorded) -> None:
    print_ = mood(stored)
    told = explained(stored, print_, "--alerts", stored.folder / "alerts.jsonl")
    assert told["finding"] == explained(stored, print_)["finding"]


def test_who_asks_must_be_somebody_and_ask_about_an_alert(stored: Recorded) -> None:
    print_ = mood(stored)
    lines = stored.folder / "alerts.jsonl"
    for arguments, words in (
        ((print_, "--receiver", "nobody"), "there is no receiver 'nobody'"),
        ((print_, "--for", "nobody"), "there is no person 'nobody'"),
        ((print_, "--for", "a", "--receiver", "b"), "give one of them"),
        (("sentiment_drop", "all", "--receiver", "b"), "ask about an alert, not about a window"),
        (("K7F9", "--receiver", "nobody"), "there is no receiver 'nobody'"),
    ):
        done = explain(stored, *arguments)
        assert (done.returncode, done.defect) == (2, None)
        assert words in done.stderr
    assert explain(stored, print_, "--alerts", lines).returncode == 0


def test_an_alert_is_found_by_its_code(stored: Recorded) -> None:
    told = explained(stored, mood(stored))
    assert explained(stored, told["delivery"]["code"])["alert"] == told["alert"]
    unknown = explain(stored, "ZZ9")
    assert (unknown.returncode, unknown.defect) == (1, None)


def mood(recorded: Recorded) -> str:
    """Return the fingerprint of the alert about mobile, which is open at the end."""
    found = [one for one in changes(recorded) if one.labels["detector"] == "sentiment_drop"]
    return next(one.fingerprint for one in found if one.labels["service"] == "mobile")


def changes(recorded: Recorded) -> list[AlertChange]:
    """Return the changes of the recording's alerts."""
    lines = [json.loads(line) for line in (recorded.folder / "alerts.jsonl").read_bytes().splitlines()]
    prints = dict.fromkeys(line["fingerprint"] for line in lines)
    found = []
    for print_ in prints:
        for number, one in enumerate(from_lines(recorded.folder / "alerts.jsonl", print_).history):
            found.append(msgspec.structs.replace(one, change_id=f"{print_}-{number}"))
    return found


def test_a_window_that_was_judged_by_a_version_says_who_had_it_live_and_why(stored: Recorded, tmp_path: Path) -> None:
    config = stored.config
    name = "sentiment_drop"
    for arguments in (
        ("shadow", name, "--set", "confirm=2 of 3", "--why", "a try", "--by", "ada"),
        ("promote", name, "--why", "two nights of noise", "--by", "eve"),
    ):
        assert makegood(*arguments, "--config", config).returncode == 0
    late = max(one.end_us for one in stored.findings)
    judged = finding(1, detector=name, service="late")
    of_version = msgspec.structs.replace(judged, version=1, start_us=2 * 10**15 - HOUR_US, end_us=2 * 10**15)
    assert of_version.end_us > late
    kept = FindingStore(findings_paths(stored.settings)[0])
    kept.add([of_version])
    kept.close()
    text = explain(stored, name, "service=late", "now").stdout
    assert "settings  version 1 (confirm: 2 of 3), for windows after " in text
    assert 'by eve: "two nights of noise"' in text
