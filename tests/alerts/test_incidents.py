"""Which alerts belong together, over a real Redis."""

import itertools
import random
from functools import partial
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.connection import connect
from alerts.incident_scope import feed_of, feeds_by_detector, scope_of
from alerts.incidents import Incident, Incidents
from alerts.store import AlertStore
from config.incidents import IncidentSettings
from detectors.contract import AlertChange, alert_change
from detectors.feed_silence import FeedSilenceSettings
from detectors.sentiment_drop import SentimentDropSettings
from tests.alerts.test_responses import run
from tests.support.alerts import MINUTE_US, START_US
from tests.support.patience import PATIENCE_S
from tests.support.redis import fresh_store

HOUR_US = 60 * MINUTE_US
_ENDS = {"resolved", "retracted", "moved", "closed"}


def said(
    detector: str,
    minute: float = 0,
    step: str = "firing",
    *,
    to: float | None = None,
    severity: str = "warning",
    annotations: dict[str, str] | None = None,
    **labels: str,
) -> AlertChange:
    """Return a change of an alert that began at ``minute``; ``to``: when it was changed, where that is later."""
    starts_us = START_US + round(minute * MINUTE_US)
    at_us = starts_us if to is None else START_US + round(to * MINUTE_US)
    ends = step.partition(":")[0] in _ENDS
    name = "".join(part.title() for part in detector.split("_"))
    return alert_change(
        step=step,
        at_us=at_us,
        status="resolved" if ends else "firing",
        labels={"alertname": name, "detector": detector, "severity": severity, **labels},
        annotations={"summary": f"{name} at {minute:g}", **(annotations or {})},
        starts_at_us=starts_us,
        ends_at_us=at_us if ends else None,
    )


failing = partial(said, "transaction_failure")
mood = partial(said, "sentiment_drop")
answer = partial(said, "negative_survey")
silent = partial(said, "feed_silence")
CHECKOUT: Any = {"service": "checkout"}


@pytest.fixture
def incidents(store: AlertStore) -> Incidents:
    return Incidents(store, IncidentSettings())


def put(incidents: Incidents, *changes: AlertChange, now_us: int = START_US) -> list[Incident]:
    return [incidents.assign(change, now_us) for change in changes]


def numbers(incidents: Incidents, *changes: AlertChange) -> list[int]:
    return [one.number for one in put(incidents, *changes)]


def test_alerts_of_several_feeds_about_one_service_are_one_incident_with_the_evidence_of_each(
    incidents: Incidents,
) -> None:
    *_, incident = put(
        incidents,
        failing(0, severity="critical", **CHECKOUT),
        mood(10, region="north", **CHECKOUT),
        said("sla_breach_rate", 20, **CHECKOUT),
        answer(25, customer="c1", **CHECKOUT),
        answer(26, customer="c2", **CHECKOUT),
    )
    assert (incident.number, incident.name, incident.status, incident.severity) == (1, "INC-1", "open", "critical")
    assert incident.title == "checkout: NegativeSurvey, SentimentDrop, SlaBreachRate and 1 more"
    assert incident.about == CHECKOUT
    assert [(one.feed, one.alerts, one.firing) for one in incident.feeds] == [
        ("crm", 1, 1),
        ("crm, social, survey", 1, 1),
        ("survey", 2, 2),
        ("transaction", 1, 1),
    ]
    assert incident.evidence_lines[2] == "survey: 2 alerts: NegativeSurvey at 26"
    assert incident.touched == {"customer": ("c1", "c2"), "service": ("checkout",), "region": ("north",)}
    assert (incident.customers, incident.alerts, incident.firing) == (2, 5, 5)
    assert (incident.first_us, incident.last_us) == (START_US, START_US + 26 * MINUTE_US)
    assert (incident.blind, incident.linked, incident.ended_us) == ((), (), None)


def test_the_window_counts_from_the_end_of_the_last_alert_to_the_start_of_the_next(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT), failing(0, "resolved", to=40, **CHECKOUT))
    assert numbers(incidents, mood(70, **CHECKOUT)) == [1]
    put(incidents, mood(70, "resolved", to=80, **CHECKOUT))
    assert numbers(incidents, mood(110.01, **CHECKOUT)) == [2]


def test_while_an_alert_fires_the_window_is_open(incidents: Incidents) -> None:
    assert numbers(incidents, failing(0, **CHECKOUT), mood(5000, **CHECKOUT)) == [1, 1]


def test_an_alert_that_ended_before_the_window_is_of_no_later_incident(incidents: Incidents) -> None:
    late = failing(0, "resolved", to=10, **CHECKOUT)
    assert numbers(incidents, mood(41, **CHECKOUT), late) == [1, 2]


def test_another_service_is_another_incident_even_in_the_same_region(incidents: Incidents) -> None:
    north: Any = {"region": "north"}
    found = numbers(incidents, failing(0, service="checkout", **north), failing(1, service="app", **north))
    assert found == [1, 2]


def test_alerts_about_a_region_and_about_services_in_it_come_together(incidents: Incidents) -> None:
    south: Any = {"region": "south"}
    assert numbers(incidents, said("sla_breach_rate", 0, **south), failing(5, service="app", **south)) == [1, 1]


def test_an_alert_goes_where_it_has_most_in_common(incidents: Incidents) -> None:
    put(incidents, mood(0, **CHECKOUT), failing(0, region="north"), failing(0, service="app", region="north"))
    found = put(incidents, failing(1, region="north", **CHECKOUT), failing(2, service="app", region="north", tier="x"))
    assert [one.number for one in found] == [1, 2]


def test_the_more_specific_label_goes_first_and_what_else_it_touches_is_linked(incidents: Incidents) -> None:
    put(incidents, mood(0, region="north"), mood(0, **CHECKOUT))
    assert [one.number for one in incidents.list_incidents(START_US)] == [2, 1]
    both = incidents.assign(failing(1, region="north", **CHECKOUT), START_US)
    assert (both.number, both.linked) == (2, (1,))
    other = incidents.get(1, START_US)
    assert other is not None
    assert (other.incident.linked, other.incident.alerts) == ((2,), 1)


def test_alerts_of_many_customers_alone_are_no_giant_incident(incidents: Incidents) -> None:
    changes = [answer(number, customer=f"c{number}", **CHECKOUT) for number in range(12)]
    assert numbers(incidents, *changes) == list(range(1, 13))
    assert numbers(incidents, said("repeat_contact", 13, customer="c3", service="app")) == [4]


def test_cases_whose_customer_is_not_known_are_no_giant_incident_either(incidents: Incidents) -> None:
    changes = [said("sla_breach", number, case_id=f"k{number}", **CHECKOUT) for number in range(4)]
    assert numbers(incidents, *changes) == [1, 2, 3, 4]


def test_the_customer_of_a_case_is_found_in_the_annotations(incidents: Incidents) -> None:
    first = said("sla_breach", 0, case_id="k1", annotations={"customer": "c1"}, **CHECKOUT)
    assert numbers(incidents, first, answer(5, customer="c1")) == [1, 1]


def test_what_was_opened_for_single_customers_stays_and_is_linked_when_the_service_fails(incidents: Incidents) -> None:
    put(incidents, answer(0, customer="c1", **CHECKOUT), answer(1, customer="c2", service="app"))
    wide = incidents.assign(failing(5, **CHECKOUT), START_US)
    assert (wide.number, wide.linked) == (3, (1,))
    joined = incidents.assign(answer(6, customer="c3", **CHECKOUT), START_US)
    assert joined.number == 3
    own = incidents.assign(said("repeat_contact", 7, customer="c1", **CHECKOUT), START_US)
    assert (own.number, own.linked) == (1, (3,))


def test_alerts_of_customers_do_not_keep_an_incident_open_for_others_without_end(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT), answer(5, customer="c1", **CHECKOUT))
    put(incidents, failing(0, "resolved", to=10, **CHECKOUT))
    found = incidents.assign(answer(39, customer="c2", **CHECKOUT), START_US)
    assert (found.number, found.firing) == (1, 2)
    assert numbers(incidents, answer(41, customer="c3", **CHECKOUT)) == [2]


def test_an_alert_about_nothing_in_particular_is_an_incident_of_its_own(incidents: Incidents) -> None:
    everywhere = said("social_spike", 0)
    assert numbers(incidents, everywhere, failing(1), said("social_spike", 0, "resolved", to=3)) == [1, 2, 1]
    assert numbers(incidents, said("social_spike", 20)) == [1]
    detail = incidents.get(1, START_US)
    assert detail is not None
    assert detail.incident.title == "SocialSpike"


def test_a_silent_feed_is_blindness_and_no_evidence(incidents: Incidents) -> None:
    put(incidents, silent(0, source="shop"))
    incident = incidents.assign(mood(10, **CHECKOUT), START_US)
    assert [(one.feed, one.since_us, one.until_us) for one in incident.blind] == [("shop", START_US, None)]
    assert incident.blind_lines == ("shop is silent, so it shows nothing: FeedSilence at 0",)
    assert [one.feed for one in incident.feeds] == ["crm, social, survey"]
    own = incidents.get(1, START_US)
    assert own is not None
    assert (own.incident.feeds, [one.feed for one in own.incident.blind]) == ((), ["shop"])
    assert own.incident.title == "shop: FeedSilence"


def test_a_feed_that_was_silent_is_listed_with_its_end_whenever_that_becomes_known(incidents: Incidents) -> None:
    put(incidents, mood(10, **CHECKOUT), silent(0, source="shop"), silent(0, "resolved", to=15, source="shop"))
    detail = incidents.get(1, START_US)
    assert detail is not None
    assert [(one.feed, one.until_us) for one in detail.incident.blind] == [("shop", START_US + 15 * MINUTE_US)]
    assert "was silent" in detail.incident.blind_lines[0]


@pytest.mark.parametrize(
    "one",
    [
        silent(0, source="shop", service="app"),  # another service of the feed
        silent(100, source="shop"),  # later
        silent(-100, "resolved", to=-60, source="shop"),  # before
        silent(0, "retracted", to=5, source="shop"),  # it was not
    ],
)
def test_a_silence_that_does_not_concern_the_incident_is_not_listed(one: AlertChange, incidents: Incidents) -> None:
    put(incidents, mood(0, **CHECKOUT), mood(0, "resolved", to=10, **CHECKOUT), one)
    detail = incidents.get(1, START_US)
    assert detail is not None
    assert detail.incident.blind == ()


def test_a_silence_of_the_service_belongs_to_its_incident_as_blindness(incidents: Incidents) -> None:
    put(incidents, mood(0, **CHECKOUT))
    incident = incidents.assign(silent(5, source="shop", **CHECKOUT), START_US)
    assert (incident.number, incident.alerts, [one.feed for one in incident.blind]) == (1, 2, ["shop"])
    assert [one.feed for one in incident.feeds] == ["crm, social, survey"]


def test_an_incident_ends_when_nothing_has_fired_for_the_quiet_time(store: AlertStore) -> None:
    incidents = Incidents(store, IncidentSettings.model_validate({"quiet": "10m"}))
    put(incidents, failing(0, **CHECKOUT), mood(5, **CHECKOUT), failing(0, "resolved", to=8, **CHECKOUT))
    far_us = START_US + 1000 * HOUR_US
    assert [one.status for one in incidents.list_incidents(far_us)] == ["open"]
    put(incidents, mood(5, "resolved", to=30, **CHECKOUT))
    ended_us = START_US + 30 * MINUTE_US
    (still,) = incidents.list_incidents(ended_us + 10 * MINUTE_US - 1, status="open")
    assert still.ended_us is None
    assert incidents.list_incidents(ended_us + 10 * MINUTE_US, status="open") == []
    (ended,) = incidents.list_incidents(ended_us + 10 * MINUTE_US, status="ended")
    assert ended.ended_us == ended_us
    again = incidents.assign(failing(40, **CHECKOUT), ended_us + 20 * MINUTE_US)
    assert (again.number, again.status) == (1, "open")


def test_the_same_changes_again_change_nothing(incidents: Incidents) -> None:
    changes = [
        failing(0, **CHECKOUT),
        mood(3, **CHECKOUT),
        mood(3, "updated:1", to=6, **CHECKOUT),
        mood(3, "resolved", to=9, **CHECKOUT),
        answer(9, customer="c1", **CHECKOUT),
    ]
    put(incidents, *changes)
    before = incidents.get(1, START_US)
    put(incidents, *changes, *changes)
    assert incidents.get(1, START_US) == before
    assert len(incidents.list_incidents(START_US)) == 1


def test_of_an_episode_the_newest_change_counts_in_whichever_order_they_come(client: "redis.Redis") -> None:
    steps = [("suspected", 0.0), ("confirmed", 4.0), ("updated:1", 8.0), ("resolved", 12.0), ("reinstated:1", 12.0)]
    changes = [mood(0, step, to=minute, **CHECKOUT) for step, minute in steps]
    seen = set()
    for order in itertools.islice(itertools.permutations(changes), 0, None, 11):
        incidents = Incidents(fresh_store(client), IncidentSettings())
        seen.add(str(put(incidents, *order)[-1]))
    assert len(seen) == 1
    assert "firing=1" in seen.pop()


def test_an_episode_that_never_was_counts_for_nothing(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT), answer(1, severity="critical", customer="c1", **CHECKOUT))
    incident = incidents.assign(answer(1, "retracted", to=5, severity="critical", customer="c1", **CHECKOUT), START_US)
    assert (incident.alerts, incident.customers, incident.severity) == (1, 0, "warning")
    assert [one.feed for one in incident.feeds] == ["transaction"]
    detail = incidents.get(1, START_US)
    assert detail is not None
    assert [one.undone for one in detail.members] == [False, True]


def test_what_an_undone_alert_said_is_no_longer_said_in_whichever_order(client: "redis.Redis") -> None:
    changes = [answer(0, customer="c1", service="a"), answer(9, customer="c1", service="b")]
    undone = answer(9, "retracted", to=12, customer="c1", service="b")
    for order in itertools.permutations([*changes, undone]):
        incidents = Incidents(fresh_store(client), IncidentSettings())
        found = put(incidents, *order)[-1]
        assert [(one.feed, one.alerts, one.says) for one in found.feeds] == [("survey", 1, "NegativeSurvey at 0")]


def test_an_episode_that_a_person_closed_fires_no_more_in_its_incident(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT), failing(0, "closed", to=5, **CHECKOUT))
    incident = incidents.assign(failing(0, "updated:1", to=9, **CHECKOUT), START_US)
    assert incident.firing == 0


def test_a_later_episode_of_an_alert_can_be_of_another_incident(incidents: Incidents) -> None:
    first, later = failing(0, **CHECKOUT), failing(500, **CHECKOUT)
    put(incidents, first, failing(0, "resolved", to=5, **CHECKOUT), later)
    assert incidents.of(first.fingerprint) == 2
    assert incidents.of(first.fingerprint, first.starts_at_us) == 1
    assert incidents.of("0" * 16) is None
    assert incidents.firing(2) == [first.fingerprint]
    assert incidents.firing(1) == []
    assert incidents.firing(3) is None


def test_two_incidents_that_turn_out_to_touch_are_kept_and_linked(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT), failing(0, "resolved", to=5, **CHECKOUT))
    put(incidents, mood(60, **CHECKOUT), mood(60, "resolved", to=70, **CHECKOUT))
    between = incidents.assign(said("sla_breach_rate", 33, "resolved", to=40, **CHECKOUT), START_US)
    assert (between.number, between.linked) == (1, (2,))


def test_detail_lists_what_fires_first_and_only_so_many(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT), failing(0, "resolved", to=5, **CHECKOUT), mood(3, **CHECKOUT))
    put(incidents, answer(4, customer="c1", **CHECKOUT))
    detail = incidents.get(1, START_US, most=2)
    assert detail is not None
    assert [one.change.labels["alertname"] for one in detail.members] == ["SentimentDrop", "NegativeSurvey"]
    assert incidents.get(9, START_US) is None


def test_many_customers_are_counted_and_not_named(incidents: Incidents) -> None:
    put(incidents, failing(0, **CHECKOUT))
    incidents.assign_many([answer(1, customer=f"c{number}", **CHECKOUT) for number in range(40)])
    (incident,) = incidents.list_incidents(START_US)
    assert (incident.customers, incident.touched["customer"]) == (40, ())


def test_what_a_change_costs_does_not_grow_with_its_incident(store: AlertStore, client: "redis.Redis") -> None:
    incidents = Incidents(store, IncidentSettings())

    def commands(*changes: AlertChange) -> list[int]:
        counts = []
        for change in changes:
            client.config_resetstat()
            incidents.assign_many([change])
            stats: Any = client.info("commandstats")
            counts.append(sum(one["calls"] for name, one in stats.items() if name.startswith("cmdstat_h")))
        return counts

    def life(number: int) -> list[AlertChange]:
        labels: Any = {**CHECKOUT, "customer": f"c{number}"}
        return [answer(number, **labels), answer(number, "retracted", to=number + 1, **labels)]

    incidents.assign_many([failing(0, **CHECKOUT)])
    small = commands(*life(1))
    incidents.assign_many([answer(2, customer=f"c{number}", **CHECKOUT) for number in range(10, 2010)])
    assert all(now <= before for now, before in zip(commands(*life(3)), small, strict=True))
    found = incidents.get(1, START_US, most=5)
    assert found is not None
    assert (found.incident.alerts, len(found.members)) == (2001, 5)
    note = incidents.notes([failing(0, **CHECKOUT).fingerprint], START_US).popitem()[1]
    assert note.evidence == (
        "survey: 2000 alerts: NegativeSurvey at 2",
        "transaction: 1 alert: TransactionFailure at 0",
    )


def test_a_message_lists_ten_feeds_at_most(incidents: Incidents) -> None:
    first = failing(0, **CHECKOUT)
    put(incidents, first, *(mood(1, source=f"shop{number:02}", **CHECKOUT) for number in range(14)))
    note = incidents.notes([first.fingerprint], START_US)[first.fingerprint]
    assert (len(note.evidence), note.evidence[-1]) == (10, "and 6 more")


def test_other_labels_can_bring_alerts_together(store: AlertStore) -> None:
    incidents = Incidents(store, IncidentSettings(by=("vendor", "country")))
    assert numbers(incidents, failing(0, vendor="v1", **CHECKOUT), mood(1, vendor="v1"), mood(1, **CHECKOUT)) == [
        1,
        1,
        2,
    ]


def test_an_incident_expires_as_resolved_alerts_do_and_leaves_the_list(client: "redis.Redis") -> None:
    store = fresh_store(client, retention="1m")
    incidents = Incidents(store, IncidentSettings())
    put(incidents, failing(0, **CHECKOUT), answer(1, customer="c1", **CHECKOUT), silent(2, source="x"))

    def lifetimes() -> list[int]:
        return sorted(client.pttl(name) for name in client.keys(f"{store.keys.prefix}incident*"))

    assert set(lifetimes()) == {-1}
    put(incidents, failing(0, "resolved", to=5, **CHECKOUT))
    assert set(lifetimes()) >= {-1}
    put(incidents, answer(1, "resolved", to=6, customer="c1", **CHECKOUT))
    own: Any = client.keys(f"{store.keys.prefix}incident:1*")
    assert all(0 < client.pttl(name) <= 60_000 for name in own)
    client.delete(*own)
    assert [one.number for one in incidents.list_incidents(START_US)] == [2]
    assert client.zcard(store.keys.named("incidents")) == 1
    assert numbers(incidents, failing(7, **CHECKOUT)) == [3]


def test_silences_and_incidents_of_long_ago_are_forgotten(client: "redis.Redis") -> None:
    store = fresh_store(client, retention="1h")
    incidents = Incidents(store, IncidentSettings())
    put(incidents, silent(0, source="x"), silent(0, "resolved", to=5, source="x"))
    client.delete(*client.keys(f"{store.keys.prefix}incident:1*"))
    put(incidents, silent(500, source="y"))
    assert client.hlen(store.keys.named("incidents:silent")) == 1
    assert client.zrange(store.keys.named("incidents"), 0, -1) == ["2"]


def test_many_notifiers_at_once_make_the_incidents_that_one_makes(redis_url: str, store: AlertStore) -> None:
    changes = [failing(minute, service=f"s{minute % 3}") for minute in range(24)]
    changes += [answer(5, customer=f"c{number}", service=f"s{number % 3}") for number in range(12)]

    def work(seed: int) -> None:
        client = connect(redis_url, timeout_s=PATIENCE_S)
        mine = Incidents(AlertStore(client, store.settings), IncidentSettings())
        order = random.Random(seed).sample(changes[:24], 24) + random.Random(seed).sample(changes[24:], 12)
        for change in order:
            mine.assign(change, START_US)
        client.close()

    incidents = Incidents(store, IncidentSettings())
    put(incidents, *changes[:3])
    run([partial(work, seed) for seed in range(4)])
    found = sorted(incidents.list_incidents(START_US), key=lambda one: one.number)
    assert [(one.number, one.about["service"], one.customers) for one in found] == [
        (1, "s0", 4),
        (2, "s1", 4),
        (3, "s2", 4),
    ]
    # An episode is in one place: those that are about one alert count once.
    assert [one.alerts for one in found] == [12, 12, 12]


SERVICES = st.sampled_from(["a", "b", "c"])


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(starts=st.lists(st.tuples(SERVICES, st.integers(0, 29)), min_size=1, max_size=10), seed=st.integers(0, 99))
def test_alerts_of_services_within_a_window_are_the_same_incidents_in_any_order(
    starts: list[tuple[str, int]], seed: int, client: "redis.Redis"
) -> None:
    changes = [failing(minute, service=service, queue=str(n)) for n, (service, minute) in enumerate(starts)]
    first, second = (Incidents(fresh_store(client), IncidentSettings()) for _ in range(2))
    put(first, *changes)
    put(second, *random.Random(seed).sample(changes, len(changes)))
    assert told(first) == told(second)


def told(incidents: Incidents) -> list[tuple[object, ...]]:
    """Return what is known of incidents, without their numbers, which follow the order of arrival."""
    found = incidents.list_incidents(START_US)
    return sorted((one.title, one.alerts, one.first_us, one.last_us, str(one.feeds)) for one in found)


LIVES = st.lists(
    st.tuples(
        st.sampled_from([failing, mood, answer, silent]),
        st.integers(0, 200),
        st.integers(0, 60),
        st.sampled_from([{}, {"service": "a"}, {"service": "b"}, {"region": "n"}, {"service": "a", "region": "n"}]),
        st.sampled_from(["", "", "c1", "c2"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lives=LIVES, seed=st.integers(0, 999))
def test_whatever_comes_in_whatever_order_every_episode_is_in_one_incident_that_counts_it(
    lives: list[Any], seed: int, client: "redis.Redis"
) -> None:
    changes: list[AlertChange] = []
    for number, (make, minute, lasts, labels, customer, resolves) in enumerate(lives):
        all_labels: Any = {**labels, **({"customer": customer} if customer else {}), "n": str(number)}
        changes.append(make(minute, **all_labels))
        if resolves:
            changes.append(make(minute, "resolved", to=minute + lasts, **all_labels))
    incidents = Incidents(fresh_store(client), IncidentSettings())
    order = random.Random(seed).sample(changes, len(changes))
    put(incidents, *order, *order[:3])
    found = incidents.list_incidents(START_US, most=1000)
    details = [incidents.get(one.number, START_US) for one in found]
    members = [member for detail in details if detail is not None for member in detail.members]
    assert sorted(one.change.fingerprint for one in members) == sorted({one.fingerprint for one in changes})
    newest = {one.fingerprint: one for one in changes}  # resolves follow what they resolve
    assert all(one.change == newest[one.change.fingerprint] for one in members)
    for one, detail in zip(found, details, strict=True):
        assert detail is not None
        firing = [member for member in detail.members if member.change.status == "firing"]
        customers = {
            member.change.labels["customer"] for member in detail.members if "customer" in member.change.labels
        }
        assert (one.alerts, one.firing, one.customers) == (len(detail.members), len(firing), len(customers))
        assert sum(feed.alerts for feed in one.feeds) == sum(1 for member in detail.members if not member.silence)
        assert all(one.number in other.linked for other in found if other.number in one.linked)
        # Alerts of different customers come together only where the service or the region itself has an alert.
        wide = any("customer" not in member.change.labels for member in detail.members)
        assert len(customers) <= 1 or wide


def test_a_feed_is_what_the_alert_says_then_what_its_detector_reads() -> None:
    detectors = {
        "posts": SentimentDropSettings(event_types=("social.post",)),
        "sentiment_drop": SentimentDropSettings(),
        "silence": FeedSilenceSettings(event_types=("crm.case.opened",)),
    }
    feeds = feeds_by_detector(detectors, IncidentSettings(feeds={"mood": "chats", "transaction_failure": "shop"}))
    assert feed_of(mood(rule="posts"), feeds) == "social"
    assert feed_of(mood(), feeds) == "crm, social, survey"
    assert feed_of(mood(rule="mood"), feeds) == "chats"
    assert feed_of(failing(), feeds) == "shop"
    assert feed_of(failing(source="till-7"), feeds) == "till-7"
    assert feed_of(silent(feed="crm"), feeds) == "crm"
    assert feed_of(silent(service="app", region="north"), feeds) == "region=north, service=app"
    assert feed_of(silent(), feeds) == "all feeds"
    assert feed_of(said("of_mine"), feeds) == "of_mine"


def test_labels_that_bring_nothing_together_are_not_in_the_scope() -> None:
    scope = scope_of(failing(queue="q", region="n", **CHECKOUT), ("customer", "service", "region"))
    assert (scope.one, scope.wide) == ("", (("service", "checkout"), ("region", "n")))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"quiet": "1h"}, "quiet is longer than the window"),
        ({"by": ["service", "service"]}, "only once; twice: service"),
        ({"by": []}, "at least 1 item"),
        ({"window": "30"}, "is not a duration"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        IncidentSettings.model_validate(wrong)
