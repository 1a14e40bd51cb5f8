"""Which window detectors listen to what case detectors conclude.

Conclusions come from the shards of case detectors, and a listener's time is that of the shard that is furthest behind.
"""

from collections.abc import Mapping

from detectors.contract import Deriving, Detector, WindowDetector
from detectors.events import DERIVED_CLASSES


def is_listener(detector: Detector) -> bool:
    """Return whether a detector wants conclusions."""
    return not detector.event_types.isdisjoint(DERIVED_CLASSES)


def listener_problems(detectors: Mapping[str, Detector]) -> dict[str, str]:
    """Return by name why a detector could not listen to what it wants to, and what to do."""
    concluded = frozenset[str]().union(*(one.derived_types for one in detectors.values() if isinstance(one, Deriving)))
    problems: dict[str, str] = {}
    for name, detector in detectors.items():
        wanted = detector.event_types & DERIVED_CLASSES.keys()
        missing = sorted(wanted - concluded)
        others = sorted(detector.event_types - wanted)
        if wanted and (others or not isinstance(detector, WindowDetector)):
            problems[name] = f"wants {', '.join(sorted(wanted))} and {', '.join(others)}: expected one sort of events"
        elif missing:
            problems[name] = (
                f"listens to {', '.join(missing)}, which no detector of these settings concludes: add a detector of "
                "type sla_breach with the promises that it is about"
            )
    return problems


def shard_name(detector: str, shard: int) -> str:
    """Return the name of a shard: key of its state, and source of what it concludes.

    >>> shard_name("sla_breach", 3)
    'sla_breach#3'
    """
    return f"{detector}#{shard}"


class Listening:
    """Who listens to whom.

    Args:
        detectors: by name.
        shards: how many shards the keys of each case detector are spread over, in all processes together.

    Attributes:
        by_case: name of each case detector that is listened to, and its listeners.
        sources: name of each listener, and the shards that it waits for.
    """

    def __init__(self, detectors: Mapping[str, Detector], shards: int) -> None:
        self.by_case: dict[str, list[WindowDetector]] = {}
        self.sources: dict[str, frozenset[str]] = {}
        for name, listener in detectors.items():
            if not isinstance(listener, WindowDetector) or not is_listener(listener):
                continue
            cases = [
                case
                for case, detector in detectors.items()
                if isinstance(detector, Deriving) and not detector.derived_types.isdisjoint(listener.event_types)
            ]
            for case in cases:
                self.by_case.setdefault(case, []).append(listener)
            self.sources[name] = frozenset(shard_name(case, shard) for case in cases for shard in range(shards))
