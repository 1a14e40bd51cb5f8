"""Where window detectors see enough to judge."""

from typing import Any

from detectors.contract import Finding
from pipeline.places import MOST_PLACES, places


def finding(detector: str = "d", *, end_us: int = 100, **more: Any) -> Finding:
    group: dict[str, str] = {str(name): more.pop(name) for name in ("service", "region", "queue") if name in more}
    kept: dict[str, Any] = {"count": 9, "value": 0.1, "baseline": 0.1, "p_value": 0.5, "verdict": "quiet", **more}
    return Finding(detector=detector, group=group, start_us=end_us - 50, end_us=end_us, **kept)


def test_a_place_is_judged_by_as_many_groups_as_have_a_window_of_now_with_events() -> None:
    told = places(
        [
            finding("a", service="pay", region="north"),
            finding("b", service="pay", region="north", end_us=70),
            finding("b", service="web", region="north", end_us=60),
            finding("a", service="app", verdict="fires"),
            finding("a", queue="q"),
        ]
    )
    assert told == [
        {"service": "app", "region": "", "judged": 1},
        {"service": "pay", "region": "north", "judged": 2},
        {"service": "web", "region": "north", "judged": 0},
    ]


def test_where_nothing_came_nothing_is_judged() -> None:
    empty = finding(service="a", count=0, value=0.0)
    little = finding(service="b", verdict="too_few", p_value=None)
    young = finding(service="c", verdict="warming_up")
    none = finding(service="d", value=None)
    assert [one["judged"] for one in places([empty, little, young, none])] == [0, 0, 0, 0]


def test_there_are_not_more_places_than_a_screen_can_take() -> None:
    assert len(places([finding(service=f"s{number}") for number in range(MOST_PLACES + 9)])) == MOST_PLACES
