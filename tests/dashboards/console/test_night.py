"""What somebody on call at night does in the console beside acknowledging: leads, notes, hands over, sorts, judges."""

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx
import msgspec
import pytest

from alerts.control_log import ControlLog
from alerts.handovers import HandoverBook
from alerts.incident_book import IncidentBook
from alerts.incidents import Incidents
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from alerts.trail import Trail
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.console.feeds import lag_us
from dashboards.console.shell import local_path
from detectors.control import VerdictGiven
from pipeline.assembly import settings_model
from tests.dashboards.console.conftest import PLAIN
from tests.dashboards.console.test_pages import apply, form, get, keys, post
from tests.support.alerts import change
from tests.support.patience import until
from tests.support.web import Running, Somebody, wall_us

Serve = Callable[..., Running]
XSS = '<script>alert("x")</script>'


def in_incidents(store: AlertStore, app: Running, *ones: Any) -> None:
    """Have alerts fire, each in its incident, as the notifier puts them."""
    store.apply(ones)
    numbers = Incidents(store, Settings().incidents).assign_many(ones)
    mirror = app.app.state.makegood.mirror
    store.client.xadd(store.keys.named("log"), {"silence": "none"})
    for one, number in zip(ones, numbers, strict=True):
        until(lambda one=one, number=number: _incident(mirror, one.fingerprint) == number)  # type: ignore[misc]


def _incident(mirror: Any, fingerprint: str) -> int | None:
    alert = mirror.alerts.get(fingerprint)
    return None if alert is None else alert.incident


def test_an_incident_is_led_by_somebody_and_everybody_sees_by_whom(serve: Serve, store: AlertStore) -> None:
    one = change(service="pay")
    store.apply([one])
    Incidents(store, Settings().incidents).assign(one, wall_us())
    app = serve()
    assert "nobody leads it" in get(app, "/incidents/1").text
    answer = post(app, "/incidents/1/lead")
    assert (answer.status_code, answer.headers["location"]) == (303, "/incidents/1")
    assert "lead: <b>anna</b>" in get(app, "/incidents/1").text
    assert post(app, "/incidents/1/lead", to="ben", text="off to bed").status_code == 303
    page = get(app, "/incidents/1").text
    assert "lead: <b>ben</b>" in page
    assert "gives the lead to ben: off to bed" in page
    assert "lead: ben" in get(app, "/incidents").text
    assert "led by ben" in get(app, f"/a/{one.fingerprint}").text
    assert "| Lead | ben |" in get(app, "/incidents/1/export.md").text
    assert get(app, "/incidents/1/export.json").json()["lead"] == "ben"
    actions = [(kept.entry.action, kept.entry.object, kept.entry.why) for kept in Trail(store).newest_first()]
    assert actions == [("incident.lead", "incident:1", "off to bed"), ("incident.lead", "incident:1", "")]


def test_a_note_on_an_incident_is_kept_also_when_it_is_over(serve: Serve, store: AlertStore) -> None:
    one = change(service="pay")
    over = change(service="pay", step="resolved", at_us=one.at_us + 60_000_000)
    store.apply([one, over])
    Incidents(store, Settings().incidents).assign_many([one, over])
    app = serve()
    assert "ended" in get(app, "/incidents/1").text
    assert post(app, "/incidents/1/note", text=f"it was the switch {XSS}").status_code == 303
    page = get(app, "/incidents/1").text
    assert "noted: it was the switch" in page
    assert XSS not in page
    assert "it was the switch" in get(app, "/incidents/1/export.md").text
    assert post(app, "/incidents/1/note", text=" ").status_code == 422


@pytest.mark.parametrize(
    ("path", "given", "status"),
    [
        ("/incidents/9/lead", {}, 404),
        ("/incidents/9/note", {"text": "x"}, 404),
        ("/incidents/1/lead", {"to": "nobody"}, 422),
    ],
)
def test_nobody_leads_what_there_is_not_and_only_people_lead(
    serve: Serve, store: AlertStore, path: str, given: dict[str, str], status: int
) -> None:
    one = change(service="pay")
    store.apply([one])
    Incidents(store, Settings().incidents).assign(one, wall_us())
    assert post(serve(), path, **given).status_code == status
    assert IncidentBook(store).read(1) == []


def test_a_selection_is_made_one_incident_with_the_alerts_of_all_on_one_timeline(
    serve: Serve, store: AlertStore
) -> None:
    app = serve()
    ones = [change("A", service="pay", summary="one of pay"), change("B", service="pay", summary="two of pay")]
    other = change("C", service="web", summary="one of web")
    in_incidents(store, app, *ones, other)
    answer = post(app, "/acts", act="incident", **{**form(app), "whole": "1"})
    assert answer.headers["location"] == "/incidents/1", "the one that most of them belong to"
    page = get(app, "/incidents/1").text
    assert "lead: <b>anna</b>" in page
    assert "One trouble, together with" in page
    assert all(words in page for words in ("one of pay", "two of pay", "one of web"))
    assert "Ack all 3" in page
    assert "a part of" in get(app, "/incidents/2").text
    acked = post(app, "/acts", act="acknowledge", **form(app, "/incidents/1"))
    assert "Acknowledged 3 alerts." in get(app, acked.headers["location"]).text


def test_whoever_leads_stays_the_lead_when_others_add_to_the_incident(serve: Serve, store: AlertStore) -> None:
    app = serve(access=Somebody("ben"))
    in_incidents(store, app, change("A", service="pay"), change("B", service="web"))
    assert post(app, "/incidents/1/lead", to="anna").status_code == 303
    assert post(app, "/acts", act="incident", **{**form(app), "whole": "1"}).status_code == 303
    entry = IncidentBook(store).leads([1])[1]
    assert (entry.to, entry.by, entry.others) == ("anna", "ben", (2,))


def test_alerts_that_are_in_no_incident_so_far_say_what_is_missing(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change())
    answer = post(app, "/acts", act="incident", **{**form(app), "whole": "1"})
    assert answer.status_code == 409
    assert "the notifier puts them there" in answer.text


def test_a_line_of_a_storm_is_made_an_incident(serve: Serve, store: AlertStore) -> None:
    app = serve()
    in_incidents(store, app, *(change("Down", service=f"s{n % 3}", site="ams2", n=str(n)) for n in range(120)))
    line = unescape(re.findall(r'name="incident_line" value="([^"]*)"', get(app, "/inbox").text)[0])
    answer = post(app, "/acts", incident_line=line, **form(app))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/incidents/")
    assert "lead: <b>anna</b>" in get(app, answer.headers["location"]).text


def test_a_selection_is_marked_as_noise_for_its_detectors(serve: Serve, store: AlertStore) -> None:
    app = serve()
    ones = [change("A", service=f"s{number}") for number in range(3)]
    apply(store, app, *ones)
    answer = post(app, "/acts", act="noise", **{**form(app), "whole": "1", "text": "a test of ours"})
    assert "Marked as noise: 3 alerts." in get(app, answer.headers["location"]).text
    kept = [one for one in ControlLog(store).read().controls if isinstance(one, VerdictGiven)]
    assert {one.fingerprint for one in kept} == {one.fingerprint for one in ones}
    assert {(one.verdict, one.note) for one in kept} == {("noise", "a test of ours")}
    entry = next(Trail(store).newest_first()).entry
    assert (entry.action, entry.count) == ("alert.noise", 3)
    many = [change("B", service=f"s{number}") for number in range(201)]
    apply(store, app, *many)
    assert post(app, "/acts", act="noise", **{**form(app), "whole": "1", "sure": "1"}).status_code == 422


def test_the_order_of_the_list_is_in_its_address_and_pages_lead_on_and_back_in_it(
    serve: Serve, store: AlertStore
) -> None:
    app = serve()
    apply(store, app, *(change("A", service=f"s{number:03}", summary=f"{number}") for number in range(110)))
    for sort in ("worst", "newest", "oldest", "largest"):
        first = get(app, f"/inbox?view=groups&sort={sort}").text
        assert f'aria-current="true">{sort}' in first
        links = {rel: unescape(url) for rel, url in re.findall(r'rel="(\w+)"[^>]*href="([^"]+)"', first)}
        assert links.keys() >= {"next"}
        assert "prev" not in links
        second = get(app, links["next"]).text
        third_url, back_url = (
            unescape(found[1])
            for rel in ("next", "prev")
            if (found := re.search(rf'rel="{rel}"[^>]*href="([^"]+)"', second)) is not None
        )
        third = get(app, third_url).text
        assert keys(get(app, back_url).text) == keys(first)
        assert len({*keys(first), *keys(second), *keys(third)}) == 110
        assert ("sort=" in third_url) is (sort != "worst")
    assert keys(get(app, "/inbox?view=groups&sort=nonsense&after=nonsense").text) == keys(
        get(app, "/inbox?view=groups").text
    )


def test_a_row_leads_to_its_run_book_and_to_nothing_that_is_no_page(serve: Serve, store: AlertStore) -> None:
    app = serve()
    links = {"A": "https://wiki.example/pay", "B": "javascript:alert(1)"}
    ones = [
        msgspec.structs.replace(one, annotations={**one.annotations, "runbook_url": link})
        for one, link in ((change(name, service=name), link) for name, link in links.items())
    ]
    apply(store, app, *ones)
    text = get(app, "/inbox").text
    assert re.findall(r'data-runbook rel="noreferrer" href="([^"]*)"', text) == ["https://wiki.example/pay"]


def test_what_was_handed_over_has_what_is_open_and_is_taken_once(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change("A", severity="critical", tier="gold"), change("B"))
    assert "2 open: 1 P1, 0 P2, 1 P3" in get(app, "/duty").text
    assert post(app, "/duty/handovers", text=f"vendor ticket 5512 {XSS}").status_code == 303
    (note,) = HandoverBook(store).newest()
    assert note.facts[0].startswith("2 open")
    page = get(app, "/duty").text
    assert "vendor ticket 5512" in page
    assert XSS not in page
    assert "nobody has taken it so far" in page
    assert post(app, f"/duty/handovers/{note.id}/accept").status_code == 303
    assert "Taken by anna" in get(app, "/duty").text
    assert post(app, f"/duty/handovers/{note.id}/accept").status_code == 409
    assert post(app, "/duty/handovers", text=" ").status_code == 422
    assert post(app, "/duty/handovers", text="x", schedule="nothing").status_code == 422
    assert [kept.entry.action for kept in Trail(store).newest_first()] == ["duty.accept", "duty.handover"]


def test_a_time_without_anybody_on_duty_stands_on_every_page_a_day_ahead(serve: Serve, tmp_path: Any) -> None:
    weekdays = {"people": ["anna"], "start": "2015-01-01T00:00:00", "shift": "1w", "hours": {"daily": "00:00-23:00"}}
    given = {**PLAIN, "schedules": {"first": {"zone": "UTC", "rotations": [weekdays]}}, "store": {"dir": str(tmp_path)}}
    text = get(serve(settings=settings_model().model_validate(given)), "/truth").text
    assert "NOBODY (first)" in text


def test_walls_are_watched_on_the_page_of_feeds(serve: Serve, store: AlertStore) -> None:
    now = wall_us()
    for name, at_us, shown in (("room-1", now, "live"), ("room-2", now - 600_000_000, "live"), ("room-3", now, "dead")):
        report = {"by": "wall", "shown": shown, "size": "1920x1080"}
        well = shown == "live"
        Statuses(store).say(Status(kind="wall", name=name, at_us=at_us, every_us=10_000_000, well=well, report=report))
    app = serve(now_us=lambda: now)
    until(lambda: len(app.app.state.makegood.mirror.statuses) == 3)
    rows = dict(re.findall(r'(?s)<tr id="w-([^"]+)">(.*?)</tr>', get(app, "/feeds").text))
    assert rows.keys() == {"room-1", "room-2", "room-3"}
    assert "ok" in rows["room-1"]
    assert "1920x1080" in rows["room-1"]
    assert "it asks no more" in rows["room-2"]
    assert "that it is not live" in rows["room-3"]


def test_only_feeds_with_problems_are_shown_when_asked_for(serve: Serve, store: AlertStore, tmp_path: Any) -> None:
    given = {**PLAIN, "feeds": {name: {"type": "file", "path": f"{name}.jsonl"} for name in ("good", "bad")}}
    now = wall_us()
    fresh = {"last_at_us": now, "newest_us": now - 3_000_000, "idle_after_us": 60_000_000, "why": "", "events": 1}
    old = {**fresh, "last_at_us": now - 3_600_000_000, "newest_us": now}
    report = {"flow": "running", "by_feed": {"good": fresh, "bad": old}}
    Statuses(store).say(Status(kind="flow", name="0/1", at_us=now, every_us=60_000_000, well=True, report=report))
    app = serve(
        settings=settings_model().model_validate({**given, "store": {"dir": str(tmp_path)}}), now_us=lambda: now
    )
    until(lambda: len(app.app.state.makegood.mirror.statuses) == 1)
    both, bad = get(app, "/feeds").text, get(app, "/feeds?only=problems").text
    assert ('id="f-good"' in both, 'id="f-bad"' in both) == (True, True)
    assert ('id="f-good"' in bad, 'id="f-bad"' in bad) == (False, True)
    assert "ahead by 1 h" in bad


def test_how_long_an_event_took_to_come_is_not_known_before_one_has_come() -> None:
    assert lag_us({"last_at_us": None, "newest_us": None}) is None
    assert lag_us({"last_at_us": 9, "newest_us": 4}) == 5


def test_a_maintenance_window_says_what_it_hides_before_it_is_open(
    serve: Serve, store: AlertStore, tmp_path: Any
) -> None:
    window = {
        "matchers": ["service=pay"],
        "zone": "UTC",
        "start": "2090-01-01T00:00:00",
        "duration": "2h",
        "comment": XSS,
    }
    given = {**PLAIN, "maintenance_windows": {"move": window}, "store": {"dir": str(tmp_path)}}
    app = serve(settings=settings_model().model_validate(given))
    apply(
        store, app, change(service="pay", summary="about pay", severity="critical", tier="gold"), change(service="web")
    )
    assert 'href="/silences/windows/move"' in get(app, "/silences").text
    page = get(app, "/silences/windows/move").text
    assert "Would hide now: 1 alert, 1 of them P1." in page
    assert "about pay" in page
    assert XSS not in page
    assert get(app, "/silences/windows/none").status_code == 404


def test_a_silence_says_when_it_ends_and_refuses_a_time_that_comes_twice(serve: Serve) -> None:
    app = serve()
    asked = {"m": "service=pay", "until": "2090-01-01T12:00", "zone": "Europe/Berlin"}
    told = get(app, f"/silences/new?{httpx.QueryParams(asked)}", **{"HX-Request": "true"}).text
    assert "It ends 2090-01-01 11:00:00 UTC" in told
    twice = {**asked, "until": "2089-10-30T02:30"}
    told = get(app, f"/silences/new?{httpx.QueryParams(twice)}", **{"HX-Request": "true"}).text
    assert "comes twice in Europe/Berlin" in told


def test_which_tones_are_wanted_is_kept_in_the_browser(serve: Serve) -> None:
    app = serve()
    answer = post(app, "/settings", sound=["1", "3", "9"], zone="utc")
    assert answer.cookies["makegood_sound"] == "13"
    assert post(app, "/settings").cookies["makegood_sound"] in {"", '""'}


def test_who_may_only_look_leads_and_hands_over_nothing(serve: Serve, store: AlertStore) -> None:
    one = change(service="pay")
    store.apply([one])
    Incidents(store, Settings().incidents).assign(one, wall_us())
    app = serve(access=Somebody(role=Role.VIEWER))
    for path in (
        "/incidents/1/lead",
        "/incidents/1/note",
        "/duty/handovers",
        "/duty/handovers/0123456789abcdef/accept",
    ):
        assert post(app, path, text="x").status_code == 403, path


@pytest.mark.parametrize("address", ["//evil.example", "/\\evil.example", "/login", "/api/v1/alerts", "/a\nb", "", "a"])
def test_what_leads_back_is_a_page_of_ours_or_the_inbox(address: str) -> None:
    assert local_path(address) == "/inbox"


def test_what_alerts_cost_is_counted_by_the_day_by_priority_and_by_where_they_came_from(
    serve: Serve, store: AlertStore
) -> None:
    now = wall_us()
    ones = [
        change("Often", service="pay", case=str(n), at_us=now - 3_600_000_000, starts_at_us=now - 3_600_000_000)
        for n in range(19)
    ]
    urgent = change(
        "Rare", severity="critical", tier="gold", at_us=now - 7_200_000_000, starts_at_us=now - 7_200_000_000
    )
    store.apply([*ones, urgent])
    told = get(serve(now_us=lambda: now), "/load").text
    assert "20 alerts in 0.1 days" in told
    assert "240 a day" in told, "in two hours there were twenty"
    assert "P1 5.0 %" in told
    assert "P3 95 %" in told
    assert "Often, pay</a> 19" in told
    flood = re.search(r"in flood <strong>(\S+) %</strong>", told)
    assert flood is not None
    assert float(flood[1]) > 1
