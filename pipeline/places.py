"""Where window detectors see enough to judge: each service in each region, for screens that show both."""

from collections.abc import Iterable
from typing import Any

from detectors.contract import Finding

MOST_PLACES = 500
_NOTHING_SAID = frozenset({"too_few", "warming_up"})


def places(newest: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return the places that the newest windows tell of, sorted; at most :data:`MOST_PLACES`.

    ``judged`` counts the groups there whose newest window was judged on events that had come. 0: nothing is known of
    the place now, though it was known once. A group that its detector no longer looks at counts for nothing.

    Args:
        newest: the newest finding of each group (:meth:`pipeline.findings.latest.LatestWindows.newest`).
    """
    found = [one for one in newest if one.group.get("service") or one.group.get("region")]
    last: dict[str, int] = {}
    for one in found:
        last[one.detector] = max(last.get(one.detector, one.end_us), one.end_us)
    judged: dict[tuple[str, str], int] = {}
    for one in found:
        place = one.group.get("service", ""), one.group.get("region", "")
        sees = one.count > 0 and one.value is not None and one.verdict not in _NOTHING_SAID
        judged[place] = judged.get(place, 0) + (sees and one.end_us == last[one.detector])
    return [
        {"service": service, "region": region, "judged": count}
        for (service, region), count in sorted(judged.items())[:MOST_PLACES]
    ]
