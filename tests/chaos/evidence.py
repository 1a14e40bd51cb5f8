"""What is known of a run, and what was found of it."""

import msgspec

from detectors.contract import AlertChange
from tests.chaos.hiding import Hidden
from tests.chaos.plan import RunPlan
from tests.chaos.processes import Death
from tests.chaos.providers import Request


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """A change that the store took, at some time between the two, by the clock of Redis."""

    change: AlertChange
    not_before_us: int
    not_after_us: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run.

    Attributes:
        decides_us: how long a notifier may have taken to decide, after it had looked.
        stuck: what was left to do when it never became quiet.
        fresh_told: whether an alert was told that came when all was well again.
        defects: errors of notifiers.
        hidden: what hid alerts, and when; nothing does at the end.
    """

    plan: RunPlan
    applied: list[Applied]
    requests: list[Request]
    deaths: list[Death]
    restarts: list[tuple[int, int]]
    lease_us: int
    decides_us: int
    stuck: str
    fresh_told: bool
    defects: list[str]
    hidden: list[Hidden] = []


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What was found of a run, as plain data.

    Attributes:
        lost: what should have been told or accounted for, and was not. wrong: what must not be otherwise.
        duplicates: by cause. rare: those of them that are worth a look, in words.
        by_tier: told by the next tier as well, because the one before gave no clear answer.
        most_by_a_death: duplicates that one kill has caused.
        hidden: times in which something hid alerts. muted: changes that were not told for it. after_all: told when it
            had ended.
    """

    number: int
    seed: int
    changes: int
    own_changes: int
    notifications: int
    digested: int
    requests: int
    kills: dict[str, int]
    restarts: int
    lost: list[str]
    wrong: list[str]
    duplicates: dict[str, int]
    rare: list[str]
    by_tier: int
    most_by_a_death: int
    workers: int
    hidden: int
    muted: int
    after_all: int
