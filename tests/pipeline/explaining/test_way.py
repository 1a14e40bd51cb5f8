"""The way of an alert to people is told as it was: routes, groups, decisions, tries, digests, escalations."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from alerts.responses import Responses, Said
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from detectors.contract import AlertChange
from pipeline.explaining.plain import plain, value
from pipeline.explaining.story import Story
from tests.pipeline.explaining.night import Night
from tests.support.alerts import change
from tests.support.http import Answer, HttpServer, http_server

SETTINGS = """
channels:
  primary: {{type: webhook, url: "{bad}"}}
  second: {{type: webhook, url: "{good}", max_per_minute: 60}}
  own: {{type: webhook, url: "{good}"}}
receivers:
  desk: {{tiers: [{{channel: primary}}, {{channel: second}}], digest_above: 2}}
  ana: {{tiers: [{{channel: own}}], send_resolved: false}}
  audit: {{tiers: [{{channel: own}}]}}
people:
  ana: {{receiver: ana}}
schedules:
  duty: {{zone: UTC, rotations: [{{people: [ana], start: 2015-01-01T00:00, shift: 1w}}]}}
escalations:
  up: {{steps: [{{notify: [receiver: desk], wait: 5m}}, {{notify: [schedule: duty], wait: 10m}}], then: audit}}
route:
  receiver: desk
  group_by: [service]
  group_wait: 10s
  group_interval: 1m
  routes:
    - {{matchers: [team=audit], receiver: audit}}
    - {{matchers: [severity=critical], escalation: up}}
"""


@pytest.fixture
def bad() -> Iterator[HttpServer]:
    with http_server(Answer(503)) as server:
        yield server


@pytest.fixture
def night(store: AlertStore, bad: HttpServer) -> Iterator[Night]:
    with http_server() as good:
        night = Night(store, SETTINGS.format(bad=bad.url, good=good.url))
        yield night
        night.notifier.close()


def test_a_failover_says_by_which_way_and_why_not_by_the_one_before(night: Night) -> None:
    one = change(service="shop")
    night.fires(one)
    night.passes(12)
    told = night.told(one)
    assert "By a webhook (tier 2, second), because tier 1 (primary) failed: server_error: HTTP 503" in told
    assert "; 2 tries in " in told
    assert told.count("tier 1  primary  failed") == 2
    assert "{} → desk (primary, then second), because no route below takes it" in told
    assert '{}:{service="shop"} → desk: 1 alert, 1 firing' in told
    assert "then told again if nothing has changed; group_wait 10s, group_interval 1m" in told
    assert "firing → desk: told by mg-" in told
    assert "note: the channel primary fails since " in told
    assert night.walked(one, "desk").told


def test_before_anybody_has_looked_it_says_so(night: Night) -> None:
    one = change()
    night.fires(one)
    assert "no notifier has looked at it; does one run?" in night.told(one)
    found = night.walked(one, "desk")
    assert (found.told, found.end) == (False, "no notifier has looked at the alert yet; does one run?")


def test_before_its_tick_it_says_when_that_is(night: Night) -> None:
    one = change()
    night.fires(one)
    night.passes(1)
    assert "not yet  firing → desk: decided on the tick of 2015-02-21 12:00:10Z (in 9.0 s)" in night.told(one)
    assert (
        night.walked(one, "desk").end
        == "Its group waits, it is decided on the tick of 2015-02-21 12:00:10Z (in 9.0 s)."
    )


def test_a_tick_that_nobody_kept_makes_one_ask_for_the_notifier(night: Night) -> None:
    one = change()
    night.fires(one)
    night.passes(1)
    night.clock.forward(600)
    assert "ago: does a notifier run?" in night.told(one)


def test_what_is_hidden_says_by_what_and_until_when(night: Night, store: AlertStore) -> None:
    one = change(service="shop")
    now_us = night.clock()
    SilenceBook(store).add(
        ["service=shop"], starts_us=now_us, ends_us=now_us + 3_600_000_000, author="kim", comment="CHG-1", now_us=now_us
    )
    night.fires(one)
    night.passes(12)
    told = night.told(one)
    assert "hidden now\n  silenced by " in told
    assert "CHG-1 (kim), until 2015-02-21T13:00:00Z" in told
    found = night.walked(one, "desk")
    assert not found.told
    assert found.end.startswith("not told (silenced by ")


def test_what_was_told_when_it_was_hidden_no_more_says_by_which_notification(night: Night, store: AlertStore) -> None:
    one = change(service="shop")
    now_us = night.clock()
    SilenceBook(store).add(
        ["service=shop"], starts_us=now_us, ends_us=now_us + 60_000_000, author="kim", comment="CHG-1", now_us=now_us
    )
    night.fires(one)
    night.passes(12)
    assert "told when that was over" not in night.told(one)
    night.passes(400)
    (note,) = [note for note in night.story(one).detail.notifications if note.receiver == "desk"]
    assert f"CHG-1 (kim), until 2015-02-21T12:01:00Z; told when that was over, by {note.key}" in night.told(one)


def test_what_was_over_before_its_tick_was_told_to_nobody(night: Night) -> None:
    one = change()
    night.fires(one)
    night.passes(1)
    night.fires(change(step="resolved", at_us=one.at_us + 1))
    night.passes(20)
    found = night.walked(one, "desk")
    assert found.end.startswith("not told: it had resolved before anybody was told that it fires, at ")
    assert "it is in none now" in night.told(one)


def test_a_receiver_that_no_route_leads_to_says_why_each_does_not(night: Night) -> None:
    one = change(team="web")
    night.fires(one)
    night.passes(12)
    found = night.walked(one, "audit")
    assert found.end == "nothing in the settings leads there; the alert goes to desk."
    barred = [line for stop in found.stops if not stop.passed for line in stop.more]
    assert barred == ['route {}/{team="audit"} → audit: team="audit" does not match: team is "web"']


def test_an_escalation_says_whom_its_next_step_reaches_and_who_stopped_it(night: Night, store: AlertStore) -> None:
    one = change(severity="critical")
    night.fires(one)
    night.passes(12)
    told = night.told(one)
    assert "escalation up: 1 of its 2 steps taken; told desk" in told
    assert "next step 2 of 2 at 2015-02-21 12:05:10Z (in 4m58s): schedule duty, which is ana then" in told
    found = night.walked(one, "ana", "ana")
    assert found.end.startswith("the escalation up has not come there; next is step 2 of 2 at ")
    Responses(store).acknowledge(one.fingerprint, Said(id="1", by="kim", via="cli", at_us=night.clock()))
    night.passes(2)
    assert "escalation up: stopped, everything is acknowledged (this alert by kim)" in night.told(one)
    assert night.walked(one, "ana", "ana").end == "the escalation up stopped before, because kim acknowledged."


def test_a_step_that_was_taken_is_a_notification_of_its_own(night: Night) -> None:
    one = change(severity="critical")
    night.fires(one)
    night.passes(312, step_s=1)
    told = night.told(one)
    assert "to ana: an escalation" in told
    assert 'it says: "Step 2 of 2 of the escalation."' in told
    found = night.walked(one, "ana", "ana")
    assert found.told
    assert any("schedule duty (on duty: at " in line and "ana" in line for stop in found.stops for line in stop.more)


def test_a_resolve_for_who_wants_none_says_so(night: Night, store: AlertStore) -> None:
    settings = SETTINGS.replace("receiver: desk\n  group_by", "receiver: ana\n  group_by")
    with http_server() as good:
        night = Night(store, settings.format(bad=good.url, good=good.url))
        one = change()
        night.fires(one)
        night.passes(12)
        night.fires(change(step="resolved", at_us=one.at_us + 1))
        night.passes(61)
        assert "resolved → ana: not told: it wants no resolves (send_resolved: false)" in night.told(one)
        night.notifier.close()


def test_what_nobody_takes_says_when_it_is_tried_again(night: Night, store: AlertStore, bad: HttpServer) -> None:
    night.notifier.close()
    night = Night(store, SETTINGS.format(bad=bad.url, good=bad.url))
    one = change()
    night.fires(one)
    night.passes(20)
    found = night.walked(one, "desk")
    assert found.told is None
    assert found.end.startswith("Not delivered so far: every tier has failed: tier 1 (primary) failed: server_error: ")
    assert "; it is tried again at 2015-02-21 12:00:" in found.end
    night.notifier.close()


def test_what_went_into_a_digest_says_what_became_of_that(night: Night) -> None:
    many = [change(service=f"s{number}", case_id=str(number)) for number in range(8)]
    again = [change(service=f"s{number}", case_id=f"again {number}") for number in range(8)]
    night.fires(*many)
    night.passes(40)
    night.fires(*again)
    night.passes(200, step_s=1)
    digested = [one for one in again if any(note.digest for note in night.story(one).notes)]
    assert digested, [night.told(one) for one in again[:1]]
    told = night.told(digested[0])
    assert "notifications stands for it (too many were waiting): By a webhook (tier 2, second)" in told
    assert "to desk: a digest" in told
    assert night.walked(digested[0], "desk").told


def test_plain_data_has_everything(night: Night) -> None:
    one = change(severity="critical")
    night.fires(one)
    night.passes(12)
    story = night.story(one)
    assert _counted(story) > 100
    told = plain(story)
    assert told["now"] == "2015-02-21T12:00:12.000000Z"
    assert told["accounts"][0]["verdict"] == "told"
    assert told["notes"][0]["record"]["tries"][0]["reason"] == "server_error"
    assert msgspec.json.decode(msgspec.json.encode(told)) == told


def _counted(one: Any) -> int:
    """Return how many members were looked at; none of them is left out of the plain form of its struct."""
    if isinstance(one, msgspec.Struct) and not isinstance(one, AlertChange):
        names = one.__struct_fields__
        assert isinstance(one, Story) or len(value(one)) == len(names), type(one)
        return len(names) + sum(_counted(getattr(one, name)) for name in names)
    if isinstance(one, (list, tuple)):
        return sum(_counted(item) for item in one)
    return 0
