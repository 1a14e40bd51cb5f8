"""The wall over HTTP: who may see it, what it costs, and that it is watched itself."""

from typing import Any

import httpx
import pytest

from alerts.silences import SilenceBook
from alerts.statuses import Status, Statuses
from dashboards.access.contract import Role
from dashboards.access.marks import marks
from dashboards.wall.routes import addresses
from tests.support.alerts import change
from tests.support.patience import PATIENCE_S, until
from tests.support.wall_stage import TOKEN, Stage, trouble


def walls(stage: Stage) -> list[Status]:
    return [one for one in Statuses(stage.store).all(stage.clock.at_us) if one.kind == "wall"]


@pytest.fixture
def http(stage: Stage) -> Any:
    stage.all_well()
    stage.start()
    with httpx.Client(base_url=stage.url, timeout=PATIENCE_S) as client:
        yield client


def test_every_route_of_the_wall_says_who_may_use_it(stage: Stage, http: httpx.Client) -> None:
    assert stage.app is not None
    found = {mark.path: mark for mark in marks(stage.app) if mark.path.startswith("/wall")}
    assert {path for path, mark in found.items() if mark.role is Role.VIEWER} == {"/wall", "/wall/now"}
    assert {path for path, mark in found.items() if mark.public} == {"/wall/size.css", "/wall/files/{name}"}
    assert all(mark.methods == ("GET",) for mark in found.values())


def test_a_token_in_the_address_is_enough_and_no_cookie_is_set(stage: Stage, http: httpx.Client) -> None:
    page = http.get("/wall", params={"token": TOKEN})
    assert page.status_code == 200
    assert "set-cookie" not in page.headers
    assert page.headers["cache-control"] == "no-store"
    assert TOKEN not in page.text
    assert http.get("/wall", params={"token": "mg_another-token-of-nobody"}).status_code == 401
    assert http.get("/wall/now", params={"token": "mg_another-token-of-nobody"}).status_code == 401


def test_the_page_is_complete_as_it_comes_and_has_no_script_or_style_of_its_own(
    stage: Stage, http: httpx.Client
) -> None:
    text = http.get("/wall").text
    assert "NO OPEN ALERTS" in text
    assert '<time class="age"' in text
    assert "style=" not in text
    assert "<style" not in text
    assert text.count("<script") == text.count("<script src=")
    assert all(f"/wall/files/{name}" in text for name in addresses().values())


def test_what_a_screen_has_already_is_not_sent_again(stage: Stage, http: httpx.Client) -> None:
    first = http.get("/wall/now").json()
    again = http.get("/wall/now", params={"seen": first["mark"]})
    assert "html" not in again.json()
    assert len(again.content) < 400
    stage.fire(trouble()[0])
    until(lambda: "html" in http.get("/wall/now", params={"seen": first["mark"]}).json(), "the alert")
    assert http.get("/wall/now").json()["p1"] == 1


def test_files_are_kept_for_ever_and_those_of_another_release_are_not_there(stage: Stage, http: httpx.Client) -> None:
    found = http.get(f"/wall/files/{addresses()['wall.js']}")
    assert "immutable" in found.headers["cache-control"]
    assert http.get("/wall/files/wall.000000000000.js").status_code == 404
    assert http.get("/wall/files/..%2froutes.py").status_code == 404


def test_sizes_come_with_their_own_style(stage: Stage, http: httpx.Client) -> None:
    assert "--body-n:3.318" in http.get("/wall/size.css", params={"in": "55", "m": "5"}).text
    wrong = http.get("/wall", params={"in": "wide"})
    assert wrong.status_code == 400
    assert "write a number from 10 to 300" in wrong.text


def test_a_screen_that_asks_is_watched_and_one_on_a_desk_is_not(stage: Stage, http: httpx.Client) -> None:
    http.get("/wall/now")
    assert walls(stage) == []
    asked = {"token": TOKEN, "name": "Lobby 2", "shown": "late", "size": "1920x1080", "nodes": "163"}
    http.get("/wall/now", params=asked)
    (one,) = walls(stage)
    assert (one.name, one.well, one.every_us) == ("lobby/Lobby 2", False, 10_000_000)
    assert one.report == {"by": "lobby", "shown": "late", "size": "1920x1080", "nodes": "163"}
    stage.clock.pass_s(4)
    http.get("/wall/now", params={**asked, "shown": "live"})
    assert walls(stage) == [one]  # said often enough
    stage.clock.pass_s(7)
    http.get("/wall/now", params={**asked, "shown": "live", "size": "<b>", "nodes": "x" * 999})
    (one,) = walls(stage)
    assert (one.well, one.report) == (True, {"by": "lobby", "shown": "live"})


def test_what_karma_acknowledges_is_in_hand_and_what_is_silenced_is_hidden(stage: Stage, http: httpx.Client) -> None:
    taken = change("Outage", severity="critical", customers="5000", service="checkout")
    silenced = change("Outage", severity="critical", customers="5000", service="app")
    stage.fire(taken, silenced)
    book, hour_us = SilenceBook(stage.store), 3_600_000_000
    now_us = stage.clock.at_us
    ack = "ACK! This alert was acknowledged using karma on Sun, 22 Nov 2026 10:00:00 GMT"
    mine = book.add(["service=checkout"], ends_us=now_us + hour_us, author="kim", comment=ack, now_us=now_us)
    book.add(["service=app"], ends_us=now_us + hour_us, author="kim", comment="work", now_us=now_us)
    stage.clock.pass_s(3)
    until(lambda: "hidden" in http.get("/wall").text and "checkout" in http.get("/wall").text, "both silences")
    text = http.get("/wall").text
    assert "✓ kim" in text
    assert "UNOWNED</mark>" not in text
    assert "1 hidden" in text
    assert ">app</b>" not in text
    # With another reason to hide it, it is hidden; and when karma's silence is over, nobody has it in hand.
    book.add(['alertname="Outage"'], ends_us=now_us + hour_us // 2, author="kim", comment="work", now_us=now_us)
    stage.clock.pass_s(3)
    until(lambda: "2 hidden" in http.get("/wall").text, "the silence of both")
    book.expire(mine.id, by="kim", now_us=stage.clock.at_us)
    stage.clock.pass_s(3_600)
    stage.all_well()
    until(lambda: "UNOWNED</mark>" in http.get("/wall").text, "an alert in nobody's hand")


def test_what_is_on_its_way_is_not_said_to_have_been_told(stage: Stage, http: httpx.Client) -> None:
    asked = {"pages": "figures", "rotate": "off"}
    assert "all were told" in http.get("/wall", params=asked).text
    stage.fire(*trouble())

    def shown() -> bool:
        stage.clock.pass_s(2)  # what is known is read again now and then
        return "none so far" in http.get("/wall", params=asked).text

    until(shown, "what is on its way")
    assert "all were told" not in http.get("/wall", params=asked).text


def test_ten_thousand_open_alerts_cost_little_more_than_the_first_look(stage: Stage) -> None:
    stage.fire(
        *(
            change("Down", severity="critical", service=f"s{number % 40}", region=f"r{number % 7}", case_id=str(number))
            for number in range(10_000)
        )
    )
    stage.all_well()
    stage.start()
    with httpx.Client(base_url=stage.url, timeout=PATIENCE_S) as client:
        first = client.get("/wall/now").json()
        assert "STORM 10,000 open" in first["html"]
        assert len(first["html"]) < 16_000
        assert stage.app is not None
        desk, views = stage.app.state.wall, set()
        for _ in range(20):
            assert client.get("/wall/now", params={"seen": first["mark"]}).json()["mark"] == first["mark"]
            views.add(id(desk._views[False][3]))
        assert len(views) == 1  # put together once, however many ask


def test_what_a_detector_calls_silent_is_unknown_at_the_foot(stage: Stage, http: httpx.Client) -> None:
    stage.fire(change("FeedSilence", detector="feed_silence", source="demo/social", summary="demo/social: 0 events"))
    until(lambda: "demo/social" in http.get("/wall/now").json()["html"], "the alert")
    html = http.get("/wall/now").json()["html"]
    assert 'class="feeds unsure"' in html
    assert "feeds 4/5" in html
