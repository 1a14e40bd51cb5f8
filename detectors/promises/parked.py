"""Cases that were built, and that nothing happens to for a while: what a snapshot has of them, and when they wake.

A built case takes some kilobytes: clocks, measurements, what was entered. All of that follows from its facts and from
what was told, and a restart builds it anew from no more than that. So a case that was looked at because its time had
come, and whose next time is far, is put back into that form, and is built when an event comes or its time does.
"""

from detectors.promises.clock import FAR_US
from detectors.promises.codec import case_of, decode_case, encode_case, image_of
from detectors.promises.plan import Plan, ShardCase

PARKED_FOR_US = 600_000_000
"""Building a case costs some 50 microseconds; whose next time is nearer than this stays built."""


class Parked:
    """A case as its image.

    Attributes:
        image: what a snapshot has of it. ``wake_us``: its place in the timetable.
    """

    __slots__ = ("image", "wake_us")

    def __init__(self, image: bytes, wake_us: int) -> None:
        self.image = image
        self.wake_us = wake_us


def may_be_parked(case: ShardCase, clock_us: int) -> bool:
    """Return whether nothing of a case waits to be told, and its next time is far."""
    return (
        not case.stale
        and case.held_us == FAR_US
        and case.pending_us == FAR_US
        and case.wake_us >= clock_us + PARKED_FOR_US
    )


def parked(case: ShardCase) -> Parked:
    """Return a case as its image. The case must not be used any more."""
    image = encode_case(image_of(case.family, case))
    case.entries.clear()  # entries and measurements refer to each other
    return Parked(image, case.wake_us)


def unparked(found: Parked, plan: Plan) -> ShardCase:
    """Return the case; it is built when it is first looked at."""
    image = decode_case(found.image)
    case = case_of(image, plan.specs[image.family])
    case.keep_us = plan.keep_us
    return case
