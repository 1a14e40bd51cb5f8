"""The state of each service in each region. Pure.

Alerts about one customer say nothing of a service; those about many do. Where no alert is open, a service is ``ok``
only where a detector has judged events of it lately; else it is ``unknown``, as it is when the flow or all feeds are
silent.
"""

from collections.abc import Iterable, Mapping, Sequence

from alerts.priority import about_one
from alerts.statuses import Status
from dashboards.wall.model import WORST, Cell, Service, Shape
from dashboards.wall.rows import Open, shape_of

Place = tuple[str, str]
"""Service and region; an empty one: not told apart."""
REMEMBERED_US = 86_400_000_000
_MOST_REMEMBERED = 500


class Known:
    """The places that were seen within a day: one that is no longer told of is unknown, and does not vanish."""

    def __init__(self) -> None:
        self._seen: dict[Place, int] = {}

    def see(self, places: Iterable[Place], now_us: int) -> list[Place]:
        """Note that places were told of, and return all that were lately."""
        for place in places:
            self._seen.pop(place, None)  # the newest stand last
            self._seen[place] = now_us
        for place in [place for place, at_us in self._seen.items() if at_us < now_us - REMEMBERED_US]:
            del self._seen[place]
        while len(self._seen) > _MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return sorted(self._seen)


def told_places(flows: Sequence[Status]) -> dict[Place, int]:
    """Return how many windows were judged at each place, as the flow processes say that are believed."""
    found: dict[Place, int] = {}
    for flow in flows:
        for one in flow.report.get("places", ()):
            place = str(one["service"]), str(one["region"])
            found[place] = found.get(place, 0) + int(one["judged"])
    return found


def place_of(one: Open) -> Place | None:
    """Return which place an alert is about; None: about none, or about one customer."""
    labels = one.alert.labels
    place = labels.get("service", ""), labels.get("region", "")
    return None if place == ("", "") or about_one(labels) else place


def services_of(
    found: Iterable[Open], judged: Mapping[Place, int], known: Iterable[Place], *, blind: bool
) -> list[Service]:
    """Return the services, the worst first.

    Args:
        found: what is open.
        judged: how many windows were judged at each place; a place that is not in it is not told of now.
        known: all places, those of before too.
        blind: nothing that is judged is of now.
    """
    alerts: dict[Place, Cell] = {}
    for one in found:
        place = place_of(one)
        if place is not None:
            cell = Cell(region=place[1], shape=shape_of(one), in_hand=bool(one.owner))
            alerts[place] = min(cell, alerts.get(place, cell), key=_rank)
    evidence = {} if blind else judged
    services: dict[str, list[Cell]] = {}
    for service, region in _places([*known, *alerts]):
        services.setdefault(service, []).append(_cell((service, region), alerts, evidence))
    made = []
    for name, cells in services.items():
        ordered = tuple(sorted(cells, key=lambda cell: (_rank(cell), cell.region)))
        made.append(Service(name=name, shape=ordered[0].shape, cells=ordered))
    return sorted(made, key=lambda one: ([WORST[cell.shape] for cell in one.cells[:1]], -_bad(one), one.name))


def _places(known: Iterable[Place]) -> list[Place]:
    """Return the places that are shown: a service as a whole only where its regions are not known."""
    all_ = sorted(set(known))
    regions = {service for service, region in all_ if region}
    services = {service for service, _ in all_ if service}
    return [
        (service, region)
        for service, region in all_
        if (region or service not in regions) and (service or not services)
    ]


def _cell(place: Place, alerts: Mapping[Place, Cell], evidence: Mapping[Place, int]) -> Cell:
    service, region = place
    covering = [place, *([(service, "")] if service else []), *([("", region)] if region else [])]
    bad = [alerts[one] for one in covering if one in alerts]
    if bad:
        worst = min(bad, key=_rank)
        return Cell(region=region, shape=worst.shape, in_hand=worst.in_hand)
    # What is judged of a service as a whole says nothing of one region of it.
    shape: Shape = "ok" if evidence.get(place, 0) > 0 else "unknown"
    return Cell(region=region, shape=shape)


def _rank(cell: Cell) -> tuple[int, bool]:
    return WORST[cell.shape], cell.in_hand


def _bad(service: Service) -> int:
    return sum(cell.shape != "ok" for cell in service.cells)
