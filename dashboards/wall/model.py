"""What a wall shows, as data: no ages, only instants, so that it is the same as long as nothing happens."""

from typing import Literal

import msgspec

State = Literal["starting", "calm", "blind", "open", "storm"]
"""``starting``: the store was not read yet. ``calm``: nothing is open, with proof. ``blind``: nothing is open in what
can be seen. ``storm``: too much to list one by one."""
Shape = Literal["p1", "p2", "p3", "ok", "unknown"]
WORST: dict[Shape, int] = {"p1": 0, "p2": 1, "p3": 2, "unknown": 3, "ok": 4}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of one kind about one thing.

    Attributes:
        priority: of the most urgent, 1 to 3.
        subject: what it is about. text: what is wrong, in a few words. where: regions.
        count: alerts. since_ms: since when the first of them is known, by the clock of Redis.
        owner: who has it in hand; empty: nobody. owned: of how many alerts somebody does.
    """

    priority: int
    subject: str
    text: str
    where: str
    count: int
    since_ms: int
    owner: str
    owned: int

    @property
    def in_hand(self) -> bool:
        """Whether somebody has all of them in hand."""
        return self.owned == self.count


class Shared(msgspec.Struct, frozen=True):
    """What many open alerts have in common."""

    label: str
    value: str
    percent: int


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """A service in a region."""

    region: str
    shape: Shape
    in_hand: bool = False


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A service. Cells: the worst first. shape: of the worst."""

    name: str
    shape: Shape
    cells: tuple[Cell, ...]


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of service recovery.

    Attributes:
        value: as it is shown; empty: it is not known. note: what it is beside, or why it is not known.
        state: ``off``: nobody watches it. ``worse``: an alert says that it is unusual.
    """

    name: str
    value: str
    note: str
    state: Literal["known", "worse", "unknown", "off"]


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the last alerts."""

    shape: Shape
    text: str
    at_ms: int


class Bad(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not as it should be, and since when; 0: nobody knows."""

    text: str
    since_ms: int = 0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """Whether people are told.

    Attributes:
        state: of the whole. bad: what is wrong, the worst first.
        pending: notifications on their way; None: not known. oldest_ms: since when the first is.
        undelivered: every tier has failed.
        channels: proved, and all.
        audited_ms: when it was last checked that everything was told; 0: never. told_percent: what was.
        tested_ms: when a channel was last tried with success.
    """

    state: Literal["ok", "bad", "unknown"]
    bad: tuple[Bad, ...] = ()
    pending: int | None = None
    oldest_ms: int = 0
    undelivered: int | None = None
    channels: tuple[int, int] = (0, 0)
    audited_ms: int = 0
    told_percent: str = ""
    tested_ms: int = 0


class Feeds(msgspec.Struct, frozen=True, kw_only=True):
    """How many feeds are live, of how many; what is not, the worst first; when the newest event came."""

    live: int
    all: int
    bad: tuple[Bad, ...]
    newest_ms: int


class Duty(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on duty by one schedule, and who takes over when; people empty: nobody."""

    schedule: str
    people: str
    next: str
    handover: str


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The whole wall.

    Attributes:
        open: alerts that are neither hidden nor resolved. hidden: by silences and the like.
        counts: rows of each priority, from P1. unowned: of P1 and P2, those that nobody has in hand.
        missing: why nothing can be said for sure; empty: nothing is missing.
    """

    state: State
    open: int
    hidden: int
    counts: tuple[int, int, int]
    unowned: int
    rows: tuple[Row, ...]
    shared: tuple[Shared, ...]
    storm_ms: int
    missing: tuple[Bad, ...]
    services: tuple[Service, ...]
    figures: tuple[Figure, ...]
    latest: tuple[Item, ...]
    delivery: Delivery
    feeds: Feeds
    duty: tuple[Duty, ...]


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """A link of the chain by which a beat of the flow comes to the screen.

    Attributes:
        age_ms: since it was heard of last; None: never, or nobody says.
        late_ms, stale_ms: limits of the age.
        why: what is wrong with it, whatever its age; empty: nothing.
    """

    name: Literal["flow", "store"]
    age_ms: int | None
    late_ms: int
    stale_ms: int
    why: str = ""
