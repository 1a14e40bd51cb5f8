import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx

from alerts.incidents import Incidents
from alerts.responses import Responses, Said
from alerts.silences import SilenceBook
from alerts.statuses import Status, Statuses
from alerts.store import AlertStore
from alerts.trail import Trail
from config.settings import Settings
from dashboards.access.contract import Role
from tests.support.alerts import START_US, change
from tests.support.patience import PATIENCE_S, until
from tests.support.web import TOKEN, Running, Somebody, wall_us

Serve = Callable[..., Running]
MINUTE = 60_000_000


def get(app: Running, path: str, **headers: str) -> httpx.Response:
    return httpx.get(app.url + path, headers=headers, follow_redirects=False, timeout=PATIENCE_S)


def post(app: Running, path: str, **fields: Any) -> httpx.Response:
    data = {"csrf_token": TOKEN, **fields}
    return httpx.post(app.url + path, data=data, follow_redirects=False, timeout=PATIENCE_S)


def form(app: Running, path: str = "/inbox") -> dict[str, str]:
    """Return the hidden fields of the page's form of acts, as a browser sends them."""
    text = get(app, path).text
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text)
    return {name: unescape(value) for name, value in found if name != "csrf_token"}


def apply(store: AlertStore, app: Running | None, *changes: Any) -> None:
    """Store changes, and wait until the application has seen them."""
    store.apply(changes)
    if app is not None:
        firing = {one.fingerprint for one in changes if one.status == "firing"}
        until(lambda: firing <= app.app.state.makegood.mirror.alerts.keys())


def keys(text: str) -> list[str]:
    return re.findall(r'data-row data-alerts="\d+" tabindex="-?\d" aria-label="[^"]*: ([^"]*)"', text)


def test_an_empty_inbox_never_says_all_clear_while_something_is_not_seen(serve: Serve) -> None:
    text = get(serve(), "/inbox").text
    assert "No open alerts in what we can see" in text
    assert "no notifier runs: nobody is told" in text
    assert "All clear" not in text


def test_all_clear_is_said_when_everything_is_fresh(serve: Serve, store: AlertStore) -> None:
    now = wall_us()
    feed = {"last_at_us": now, "newest_us": now, "idle_after_us": 60_000_000, "why": "", "events": 1}
    report = {"flow": "running", "by_feed": {"crm": feed}}
    statuses = Statuses(store)
    statuses.say(Status(kind="flow", name="0/1", at_us=now, every_us=60_000_000, well=True, report=report))
    statuses.say(Status(kind="notifier", name="n", at_us=now, every_us=60_000_000, well=True, report={}))
    client: Any = store.client
    canary = {"channel": "log", "via": "check", "at_us": now, "took_us": 1, "works": True}
    client.hset(store.keys.named("canary:last"), "log", json.dumps(canary))
    app = serve(now_us=lambda: now)
    settings = app.app.state.makegood.settings
    assert list(settings.detectors) == []
    until(lambda: len(app.app.state.makegood.mirror.statuses) == 2)
    text = get(app, "/inbox").text
    assert "1 of 1 feed live" in get(app, "/truth").text
    assert "no detectors" in text, "without a detector nothing can be clear"


def test_the_inbox_shows_what_is_open_worst_first(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(
        store,
        app,
        change("Low", severity="info", summary="a low one"),
        change("High", severity="critical", summary="a high one", tier="gold"),
        change("Mid", severity="critical", summary="a middle one"),
    )
    text = get(app, "/inbox").text
    assert keys(text) == ["a high one", "a middle one", "a low one"]
    assert [int(one) for one in re.findall(r'<span class="word">P(\d)', text)][3:] == [1, 2, 3]
    assert "unowned" in text


def test_states_are_in_the_address_and_nothing_is_in_two_of_them(serve: Serve, store: AlertStore) -> None:
    app = serve()
    changes = [change(name, summary=f"about {name}") for name in ("Open", "Acked", "Silenced")]
    apply(store, app, *changes)
    now = wall_us()
    Responses(store).acknowledge(changes[1].fingerprint, Said(id="1", by="ben", via="cli", at_us=now))
    SilenceBook(store).add(
        ['alertname="Silenced"'], ends_us=now + 3_600_000_000, author="ben", comment="known", now_us=now
    )
    mirror = app.app.state.makegood.mirror
    until(lambda: bool(mirror.silences) and mirror.alerts[changes[1].fingerprint].acknowledgement is not None)
    found = {state: keys(get(app, f"/inbox?state={state}").text) for state in ("open", "acked", "silenced")}
    assert found == {"open": ["about Open"], "acked": ["about Acked"], "silenced": ["about Silenced"]}
    assert len(keys(get(app, "/inbox?state=open,acked,silenced").text)) == 3
    assert "ben" in get(app, "/inbox?state=acked").text


def test_a_filter_that_finds_nothing_says_how_many_there_are(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change())
    text = get(app, "/inbox?q=service%3Dnowhere").text
    assert "0 of 1 match" in text
    assert "All clear" not in text
    assert "can see" not in re.sub(r'(?s)<div id="truth".*?</div>', "", text).split('class="empty"')[1]


def test_a_query_that_cannot_be_read_says_so_and_shows_no_row(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change())
    text = get(app, "/inbox?q=state%3Anonsense").text
    assert "The query cannot be read." in text
    assert keys(text) == []


def test_pages_have_fifty_rows_and_lead_on(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, *(change("A", service=f"s{number:03}", summary=f"{number}") for number in range(120)))
    seen: list[str] = []
    path = "/inbox?view=groups"
    for size in (50, 50, 20):
        text = get(app, path).text
        assert len(keys(text)) == size
        assert len(text.encode()) < 140_000
        seen += keys(text)
        found = re.search(r'rel="next"[^>]*href="([^"]+)"', text)
        path = "" if found is None else unescape(found[1])
    assert path == ""
    assert len(set(seen)) == 120


def test_a_storm_is_one_screen_with_what_it_shares(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, *(change("Down", service=f"s{n % 5}", site="ams2", n=str(n)) for n in range(150)))
    text = get(app, "/inbox").text
    assert "STORM" in text
    assert "site=ams2" in text
    assert len(re.findall(r'class="row line-row', text)) <= 12
    assert len(keys(get(app, "/inbox?view=alerts").text)) == 50
    line = unescape(re.findall(r'name="line" value="([^"]*)"', text)[0])
    asked = post(app, "/acts", line=line, **form(app))
    assert "Acknowledged 30 alerts." in get(app, asked.headers["location"]).text


def test_what_customers_write_is_never_taken_for_a_page(serve: Serve, store: AlertStore) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}'
    app = serve()
    one = change("Evil", summary=evil, service=evil, case=evil)
    apply(store, app, one)
    Responses(store).comment(one.fingerprint, Said(id="1", by=evil[:100], via="cli", at_us=wall_us()), evil)
    Incidents(store, Settings().incidents).assign(one, wall_us())
    pages = ["/inbox", f"/inbox?q={httpx.QueryParams({'q': evil})['q']}", "/inbox?view=alerts", f"/a/{one.fingerprint}"]
    for path in [*pages, "/incidents", "/incidents/1", "/truth"]:
        answer = get(app, path)
        assert answer.status_code in {200, 404}, path
        assert "<script>alert" not in answer.text, path
        assert "<img" not in answer.text, path
        assert "49" not in re.findall(r"onerror=alert\(1\)&gt;(\w*)", answer.text), path
    export = get(app, "/incidents/1/export.md").text
    assert "<img" not in export
    assert get(app, "/incidents/1/export.json").json()["alerts"][0]["summary"] == evil


def test_an_acknowledgement_in_the_console_always_ends(serve: Serve, store: AlertStore) -> None:
    app = serve()
    names = {"P1": ("critical", "gold", 30), "P2": ("critical", "", 240), "P3": ("warning", "", 1440)}
    ones = {name: change(name, severity=severity, tier=tier) for name, (severity, tier, _) in names.items()}
    apply(store, app, *ones.values())
    answer = post(app, "/acts", act="acknowledge", **{**form(app), "whole": "1"})
    assert answer.status_code == 303
    assert "Acknowledged 3 alerts." in get(app, answer.headers["location"]).text
    held = Responses(store).acknowledgements(ones.values())
    minutes = {name: held[one.fingerprint] for name, one in ones.items()}
    assert {name: (one.until_us or 0) - one.at_us for name, one in minutes.items()} == {
        name: wanted * MINUTE for name, (_, _, wanted) in names.items()
    }
    assert keys(get(app, "/inbox").text) == []
    kept = next(Trail(store).newest_first())
    assert (kept.entry.action, kept.entry.count, kept.entry.who) == ("alert.acknowledge", 3, "anna")


def test_an_act_is_about_what_was_seen_and_leaves_alone_what_came_later(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change("Seen", service="a"))
    seen = form(app)
    later = change("Seen", service="a", case="later")
    apply(store, app, later)
    answer = post(app, "/acts", act="acknowledge", **{**seen, "whole": "1"})
    text = get(app, answer.headers["location"]).text
    assert "Acknowledged 1 alert; 1 came later and stays open." in text
    assert later.fingerprint not in Responses(store).acknowledgements([later])


def test_an_act_on_an_earlier_episode_does_not_reach_the_next(serve: Serve, store: AlertStore) -> None:
    app = serve()
    one = change("Again")
    apply(store, app, one)
    seen = form(app)
    again = change("Again", at_us=START_US + 9 * MINUTE, starts_at_us=START_US + 9 * MINUTE)
    apply(store, app, change("Again", step="resolved", at_us=START_US + MINUTE), again)
    until(lambda: app.app.state.makegood.mirror.alerts[one.fingerprint].change == again)
    assert post(app, "/acts", act="acknowledge", **{**seen, "whole": "1"}).status_code == 409
    assert Responses(store).acknowledgements([again]) == {}


def test_an_act_can_be_taken_back_for_ten_seconds(serve: Serve, store: AlertStore) -> None:
    clock = [wall_us()]
    app = serve(now_us=lambda: clock[0])
    one = change()
    apply(store, app, one)
    for wait_s, status in ((9, 303), (16, 409)):
        answer = post(app, "/acts", act="acknowledge", **{**form(app), "whole": "1"})
        said = answer.headers["location"].partition("said=")[2]
        assert one.fingerprint in Responses(store).acknowledgements([one])
        clock[0] += wait_s * 1_000_000
        assert post(app, "/undo", id=said).status_code == status
        left = Responses(store).acknowledgements([one])
        assert (one.fingerprint in left) is (status == 409)


def test_acts_on_more_than_a_page_and_resolving_ask_first(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, *(change("A", service=f"s{number}") for number in range(60)))
    seen = {**form(app, "/inbox?view=groups"), "whole": "1"}
    answer = post(app, "/acts", act="acknowledge", **seen)
    assert answer.status_code == 200
    assert "Acknowledge 60 alerts in 60 rows, 10 of them not on this page?" in answer.text
    answer = post(app, "/acts", act="acknowledge", **seen, sure="1")
    assert "Acknowledged 60 alerts." in get(app, answer.headers["location"]).text
    seen = {
        **form(app, "/inbox?state=acked"),
        "row": re.findall(r'name="row" value="(\w+)"', get(app, "/inbox?state=acked").text)[0],
    }
    assert "This cannot be undone" in post(app, "/acts", act="resolve", **seen).text
    answer = post(app, "/acts", act="resolve", **seen, sure="1")
    assert "Resolved 1 alert." in get(app, answer.headers["location"]).text


def test_notes_and_owners(serve: Serve, store: AlertStore) -> None:
    app = serve()
    one = change()
    apply(store, app, one)
    path = f"/a/{one.fingerprint}"
    assert post(app, "/acts", act="comment", **{**form(app, path), "text": "looked at it"}).status_code == 303
    assert post(app, "/acts", act="mine", **form(app, path)).status_code == 303
    until(lambda: app.app.state.makegood.mirror.alerts[one.fingerprint].assignment is not None)
    text = get(app, path).text
    assert "looked at it" in text
    assert "assigned it to anna" in text
    assert keys(get(app, "/inbox?q=owner%3Ame").text) == ["Something is wrong"]
    assert post(app, "/acts", act="assign", **{**form(app, path), "to": "ben"}).status_code == 303
    assert post(app, "/acts", act="assign", **{**form(app, path), "to": "nobody"}).status_code == 422
    assert post(app, "/acts", act="comment", **{**form(app, path), "text": ""}).status_code == 422


def test_a_silence_of_a_selection_begins_with_what_it_shares(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change("A", service="pay", site="x"), change("A", service="pay", site="y"))
    answer = post(app, "/acts", act="silence", **{**form(app), "whole": "1"})
    assert answer.status_code == 303
    query = httpx.URL(answer.headers["location"]).params["m"]
    assert "service=pay" in query
    assert "site" not in query


def test_without_the_token_of_the_form_nothing_is_done(serve: Serve, store: AlertStore) -> None:
    app = serve()
    one = change()
    apply(store, app, one)
    without = {**form(app), "act": "acknowledge"}
    assert httpx.post(app.url + "/acts", data=without, timeout=PATIENCE_S).status_code == 403
    assert Responses(store).acknowledgements([one]) == {}


def test_who_may_only_look_sees_why_the_buttons_are_off(serve: Serve, store: AlertStore) -> None:
    app = serve(access=Somebody(role=Role.VIEWER))
    one = change()
    apply(store, app, one)
    assert "This needs the role responder" in get(app, "/inbox").text
    assert "This needs the role responder" in get(app, f"/a/{one.fingerprint}").text
    assert post(app, "/acts", act="acknowledge", **form(app)).status_code == 403


def test_nobody_is_led_to_another_site(serve: Serve, store: AlertStore) -> None:
    app = serve()
    apply(store, app, change())
    for back in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = post(
            app, "/acts", act="acknowledge", **{**form(app, "/inbox?state=open,acked"), "whole": "1", "back": back}
        )
        assert answer.headers["location"].startswith("/inbox"), back
        answer = post(app, "/settings", theme="dark", zone="utc", back=back)
        assert answer.headers["location"].startswith("/inbox"), back


def test_the_page_of_an_alert_answers_its_questions(serve: Serve, store: AlertStore) -> None:
    app = serve()
    one = change("Slow", summary="checkout: 7 % slow, normally 1 %", service="checkout")
    apply(store, app, one, change("Other", summary="another at that time"))
    text = get(app, f"/a/{one.fingerprint}").text
    for words in (
        *("Why it fired", "Who was told", "Nobody has been told of this episode.", "Same time", "another at that time"),
        *("History", "1 episode", "Labels", "checkout", "The whole way (makegood explain)", "Raw", "Audit"),
    ):
        assert words in text, words
    assert get(app, "/a/0000000000000000").status_code == 404
    assert get(app, "/a/not-a-print").status_code == 422
    assert get(app, f"/a/{one.fingerprint}/5").status_code == 404


def test_earlier_episodes_keep_their_address(serve: Serve, store: AlertStore) -> None:
    again_us = START_US + 9 * MINUTE
    one = change("Again", summary="the first time")
    store.apply([one, change("Again", step="resolved", at_us=START_US + MINUTE, summary="the first is over")])
    store.apply([change("Again", at_us=again_us, starts_at_us=again_us, summary="the second time")])
    app = serve()
    assert "the second time" in get(app, f"/a/{one.fingerprint}").text
    earlier = get(app, f"/a/{one.fingerprint}/{START_US}").text
    assert "This is an earlier episode." in earlier
    assert "2 episodes" in earlier
    assert 'value="acknowledge"' not in earlier, "what is over is not acknowledged"


def test_noise_is_kept_for_the_detector(serve: Serve, store: AlertStore) -> None:
    app = serve()
    one = change()
    apply(store, app, one)
    answer = post(app, f"/a/{one.fingerprint}/verdict", verdict="noise", episode=str(one.starts_at_us), note="a test")
    assert answer.status_code == 303
    text = get(app, answer.headers["location"]).text
    assert "Kept: noise." in text
    assert "1 marked noise" in text


def test_an_incident_is_told_as_a_timeline_as_text_and_as_a_draft(serve: Serve, store: AlertStore) -> None:
    incidents = Incidents(store, Settings().incidents)
    ones = [
        change(
            f"A{number}",
            summary=f"number {number}",
            service="pay",
            at_us=START_US + number * MINUTE,
            starts_at_us=START_US + number * MINUTE,
        )
        for number in range(3)
    ]
    store.apply(ones)
    incidents.assign_many(ones)
    Responses(store).acknowledge(ones[0].fingerprint, Said(id="1", by="ben", via="cli", at_us=wall_us()), text="mine")
    app = serve()
    listed = get(app, "/incidents").text
    assert "INC-1" in listed
    text = get(app, "/incidents/1").text
    assert text.count('<rect class="bar') == 3
    assert "acknowledged: mine" in text
    assert "event time" in text, "event time and the clock are years apart here: each has its axis"
    assert "by the clock" in text
    assert (
        "number 2"
        not in re.sub(r"(?s)<svg.*?</svg>", "", get(app, "/incidents/1?lane=people").text)
        .split('id="text"')[1]
        .split("</section>")[0]
    )
    draft = get(app, "/incidents/1/export.md")
    assert draft.headers["content-disposition"] == 'attachment; filename="incident-1.md"'
    assert "number 0" in draft.text
    assert "## What we change" in draft.text
    data = get(app, "/incidents/1/export.json").json()
    assert [one["summary"] for one in data["alerts"]] == ["number 0", "number 1", "number 2"]
    assert get(app, "/incidents/9").status_code == 404
    zoomed = get(app, f"/incidents/1?from={START_US // 1_000_000}&to={START_US // 1_000_000 + 60}")
    assert zoomed.status_code == 200


def test_an_incident_of_many_alerts_is_drawn_as_counts(serve: Serve, store: AlertStore) -> None:
    ones = [change("A", service="pay", case=str(number)) for number in range(40)]
    store.apply(ones)
    Incidents(store, Settings().incidents).assign_many(ones)
    text = get(serve(), "/incidents/1").text
    assert text.count('<rect class="bar') == 0
    assert '<rect class="bin"' in text


def test_files_are_kept_for_ever_and_pages_never(serve: Serve) -> None:
    app = serve()
    page = get(app, "/inbox")
    assert page.headers["cache-control"] == "no-store"
    for path in set(re.findall(r'"(/static/[^"]+)"', page.text)):
        answer = get(app, path)
        assert answer.status_code == 200, path
        assert "immutable" in answer.headers["cache-control"]
    for path in ("/static/console.css", "/static/../templating.py", "/static/%2e%2e/templating.py", "/static/vendor"):
        assert get(app, path).status_code == 404, path


def test_the_zone_and_the_theme_are_choices_that_stay(serve: Serve) -> None:
    app = serve()
    answer = post(app, "/settings", theme="light", zone="Europe/Berlin")
    assert answer.status_code == 303
    cookies = dict(answer.cookies.items())
    text = httpx.get(app.url + "/inbox", cookies=cookies, timeout=PATIENCE_S).text
    assert 'data-theme="light"' in text
    assert "Europe/Berlin" in text
    assert 'data-keys="off"' in text, "a box that is not ticked is not sent"


def test_a_refusal_is_a_page_with_the_next_step(serve: Serve) -> None:
    app = serve()
    answer = get(app, "/incidents/77")
    assert answer.status_code == 404
    assert "there is no incident 77" in answer.text
    assert 'href="/inbox"' in answer.text
    part = get(app, "/incidents/77", **{"HX-Request": "true"})
    assert part.text.startswith('<div class="strip error">')
