"""The console in a real Chromium: what scripts do, keys, what a screen reader is told, the page without an answer."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from alerts.handovers import HandoverBook
from alerts.incident_book import BookEntry, IncidentBook
from alerts.incidents import Incidents
from alerts.responses import Responses
from alerts.store import AlertStore
from config.settings import Settings
from dashboards.access.contract import Role
from dashboards.console import outcome
from tests.support.alerts import change
from tests.support.browser import chromium, opened, violations
from tests.support.patience import PATIENCE_S, until
from tests.support.web import Running, Somebody, wall_us

Serve = Callable[..., Running]
ROW = "#list [data-row]"
HEARS = "window.makegoodSkewMs !== undefined && document.querySelector('[data-live-list].htmx-request') === null"
CAN_BE_DEAF = """
window.EventSource = class extends EventSource {
  addEventListener(name, act) { super.addEventListener(name, (event) => { if (!window.deaf) { act(event); } }); }
};
"""
"""Lets a page hear nothing any more while its connection stays open."""


@pytest.fixture(autouse=True)
def time_to_undo(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done can be undone for as long as a slow machine needs to show that."""
    monkeypatch.setattr(outcome, "UNDO_US", round(PATIENCE_S * 1_000_000))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with opened(
        browser, viewport={"width": 1440, "height": 900}, reduced_motion="reduce", timezone_id="Europe/Berlin"
    ) as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda one: wrong.append(one.text) if "Content Security Policy" in one.text else None)
    yield page
    assert wrong == []


def look(page: Page, app: Running, path: str = "/inbox") -> None:
    """Load a page, and wait until it has heard a beat of the server, and has the list that it asked for then."""
    page.goto(app.url + path)
    until(lambda: page.evaluate(HEARS), "the first beat")


def fill(store: AlertStore, count: int = 3, **labels: Any) -> list[Any]:
    ones = [change("Slow", service=f"s{n}", summary=f"service {n} is slow", **labels) for n in range(count)]
    store.apply(ones)
    Incidents(store, Settings().incidents).assign_many(ones)
    return ones


def names(page: Page) -> list[str]:
    return page.locator(f"{ROW} .says").all_inner_texts()


def test_an_alert_that_is_stored_is_on_the_screen_at_once(page: Page, serve: Serve, store: AlertStore) -> None:
    app = serve()
    look(page, app)
    expect(page.locator(".empty")).to_be_visible()
    store.apply([change(summary="it has just begun")])
    expect(page.get_by_text("it has just begun")).to_be_visible()
    store.apply([change(step="resolved", at_us=change().at_us + 1)])
    expect(page.locator(".empty")).to_be_visible()


def test_by_keys_alone_the_worst_alert_is_found_taken_noted_and_given_back(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    low = change("Low", severity="info", summary="a low one")
    worst = change("Worst", severity="critical", tier="gold", summary="the worst one")
    store.apply([low, worst])
    app = serve()
    look(page, app)
    page.keyboard.press("j")
    focused = page.locator(f"{ROW}:focus")
    expect(focused).to_contain_text("the worst one")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("Acknowledged 1 alert.")
    expect(page.locator(ROW)).to_have_count(1)
    assert Responses(store).acknowledgements([worst]).keys() == {worst.fingerprint}
    page.keyboard.press("u")
    expect(page.locator("#said")).to_contain_text("Took back the acknowledgement of 1 alert.")
    expect(page.locator(ROW)).to_have_count(2)
    assert Responses(store).acknowledgements([worst]) == {}
    page.keyboard.press("1")
    page.wait_for_url(re.compile("q=p"))
    expect(page.locator(ROW)).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/a/{worst.fingerprint}")
    page.keyboard.press("a")
    expect(page.locator('[data-act="unacknowledge"]')).to_be_visible()
    page.keyboard.press("u")
    expect(page.locator('[data-act="acknowledge"]')).to_be_visible()
    page.keyboard.press("c")
    page.keyboard.type("looked at it")
    page.keyboard.press("Enter")
    expect(page.locator("#said")).to_contain_text("on 1 alert")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.wait_for_url(f"**/a/{low.fingerprint}")
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/incidents")


def test_rows_stay_where_they_are_while_one_has_the_focus(page: Page, serve: Serve, store: AlertStore) -> None:
    fill(store)
    app = serve()
    look(page, app)
    before = names(page)
    page.keyboard.press("j")
    focused = page.locator(f"{ROW}:focus").get_attribute("id")
    store.apply([change("New", severity="critical", tier="gold", summary="a new one, and worse")])
    expect(page.locator("[data-waiting]")).to_have_text("1 new")
    assert names(page) == before
    assert page.locator(f"{ROW}:focus").get_attribute("id") == focused
    page.keyboard.press(".")
    expect(page.locator(ROW)).to_have_count(4)
    assert names(page)[0] == "a new one, and worse"
    expect(page.locator("#waiting")).to_be_hidden()


def test_a_row_that_is_gone_is_struck_through_while_the_list_is_held(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    ones = fill(store)
    app = serve()
    look(page, app)
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("#selection")).to_be_visible()
    over = ones[0]
    store.apply([change("Slow", service="s0", step="resolved", at_us=over.at_us + 1, summary="service 0 is slow")])
    expect(page.locator(f"{ROW}.gone")).to_have_count(1)
    assert len(names(page)) == 3
    page.keyboard.press("Escape")
    expect(page.locator("#selection")).to_be_hidden()


def test_a_selection_of_several_is_acknowledged_together(page: Page, serve: Serve, store: AlertStore) -> None:
    ones = fill(store, 4)
    app = serve()
    look(page, app)
    for key in ("j", "x", "j", "j", "X"):
        page.keyboard.press(key)
    expect(page.locator("[data-selected-words]")).to_have_text("3 alerts in 3 rows selected")
    page.keyboard.press("a")
    expect(page.locator("#said")).to_contain_text("Acknowledged 3 alerts.")
    expect(page.locator(ROW)).to_have_count(1)
    assert len(Responses(store).acknowledgements(ones)) == 3


def test_pausing_holds_everything_until_it_is_resumed(page: Page, serve: Serve, store: AlertStore) -> None:
    fill(store)
    app = serve()
    look(page, app)
    page.keyboard.press("p")
    expect(page.locator("[data-pause]")).to_contain_text("Resume")
    expect(page.locator("#waiting")).to_contain_text("Updates are paused")
    page.evaluate("document.getElementById('list').addEventListener('sse:list', () => { document.body.id = 'told'; })")
    store.apply([change("New", summary="a new one")])
    expect(page.locator("body#told")).to_have_count(1)
    assert len(names(page)) == 3
    page.keyboard.press("p")
    expect(page.locator(ROW)).to_have_count(4)


def test_keys_can_be_switched_off_and_that_stays(page: Page, serve: Serve, store: AlertStore) -> None:
    fill(store)
    app = serve()
    look(page, app)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    page.locator("[data-keys-switch]").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_hidden()
    page.keyboard.press("j")
    assert page.locator(f"{ROW}:focus").count() == 0
    look(page, app)
    page.keyboard.press("j")
    assert page.locator(f"{ROW}:focus").count() == 0


def test_without_a_beat_the_page_says_not_live_and_gives_up_its_colours(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    fill(store)
    app = serve()
    page.clock.install()
    page.add_init_script(CAN_BE_DEAF)
    look(page, app)
    expect(page.locator("#not-live")).to_be_hidden()
    # The connection stays open, and a minute goes by for the page alone: no error of the network tells it so.
    page.evaluate("window.deaf = true")
    page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 60)
    page.clock.run_for(2000)
    expect(page.locator("#not-live")).to_be_visible()
    expect(page.locator("#not-live")).to_contain_text("Nothing received since")
    assert page.locator("body").get_attribute("data-live") == "stale"
    assert "repeating-linear-gradient" in page.locator(f"{ROW} .chip").first.evaluate(
        "one => getComputedStyle(one).backgroundImage"
    )
    assert all(one.is_disabled() for one in page.locator(f"{ROW} [data-needs-live]").all())


def test_the_zone_changes_on_every_page(page: Page, serve: Serve, store: AlertStore) -> None:
    fill(store)
    app = serve()
    look(page, app)
    assert " UTC" in page.locator(f"{ROW} .abs").first.inner_text()
    page.locator("[data-zone]").click()
    expect(page.locator("[data-zone]")).not_to_have_attribute("data-zone", "utc")
    assert "makegood_zone" in str(page.context.cookies())


def test_without_scripts_pages_work_as_forms_and_say_that_they_are_not_live(
    browser: Browser, serve: Serve, store: AlertStore
) -> None:
    one = change(summary="plain")
    store.apply([one])
    app = serve()
    with opened(browser, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(app.url + "/inbox")
        assert "<noscript>" in page.content()
        page.locator(f'{ROW} button[value^="acknowledge:"]').click()
        page.wait_for_url(re.compile("said="))
        expect(page.get_by_text("Acknowledged 1 alert.")).to_be_visible()
        assert Responses(store).acknowledgements([one]).keys() == {one.fingerprint}
        page.locator('[data-act="undo"]').click()
        expect(page.get_by_text("Took back the acknowledgement of 1 alert.")).to_be_visible()
        assert page.url.count("said=") == 1
        assert Responses(store).acknowledgements([one]) == {}


def test_what_became_of_a_form_stays_to_be_read_when_the_list_loads_itself(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    one = change(summary="plain")
    store.apply([one])
    app = serve()
    look(page, app)
    said = page.evaluate(
        """async () => {
            const form = document.getElementById("acting"), body = new URLSearchParams(new FormData(form));
            body.append("act", form.querySelector('button[value^="acknowledge:"]').value);
            return (await fetch("/acts", {method: "POST", body})).url;
        }"""
    )
    assert "said=" in said
    look(page, app, said.removeprefix(app.url))
    store.apply([change("New", summary="it came later")])
    expect(page.get_by_text("it came later")).to_be_visible()
    expect(page.locator("#said")).to_contain_text("Acknowledged 1 alert.")


def test_a_tone_is_made_for_a_new_row_of_a_priority_that_was_chosen_and_for_no_other(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    store.apply([change("Old", severity="critical", tier="gold", summary="an old one")])
    app = serve()
    page.clock.set_fixed_time(wall_us() / 1_000_000)  # all of it is at once, however slow the machine
    look(page, app, "/settings")
    expect(page.locator("[data-sound]")).to_be_hidden()
    page.locator('[name=sound][value="1"]').check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[data-sound]")).to_be_visible()
    page.locator("[data-sound-test]").click()
    expect(page.locator("[data-sound]")).to_have_text("Sound on")
    expect(page.locator("body")).to_have_attribute("data-sounded", "1")
    store.apply([change("Low", severity="info", summary="a low one")])
    expect(page.locator("[data-news]")).not_to_have_attribute("data-p3", "0")
    expect(page.locator("body")).to_have_attribute("data-sounded", "1")
    store.apply([change("New", severity="critical", tier="gold", summary="a new one")])
    expect(page.locator("body")).to_have_attribute("data-sounded", "2")
    seen = page.locator("[data-news]").get_attribute("data-p1")
    store.apply([change("Newer", severity="critical", tier="gold", summary="one more at once")])
    expect(page.locator("[data-news]")).not_to_have_attribute("data-p1", str(seen))
    expect(page.locator("body")).to_have_attribute("data-sounded", "2")


def test_that_the_browser_lets_nothing_sound_is_seen_and_one_click_allows_it(
    context: BrowserContext, page: Page, serve: Serve
) -> None:
    app = serve()
    context.add_cookies([{"name": "makegood_sound", "value": "1", "url": app.url}])
    look(page, app)
    expect(page.locator("[data-sound]")).to_have_text("Sound is blocked: allow it")
    page.locator("[data-sound]").click()
    expect(page.locator("[data-sound]")).to_have_text("Sound on")


def test_a_button_that_somebody_may_not_press_stays_off_while_the_page_is_live(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    ones = fill(store)
    app = serve(access=Somebody(role=Role.VIEWER))
    for path in ("/inbox", f"/a/{ones[0].fingerprint}", "/incidents/1"):
        look(page, app, path)
        buttons = page.locator("main [data-denied]")
        assert buttons.count() > 0, path
        assert all(one.is_disabled() for one in buttons.all()), path


def test_an_incident_that_somebody_else_leads_renews_itself_and_keeps_what_is_typed(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    fill(store)
    app = serve()
    look(page, app, "/incidents/1")
    page.locator("#note").fill("half a note")
    IncidentBook(store).write(1, BookEntry(kind="lead", by="ben", at_us=wall_us(), to="ben"))
    store.apply([change("Slow", service="s0", case="another", summary="another of it")])
    expect(page.locator("#head")).to_contain_text("lead: ben")
    assert page.locator("#note").input_value() == "half a note"
    with page.expect_navigation():  # what is looked at below is the page that it leads to
        page.get_by_role("button", name="Take the lead").click()
    expect(page.locator("#head")).to_contain_text("lead: anna")
    expect(page.locator(".moment.said")).to_have_count(2)
    left, right, *marks = page.evaluate(
        """() => {
            const lanes = [...document.querySelectorAll("svg.lanes")].at(-1).getBoundingClientRect();
            const marks = [...document.querySelectorAll(".moment.said")].map((one) => one.getBoundingClientRect().x);
            return [lanes.left, lanes.right, ...marks];
        }"""
    )
    assert len(marks) == 2
    assert all(left < x < right for x in marks), "each stands on the axis"


def test_what_happens_while_a_page_is_on_its_way_is_shown(page: Page, serve: Serve, store: AlertStore) -> None:
    app = serve()
    mirror = app.app.state.makegood.mirror

    def something_happens(route: Route) -> None:
        """The page is there, and hears nothing yet; the server knows already."""
        store.apply([change("Slow", service="early")])
        until(lambda: len(mirror.alerts) == 1)
        route.continue_()

    page.route("**/events", something_happens)
    look(page, app)
    expect(page.locator(ROW)).to_have_count(1)


def test_by_keys_a_row_is_marked_as_noise_and_its_run_book_opened(page: Page, serve: Serve, store: AlertStore) -> None:
    one = change(summary="the one")
    app = serve()
    store.apply([msgspec.structs.replace(one, annotations={**one.annotations, "runbook_url": f"{app.url}/truth"})])
    look(page, app)
    expect(page.locator(ROW)).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("n")
    expect(page.locator("#said")).to_contain_text("Marked as noise: 1 alert.")
    page.keyboard.press("j")
    page.keyboard.press("r")
    page.wait_for_url("**/truth")
    page.keyboard.press("/")
    page.wait_for_url("**/inbox#q")
    expect(page.locator("#q")).to_be_focused()


def test_axe_finds_nothing_wrong_with_any_page_in_the_dark_or_in_the_light(
    browser: Browser, serve: Serve, store: AlertStore
) -> None:
    app = serve()
    found = {}

    def check(page: Page, name: str) -> None:
        page.emulate_media(color_scheme="dark")
        found[f"{name}, dark"] = violations(page)
        page.emulate_media(color_scheme="light")
        found[f"{name}, light"] = violations(page, "color-contrast")

    with opened(
        browser, viewport={"width": 1440, "height": 900}, color_scheme="dark", reduced_motion="reduce"
    ) as context:
        page = context.new_page()
        for path in ("/inbox", "/incidents"):
            look(page, app, path)
            check(page, f"empty {path}")
        page.goto(app.url + "/nowhere")
        check(page, "what there is not")
        ones = fill(store, 4)
        look(page, app)
        expect(page.locator(ROW)).to_have_count(4)
        check(page, "/inbox")
        page.locator(f"{ROW} label.box").first.click()
        check(page, "selection")
        HandoverBook(store).write(schedule="", by="anna", at_us=wall_us(), text="call the vendor", facts=("3 open",))
        paths = (f"/a/{ones[0].fingerprint}", "/incidents/1", "/truth", "/settings", "/inbox?q=state:nonsense")
        for path in (*paths, "/duty", "/feeds", "/silences", "/silences/new?m=service%3Ds1", "/incidents"):
            look(page, app, path)
            check(page, path)
        fill(store, 120, site="ams2")
        look(page, app)
        expect(page.locator(".storm")).to_be_visible()
        check(page, "storm")
    assert {path: one for path, one in found.items() if one} == {}


def test_at_320_pixels_nothing_has_to_be_scrolled_sideways(browser: Browser, serve: Serve, store: AlertStore) -> None:
    ones = fill(store, 4)
    app = serve()
    wide = {}
    with opened(browser, viewport={"width": 320, "height": 640}) as context:
        page = context.new_page()
        for path in (
            *("/inbox", f"/a/{ones[0].fingerprint}", "/incidents", "/incidents/1", "/truth", "/settings", "/duty"),
            *("/feeds", "/silences", "/silences/new", "/channels", "/detectors"),
        ):
            look(page, app, path)
            wide[path] = page.evaluate("document.documentElement.scrollWidth")
    assert {path: width for path, width in wide.items() if width > 320} == {}


def test_on_a_phone_the_worst_alert_and_what_to_do_about_it_are_on_the_first_screen_and_axe_finds_nothing(
    browser: Browser, serve: Serve, store: AlertStore
) -> None:
    app = serve()
    ones = fill(store, 3)
    found = {}
    with opened(browser, viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce") as context:
        page = context.new_page()
        look(page, app)
        expect(page.locator(ROW)).to_have_count(3)
        box = page.locator(ROW).first.get_by_role("button", name="Ack").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 844
        for path in ("/inbox", f"/a/{ones[0].fingerprint}", "/channels", "/duty", "/feeds", "/detectors", "/silences"):
            look(page, app, path)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
            found[path] = violations(page)
    assert not {path: wrong for path, wrong in found.items() if wrong}


def test_the_navigation_counts_what_is_open_though_another_page_is_looked_at(
    page: Page, serve: Serve, store: AlertStore
) -> None:
    app = serve()
    page.goto(app.url + "/duty")
    expect(page.locator("#count-inbox")).to_be_hidden()
    fill(store, 3)
    expect(page.locator("#count-inbox")).to_have_text("3")
