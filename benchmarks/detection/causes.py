"""Which incident made the cases that an alert counts: the demo's own truth, case by case.

In the demo, how long a case takes is settled when it is opened, by the incidents that act on its service and region at
that moment. Its promise of 90 hours may break days after the incident; the alert that tells of it then is about the
incident, not about what else happens on that day.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from config.durations import US_PER_SECOND
from detectors.events import CaseEvent, ConclusionEvent, Event
from pipeline.demo.incidents import EFFECTS, Incident

COUNTS = {"sla_breach_rate": "promise.broken", "resolution_lag": "case.resolved"}
"""What the detectors count whose alerts come long after their cause."""
_MOST = 0.5
"""Share of what is wrong in an alert's first window that is one incident's, from which the alert is about it."""


class Causes:
    """Cases and what was concluded of them."""

    def __init__(self, incidents: Sequence[Incident]) -> None:
        slow = [(number, one) for number, one in enumerate(incidents) if EFFECTS[one.kind].delay > 1.0]
        self._slow = [(number, one) for number, one in slow if "vendor" not in one.scope]
        self._by_case: dict[str, int] = {}
        self._concluded: list[ConclusionEvent] = []

    def opened(self, events: Sequence[Event]) -> None:
        """Take in events; those that open a case count."""
        for event in events:
            if not isinstance(event, CaseEvent) or event.type != "crm.case.opened":
                continue
            data = event.data
            for number, one in self._slow:
                if one.strength(event.time_us) and one.touches(service=data.service or "", region=data.region or ""):
                    self._by_case[data.case_id] = number

    def concluded(self, derived: Sequence[Event]) -> None:
        """Take in what was concluded of cases."""
        kinds = set(COUNTS.values())
        self._concluded += [one for one in derived if isinstance(one, ConclusionEvent) and one.type in kinds]

    def of(self, detector: str, labels: Mapping[str, str], start_us: int, end_us: int) -> int | None:
        """Return the incident that made half or more of what an alert speaks of in ``[start_us, end_us)``: its place.

        Of ``sla_breach_rate`` that is the number of broken promises; of ``resolution_lag`` by how much the logs of the
        times exceed, together, those of cases that no incident touched.

        Args:
            detector: a type of :data:`COUNTS`.
            labels: service and region of the alert, as far as it has them.
            start_us: where the alert's first window begins.
            end_us: where it ends.
        """
        of_group = [
            one
            for one in self._concluded
            if one.type == COUNTS[detector]
            and labels.get("service", one.data.service) == one.data.service
            and labels.get("region", one.data.region) == one.data.region
        ]
        usual = 0.0
        if detector == "resolution_lag":
            untouched = [_log_time(one) for one in of_group if one.data.case_id not in self._by_case]
            usual = sum(untouched) / max(1, len(untouched))
        wrong: defaultdict[int | None, float] = defaultdict(float)
        for one in of_group:
            if start_us <= one.time_us < end_us:
                weight = _log_time(one) - usual if detector == "resolution_lag" else 1.0
                wrong[self._by_case.get(one.data.case_id)] += weight
        made, most = max(
            ((number, weight) for number, weight in wrong.items() if number is not None),
            key=lambda pair: pair[1],
            default=(None, 0.0),
        )
        return made if most > 0.0 and most >= _MOST * sum(wrong.values()) else None


def _log_time(one: ConclusionEvent) -> float:
    return math.log1p(max(0, one.data.real_us) / US_PER_SECOND)
