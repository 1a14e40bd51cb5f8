"""The simulated company: reproducible, in order, decodable, and truthful about what went wrong."""

import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import pytest

from detectors.events import Event, SocialEvent, SurveyEvent, TransactionEvent
from pipeline.demo.company import FEEDS, HOUR_US, MINUTE_US, Company, rhythm
from pipeline.demo.incidents import EFFECTS, Incident, incident, scenario
from pipeline.demo.recording import DEFAULT_START_US
from pipeline.demo.simulate import Arrival, Noise, simulate
from pipeline.events import decode_many

NOON_US = DEFAULT_START_US + 12 * HOUR_US
CALM = Noise(late=0.0, beyond=0.0, duplicates=0.0, bad=0.0)


def run(
    hours: float = 1.0, *, seed: int = 1, incidents: Sequence[Incident] = (), noise: Noise | None = None
) -> list[Arrival]:
    end_us = NOON_US + int(hours * HOUR_US)
    return list(simulate(Company(seed), NOON_US, end_us=end_us, incidents=incidents, noise=noise))


def events(arrivals: Sequence[Arrival]) -> list[Event]:
    found, errors = decode_many([arrival.raw for arrival in arrivals if arrival.note != "bad"])
    assert errors == []
    return found


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert run() == run()
    assert run() != run(seed=2)


def test_a_longer_simulation_begins_with_the_shorter_one() -> None:
    short = run(0.5)
    assert run(1.0)[: len(short)] == short


def test_records_come_in_order_of_arrival_and_never_before_they_happen() -> None:
    arrivals = run()
    assert [one.arrival_us for one in arrivals] == sorted(one.arrival_us for one in arrivals)
    good = [one for one in arrivals if one.note != "bad"]
    for one, event in zip(good, events(good), strict=True):
        assert event.time_us <= one.arrival_us


def test_every_record_is_an_event_but_the_bad_ones() -> None:
    arrivals = run(noise=Noise(bad=0.05))
    _, errors = decode_many([one.raw for one in arrivals])
    assert [index for index, _ in errors] == [index for index, one in enumerate(arrivals) if one.note == "bad"]
    assert len({error.reason for _, error in errors}) >= 3


def test_duplicates_repeat_bytes_and_everything_else_is_new() -> None:
    arrivals = run(noise=Noise(duplicates=0.1, bad=0.0))
    counts = Counter(one.raw for one in arrivals)
    repeated = {one.raw for one in arrivals if one.note == "duplicate"}
    assert repeated
    assert all(count <= 2 for count in counts.values())
    assert {raw for raw, count in counts.items() if count == 2} <= repeated


def test_late_records_stay_within_their_bound_and_a_few_come_beyond_any() -> None:
    arrivals = run(3.0, noise=Noise(late=0.05, beyond=0.01, duplicates=0.0, bad=0.0))
    delays: dict[str, list[int]] = {}
    for one, event in zip(arrivals, events(arrivals), strict=True):
        delays.setdefault(one.note, []).append(one.arrival_us - event.time_us)
    assert max(delays["late"]) < 5 * MINUTE_US
    assert min(delays["beyond"]) > 30 * MINUTE_US
    assert max(delays[""]) < MINUTE_US


def test_ids_are_unique_and_all_feeds_speak() -> None:
    found = events(run(noise=CALM))
    assert len({(event.source, event.id) for event in found}) == len(found)
    assert {event.source for event in found} == {f"demo/{feed}" for feed in FEEDS}


def test_day_and_week_have_a_rhythm() -> None:
    saturday_us = DEFAULT_START_US + 5 * 24 * HOUR_US
    assert rhythm("cases", "north", DEFAULT_START_US + 14 * HOUR_US) > 4 * rhythm(
        "cases", "north", DEFAULT_START_US + 2 * HOUR_US
    )
    assert rhythm("cases", "north", saturday_us + 14 * HOUR_US) < rhythm(
        "cases", "north", DEFAULT_START_US + 14 * HOUR_US
    )
    night = simulate(Company(1), DEFAULT_START_US + HOUR_US, end_us=DEFAULT_START_US + 2 * HOUR_US)
    assert len(list(night)) < len(run()) / 2


def test_an_incident_changes_only_the_minutes_and_places_it_touches() -> None:
    outage = Incident(
        "outage", NOON_US + 10 * MINUTE_US, NOON_US + 40 * MINUTE_US, {"service": "checkout", "region": "north"}
    )
    place = b'"service":"checkout","region":"north"'
    elsewhere = [[one for one in run(incidents=some) if place not in one.raw] for some in ([], [outage])]
    assert [one for one in elsewhere[0] if one.note != "bad"] == [one for one in elsewhere[1] if one.note != "bad"]
    before = [[one for one in run(incidents=some) if one.arrival_us < outage.start_us] for some in ([], [outage])]
    assert before[0] == before[1]


def test_an_outage_shows_in_payments_posts_cases_and_answers() -> None:
    outage = incident("outage", NOON_US, 2 * HOUR_US)

    def seen(incidents: Sequence[Incident]) -> tuple[float, float, int]:
        here = [
            event
            for event in events(run(2.0, incidents=incidents, noise=CALM))
            if event.data.service == "checkout" and event.data.region == "north"
        ]
        paid = [
            event
            for event in here
            if isinstance(event, TransactionEvent) and event.step in {"payment", "failed", "declined"}
        ]
        scores = [
            event.data.sentiment
            for event in here
            if isinstance(event, SocialEvent) and event.data.sentiment is not None
        ]
        return (
            sum(event.step == "failed" for event in paid) / len(paid),
            statistics.fmean(scores),
            sum(event.type == "crm.case.opened" for event in here),
        )  # fmt: skip

    (failed, sentiment, cases), (usual_failed, usual_sentiment, usual_cases) = seen([outage]), seen([])
    assert failed > usual_failed + 0.4
    assert sentiment < usual_sentiment - 0.4
    assert cases > 3 * usual_cases


def test_a_survey_decline_shows_in_surveys_alone() -> None:
    decline = Incident("survey_decline", NOON_US - 4 * HOUR_US, NOON_US + 4 * HOUR_US, {})

    def mean_score(incidents: Sequence[Incident]) -> float:
        answers = [
            event.data
            for event in events(run(4.0, incidents=incidents, noise=CALM))
            if isinstance(event, SurveyEvent) and event.data.scale == "nps"
        ]
        return statistics.fmean(answer.score for answer in answers if answer.score is not None)

    def others(incidents: Sequence[Incident]) -> Counter[str]:
        found = (one for one in run(4.0, incidents=incidents, noise=CALM) if b'"source":"demo/survey"' not in one.raw)
        return Counter(event.type for event in events(list(found)))

    assert mean_score([decline]) < mean_score([]) - 1.0
    assert others([decline]) == others([])


def test_a_silent_feed_says_nothing_and_the_others_go_on() -> None:
    silence = incident("silent_feed", NOON_US, HOUR_US)
    found = Counter(one.feed for one in run(incidents=[silence]))
    usual = Counter(one.feed for one in run())
    assert found.pop("social", 0) == 0
    assert usual.pop("social") > 100
    assert found == usual


@pytest.mark.parametrize("kind", ["product_launch", "campaign", "holiday"])
def test_look_alikes_change_how_much_happens_and_expect_no_alert(kind: str) -> None:
    one = incident(kind, NOON_US, HOUR_US)
    assert one.benign
    assert not 0.9 < len(run(incidents=[one])) / len(run()) < 1.1


def test_a_tour_has_every_kind_once_one_after_another() -> None:
    stops = scenario("tour", NOON_US, NOON_US, NOON_US + 48 * HOUR_US)
    assert sorted(one.kind for one in stops) == sorted(EFFECTS)
    assert all(earlier.end_us < later.start_us for earlier, later in pairwise(stops))
    assert stops[-1].end_us <= NOON_US + 48 * HOUR_US


def test_wrong_names_and_tours_without_time_are_refused_with_what_there_is() -> None:
    with pytest.raises(
        ValueError, match="there are: quiet, outage_in_a_minute, outage_and_silence, outage_before, tour"
    ):
        scenario("chaos", 0, 0, 1)
    with pytest.raises(ValueError, match="there are: outage, slow_decay"):
        incident("flood", 0, 1)
    with pytest.raises(ValueError, match="at least 12 hours"):
        scenario("tour", 0, 0, 11 * HOUR_US)
    with pytest.raises(ValueError, match="50 or more"):
        Company(1, customers=3)
