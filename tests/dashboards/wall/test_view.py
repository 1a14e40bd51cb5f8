"""What a wall shows, out of what is known: never better than it is."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from alerts.changelog import Seq
from alerts.response_model import Acknowledgement, Assignment
from alerts.statuses import Status
from alerts.urgency import urgency
from dashboards.freshness import truth
from dashboards.freshness_model import Proof
from dashboards.mirror import OpenAlert
from dashboards.storm import STARTS_OPEN
from dashboards.wall.chain import chain
from dashboards.wall.delivery import Counted
from dashboards.wall.model import View
from dashboards.wall.options import OptionError, Options, options_of
from dashboards.wall.page import Shown, fitting, render, shown_now
from dashboards.wall.rows import Open, owner_of
from dashboards.wall.services import REMEMBERED_US, Known, told_places
from dashboards.wall.sizes import sizes
from dashboards.wall.view import Seen, view_of
from dashboards.wall.words import Codes, short_summary
from detectors.contract import AlertChange
from sinks.audit.report import AuditReport
from tests.support.alerts import change
from tests.support.wall_stage import MIN, NOW_US, REGIONS, SERVICES, S, flow_report, settings, trouble

SETTINGS = settings()
WELL = {name: Proof(tried_us=NOW_US - 3 * MIN, works=True) for name in SETTINGS.channels}
AUDIT = AuditReport(
    at_us=NOW_US - 40 * S, took_us=1, alerts=3, looked=3, missing=0, overdue=0, undelivered=0,
    told_back=9, missing_back=0, ratio=1.0, well=True,
)  # fmt: skip
COUNTED = Counted(at_us=NOW_US, pending=0, undelivered=0, oldest_us=None, audit=AUDIT)


def said(kind: str, report: dict[str, Any], *, name: str = "0/1", age_us: int = 0) -> Status:
    return Status(kind=kind, name=name, at_us=NOW_US - age_us, every_us=2 * S, well=True, report=report)


def alert(one: AlertChange, *, age_us: int = 4 * MIN, by: str = "", to: str = "") -> OpenAlert:
    ack = Acknowledgement(by=by, at_us=NOW_US, until_us=None, episode=one.starts_at_us) if by else None
    assigned = Assignment(to=to, by="Zoe", at_us=NOW_US, episode=one.starts_at_us) if to else None
    since = Seq((NOW_US - age_us) // 1000)
    return OpenAlert(
        change=one, since=since, seq=since, changes=1, acknowledgement=ack, assignment=assigned, incident=None,
        urgency=urgency(one, SETTINGS.urgency), places=(),
    )  # fmt: skip


def seen(
    alerts: Sequence[OpenAlert] = (),
    *,
    flows: Sequence[Status] | None = None,
    proofs: dict[str, Proof] | None = WELL,
    heard_us: int = NOW_US,
    away: str = "",
    complete: bool = True,
    **more: Any,
) -> Seen:
    """Return what is known when all is well but for what is given."""
    flows = [said("flow", flow_report())] if flows is None else flows
    statuses = [*flows, said("notifier", {}, name="host:1")]
    told = truth(
        SETTINGS, statuses, proofs,
        heard_us=heard_us, away=away, complete=complete, open_=len(alerts), now_us=NOW_US,
    )  # fmt: skip
    kept: dict[str, Any] = {
        "truth": told,
        "hops": chain(SETTINGS, flows, heard_us=heard_us, away=away, complete=complete, now_us=NOW_US),
        "open": [Open(one, owner_of(one, NOW_US)) for one in alerts],
        "hidden": 0,
        "statuses": statuses,
        "known": sorted(told_places(flows)),
        "counted": COUNTED,
        "duty": (),
        "complete": complete,
        "storm_ms": NOW_US // 1000 if len(alerts) >= STARTS_OPEN else 0,
    }
    return Seen(**{**kept, **more})


def view(*args: Any, codes: Codes | None = None, **kwargs: Any) -> View:
    return view_of(seen(*args, **kwargs), SETTINGS, codes)


def html(one: View, **more: Any) -> str:
    options = Options(**more)
    return render(one, options, shown_now(one, options, NOW_US), NOW_US // 1000)


def test_calm_is_said_with_its_proof() -> None:
    one = view()
    assert (one.state, one.missing, one.counts) == ("calm", (), (0, 0, 0))
    text = html(one)
    assert "NO OPEN ALERTS<" in text
    assert "4/4 feeds live" in text
    assert "self-test" in text
    assert {cell.shape for service in one.services for cell in service.cells} == {"ok"}


def test_hidden_alerts_are_counted_where_nothing_is_open() -> None:
    assert "41 hidden" in html(view(hidden=41))


@pytest.mark.parametrize(
    ("less", "word"),
    [
        ({"flows": [said("flow", flow_report(silent={"posts": 20 * MIN}))]}, "1 feed silent: posts"),
        ({"proofs": WELL | {"mail": Proof(failing_since_us=NOW_US - MIN)}}, "1 of 2 channels not proved"),
        ({"proofs": None}, "what channels proved could not be read"),
        ({"away": "the store (Redis) cannot be used now"}, "the store (Redis) cannot be used now"),
        ({"flows": [said("flow", flow_report(flow="starting"))]}, "the flow is starting"),
        ({"flows": []}, "no flow has said anything yet"),
    ],
)
def test_where_proof_is_missing_the_wall_is_blind_and_says_of_what(less: dict[str, Any], word: str) -> None:
    one = view(**less)
    assert one.state == "blind"
    assert word in " ".join(bad.text for bad in one.missing)
    assert "NO OPEN ALERTS IN WHAT WE SEE" in html(one)
    assert "NO OPEN ALERTS<" not in html(one)


def test_before_the_store_was_read_nothing_is_claimed() -> None:
    one = view(complete=False, heard_us=0)
    assert one.state == "starting"
    assert "NOTHING IS KNOWN YET" in html(one)
    assert {figure.state for figure in one.figures} == {"unknown"}


def test_a_silent_feed_is_unknown_beside_open_alerts_too() -> None:
    one = view([alert(trouble()[0])], flows=[said("flow", flow_report(silent={"crm": 20 * MIN}))])
    assert (one.state, one.feeds.live, one.feeds.all) == ("open", 3, 4)
    assert (one.feeds.bad[0].text, one.feeds.bad[0].since_ms) == ("crm", (NOW_US - 20 * MIN) // 1000)
    assert 'class="feeds unsure"' in html(one)


def test_when_all_feeds_are_silent_no_service_and_no_figure_is_known() -> None:
    silent = dict.fromkeys(("crm", "payments", "posts", "surveys"), 20 * MIN)
    one = view([alert(trouble()[0])], flows=[said("flow", flow_report(silent=silent))])
    shapes = {(service.name, cell.region): cell.shape for service in one.services for cell in service.cells}
    assert shapes.pop(("checkout", "north")) == "p1"  # what was found stays
    assert set(shapes.values()) == {"unknown"}
    assert {figure.state for figure in one.figures} == {"unknown"}


@pytest.mark.parametrize("stops", ["flow", "store", "unreachable"])
def test_what_was_judged_is_not_of_now_once_the_flow_or_the_store_has_stopped(stops: str) -> None:
    report = flow_report()
    if stops == "flow":
        one = view(flows=[said("flow", report, age_us=40 * S)])
    elif stops == "store":
        one = view(heard_us=NOW_US - 40 * S, away="the store (Redis) cannot be used now")
    else:
        one = view(flows=[said("flow", {**report, "unreachable": ["crm/0"]})])
    if stops != "flow":  # of a flow that is not believed no place is told any more
        assert {cell.shape for service in one.services for cell in service.cells} == {"unknown"}
    assert {figure.state for figure in one.figures} == {"unknown"}


def test_a_place_that_is_no_longer_told_of_is_unknown_for_a_day_and_does_not_vanish() -> None:
    known = Known()
    known.see([("checkout", "north")], NOW_US)
    assert known.see([("app", "south")], NOW_US + 5) == [("app", "south"), ("checkout", "north")]
    one = view(flows=[said("flow", flow_report(places=[]))], known=[("checkout", "north")])
    assert [(cell.region, cell.shape) for cell in one.services[0].cells] == [("north", "unknown")]
    assert known.see([], NOW_US + 5 + REMEMBERED_US) == [("app", "south")]


def test_a_place_without_events_is_unknown_and_stands_before_those_that_are_ok() -> None:
    places = [
        {"service": one, "region": two, "judged": int((one, two) != ("billing", "south"))}
        for one in SERVICES
        for two in REGIONS
    ]
    one = view(flows=[said("flow", flow_report(places=places))])
    assert [service.name for service in one.services] == ["billing", "app", "checkout", "delivery"]
    assert (one.services[0].cells[0].region, one.services[0].cells[0].shape) == ("south", "unknown")


def test_an_alert_of_a_service_covers_its_regions_and_one_of_a_customer_covers_nothing() -> None:
    whole = alert(change("ResolutionLag", severity="critical", service="app"), by="Anna")
    about_ada = change("RepeatContact", severity="critical", service="billing", region="north", customer="Ada")
    found = {service.name: service for service in view([whole, alert(about_ada)]).services}
    assert [(cell.shape, cell.in_hand) for cell in found["app"].cells] == [("p2", True)] * 3
    assert found["billing"].shape == "ok"
    assert next(iter(found)) == "app"


def test_rows_stand_worst_first_and_those_in_nobody_s_hand_before_the_others() -> None:
    made = [
        alert(change("B", severity="warning", service="late"), age_us=MIN),
        alert(change("A", severity="critical", service="held"), age_us=MIN, by="Anna"),
        alert(change("A", severity="critical", service="older"), age_us=9 * MIN),
        alert(change("A", severity="critical", service="newer"), age_us=2 * MIN),
        alert(change("A", severity="critical", customers="5000", service="worst"), age_us=30 * MIN),
    ]
    one = view(made)
    assert [row.subject for row in one.rows] == ["worst", "newer", "older", "held", "late"]
    assert (one.counts, one.unowned) == ((1, 3, 1), 3)
    assert [(row.owner, row.in_hand) for row in one.rows if row.in_hand] == [("Anna", True)]


def test_alerts_of_one_kind_about_one_service_are_one_row() -> None:
    made = [
        alert(
            change("SlaBreach", service="app", region=REGIONS[number % 2], case_id=str(number)),
            age_us=(number + 1) * MIN, by="Ben" if number < 2 else "", to="Cid" if number == 2 else "",
        )
        for number in range(14)
    ]  # fmt: skip
    row = view(made).rows[0]
    assert row.text == "14 \N{MULTIPLICATION SIGN} SLA breach"
    assert (row.where, row.count, row.owned, row.owner) == ("2 regions", 14, 3, "Ben +1")
    assert row.since_ms == (NOW_US - 14 * MIN) // 1000
    assert "11 UNOWNED" in html(view(made))


def test_an_acknowledgement_that_has_ended_leaves_nobody_in_charge() -> None:
    one = change("A", service="app")
    ended = Acknowledgement(by="Anna", at_us=NOW_US - 2, until_us=NOW_US - 1, episode=one.starts_at_us)
    held = alert(one)
    assert owner_of(msgspec.structs.replace(held, acknowledgement=ended), NOW_US) == ""


def test_ten_thousand_alerts_are_a_storm_of_a_few_rows_and_what_they_share() -> None:
    made = [
        alert(
            change(
                "Down", severity="critical", service=f"s{number % 40}", region=REGIONS[number % 3],
                site="ams2" if number % 5 else "fra1", case_id=str(number),
            )
        )
        for number in range(10_000)
    ]  # fmt: skip
    one = view(made)
    assert (one.state, one.open) == ("storm", 10_000)
    assert ("site", "ams2", 80) in [(shared.label, shared.value, shared.percent) for shared in one.shared]
    counts = [row.count for row in one.rows]
    assert counts == sorted(counts, reverse=True)
    text = html(one)
    assert text.count('class="row ') <= 7
    assert "STORM 10,000 open" in text
    assert text.count("<") < 2 * 800
    assert len(text) < 16_000


def test_what_is_not_shown_is_counted_by_priority() -> None:
    made = [alert(change("A", severity="warning", service=f"s{number}")) for number in range(9)]
    made.append(alert(change("A", severity="critical", service="worst")))
    one = view(made)
    assert len(fitting(one, 5)) == 4
    assert "+ 6 more P3" in html(one)
    assert len(fitting(one, 10)) == 10


def test_figures_are_weighed_by_what_they_are_of_and_say_what_is_usual() -> None:
    figures = {figure.name: figure for figure in view([alert(one) for one in trouble()]).figures}
    assert (figures["Time to resolve"].value, figures["Time to resolve"].note) == ("3.0 h", "usually 2.4 h")
    assert figures["Time to resolve"].state == "worse"
    assert figures["Sentiment"].value == "12 % bad"
    assert (figures["Promises at risk"].value, figures["Promises at risk"].note) == ("5", "14 broken")
    assert figures["Repeat contacts"].value == "1"


def test_what_nobody_watches_is_not_shown_as_nought() -> None:
    bare = settings(detectors={"transaction_failure": {"type": "transaction_failure"}})
    made = view_of(seen(), bare, None)
    assert {(figure.value, figure.state) for figure in made.figures} == {("", "off")}


def test_delivery_says_what_is_wrong_first_and_unknown_when_it_cannot_be_read() -> None:
    assert view().delivery.state == "ok"
    assert view(counted=None).delivery.state == "unknown"
    assert "delivery unknown" in html(view(counted=None))
    overdue = msgspec.structs.replace(AUDIT, overdue=2, well=False)
    bad = view(
        counted=msgspec.structs.replace(COUNTED, undelivered=3, pending=9, oldest_us=NOW_US - 9 * MIN, audit=overdue),
        proofs=WELL | {"mail": Proof(failing_since_us=NOW_US - MIN)},
    ).delivery
    assert bad.state == "bad"
    assert [one.text for one in bad.bad] == ["3 not delivered", "2 overdue", "mail fails"]


def test_without_a_notifier_the_foot_says_that_nobody_is_told() -> None:
    told = seen()
    alone = [one for one in told.statuses if one.kind == "flow"]
    fresh = truth(SETTINGS, alone, WELL, heard_us=NOW_US, away="", complete=True, open_=0, now_us=NOW_US)
    one = view_of(msgspec.structs.replace(told, truth=fresh, statuses=alone), SETTINGS, None)
    assert one.state == "blind"
    assert "no notifier: nobody is told" in html(one)


def test_customers_are_codes_where_the_wall_hides_them() -> None:
    made = [alert(one) for one in trouble() if one.labels.get("customer")]
    codes = Codes(b"a key of tests")
    shown, hidden = view(made), view(made, codes=codes)
    assert "Ada Lovelace" in html(shown)
    for page in ("now", "figures", "alerts"):
        text = html(hidden, pages=(page,))
        assert "Ada" not in text
        assert "Lovelace" not in text
        assert "c0017" not in text
    assert codes.code("Ada Lovelace") in html(hidden)


def test_what_customers_write_is_text_and_nothing_else() -> None:
    evil = alert(change("X", service="<script>alert(1)</script>", region='"><img src=x>', summary="<b>bold</b> & more"))
    text = html(view([evil]))
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in text


def test_a_summary_loses_what_its_row_shows_anyway() -> None:
    one = change("T", service="pay", region="eu", summary="pay, eu: 12 % failed, normally 1 % (p = 3e-9)")
    assert short_summary(one) == "12 % failed, normally 1 %"
    assert short_summary(change("T", service="pay", summary="Case 7: late")) == "Case 7: late"
    assert short_summary(change("FeedSilence", summary="")) == "Feed silence"


def test_panels_and_pages_take_turns_but_not_while_a_p1_is_open() -> None:
    calm, fire = view([alert(trouble()[-1])]), view([alert(trouble()[0])])
    options = Options(pages=("now", "figures"), rotate_s=20)
    turns = {shown_now(calm, options, NOW_US + turn * 20 * S) for turn in range(8)}
    assert {one.page for one in turns} == {"now", "figures"}
    assert {one.panel for one in turns} == {"services", "figures", "latest", "delivery", ""}
    assert {shown_now(fire, options, NOW_US + turn * 20 * S) for turn in range(8)} == {Shown("now", "services")}
    for quiet in (Options(rotate_s=0), Options(still=True)):
        assert {shown_now(calm, quiet, NOW_US + turn * 20 * S) for turn in range(8)} == {Shown("now", "services")}


def test_many_p1_take_the_room_of_the_panel() -> None:
    made = [alert(change("A", severity="critical", customers="5000", service=f"s{number}")) for number in range(7)]
    one = view(made)
    assert shown_now(one, Options(), NOW_US) == Shown("now", "")
    assert html(one).count('class="row ') == 7


def test_letters_are_as_large_as_the_distance_demands() -> None:
    five = sizes(55, 5)
    assert round(five.least_vw * 19.2) == 51
    assert round(five.body_vw * 19.2) == 64
    assert round(five.head_vw * 19.2) == 199
    assert sizes(43, 5).least_vw > five.least_vw > sizes(65, 5).least_vw
    assert all(3 <= sizes(55, metres).rows_above <= sizes(55, metres).rows <= 9 for metres in (1, 3, 5, 8, 20))


@pytest.mark.parametrize(
    "asked", [{"in": "wide"}, {"m": "0"}, {"m": "nan"}, {"theme": "pink"}, {"hide": "all"}, {"pages": "x"},
              {"rotate": "1"}, {"name": "<b>"}, {"name": "x" * 41}, {"pages": ","}],
)  # fmt: skip
def test_an_address_that_asks_for_what_there_is_not_is_told_what_there_is(asked: dict[str, str]) -> None:
    with pytest.raises(OptionError, match=r"write .+"):
        options_of(asked)


def test_an_address_says_all_that_a_screen_needs() -> None:
    asked = {"in": "43", "m": "3", "theme": "light", "hide": "customer", "rotate": "off", "pages": "alerts,services",
             "name": "Lobby 2", "token": "secret"}  # fmt: skip
    assert options_of(asked) == Options(
        inches=43, metres=3, theme="light", hide=True, rotate_s=0, pages=("alerts", "services"), name="Lobby 2"
    )
