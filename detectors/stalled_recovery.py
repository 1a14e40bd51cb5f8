"""``stalled_recovery``: a recovery that nobody is moving.

A recovery begins after a complaint, a bad survey answer or a broken promise. It stands still when there has been no
progress for the idle limit, in open time; when what was promised to the customer is overdue; when it waits for the
customer for longer than a cap; or when nobody owns it. Progress is that the customer was contacted, a remedy promised
or delivered, the case accepted by its new owner. Internal notes, assignments, edits of fields and machines' replies are
none. A recovery that is closed without any contact with the customer is told as a failure of its own.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from config.durations import DurationUs
from config.references import CalendarName
from detectors.columns import Columns, Ints
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context
from detectors.events import Event
from detectors.keys import KeyOf, case_key
from detectors.lives.beginnings import DEFAULT_BEGINNINGS, Beginning
from detectors.lives.codec import mark
from detectors.lives.recovery import RecoveryLife
from detectors.lives.settings import DAY_US, LifeSettings, Names
from detectors.lives.shard import LivesShard
from detectors.lives.surveys import SurveyScaleSettings
from detectors.lives.telling import Teller
from detectors.lives.uses import PlainUses
from detectors.promises.settings import Number
from detectors.promises.spec import Calendars


def _whole(value: object) -> object:
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 < value < 1e6):
        msg = f"a number above 0, not {value}"
        raise ValueError(msg)
    return value


class StalledRecoverySettings(SurveyScaleSettings, LifeSettings):
    """Settings of ``stalled_recovery``.

    Attributes:
        begins: when a recovery begins; any of these. In the alert stands which.
        calendar, calendar_by_tier: opening hours in which limits count, by name; by default always open.
        unit: of ``idle_limit`` and ``unowned_limit``: open time.
        idle_limit: without progress for so long, a recovery stands still.
        unowned_limit: without an owner for so long, too. Nobody knows who owned a case before it became a recovery, so
            this holds for recoveries that begin with the opening of their case, and where an owner is taken away.
        progress: steps of the case, or values of the label ``recovery``, that are progress.
        contact: which of them reach the customer.
        delivers: which of them keep what was promised; the ``deadline`` that an event carries is a promised step.
        max_customer_wait: waiting for the customer stops the idle clock, but for no longer than so many of
            ``max_customer_wait_unit``; null: without end.
        max_customer_wait_unit: days end at the calendar's close; hours and minutes are open time.
        contact_after_close: so long after the closing the customer may still be told.
        flag_for: for how long a recovery that was closed without contact is told.
        remember: for how long after its end a recovery is one again when its case is reopened.
        case_retention: a recovery of which nothing is heard for so long is forgotten.
    """

    type: Literal["stalled_recovery"] = "stalled_recovery"
    begins: tuple[Beginning, ...] = Field(default=DEFAULT_BEGINNINGS, min_length=1)
    calendar: CalendarName | None = None
    calendar_by_tier: dict[str, CalendarName] = Field(default_factory=dict)
    unit: Literal["minutes", "hours"] = "hours"
    idle_limit: Number = 8
    unowned_limit: Number | None = 4
    progress: Names = (
        "agent_reply", "accepted", "customer_contacted", "remedy_promised", "remedy_delivered", "accepted_by_new_owner",
    )  # fmt: skip
    contact: Names = ("agent_reply", "customer_contacted", "remedy_promised")
    delivers: Names = ("remedy_delivered",)
    max_customer_wait: Annotated[int, BeforeValidator(_whole)] | None = 5
    max_customer_wait_unit: Literal["business_days", "calendar_days", "hours", "minutes"] = "business_days"
    contact_after_close: DurationUs = Field(default=900_000_000, ge=0)
    flag_for: DurationUs = Field(default=7 * DAY_US, gt=0)
    remember: DurationUs = Field(default=14 * DAY_US, ge=0)
    case_retention: DurationUs = Field(default=90 * DAY_US, gt=0)


@DETECTORS.register("stalled_recovery", StalledRecoverySettings)
class StalledRecovery(CaseDetector):
    """Watches recoveries, case by case.

    Raises:
        ValueError: when the settings name a calendar that is not there.
    """

    def __init__(self, name: str, settings: StalledRecoverySettings, context: Context) -> None:
        self.name = name
        self.life = RecoveryLife(name, settings, Calendars(context.calendars))
        self.event_types = self.life.event_types
        self._uses = PlainUses(self.life, self.event_types)
        self.quiet_types = self._uses.types
        self._teller = Teller(settings.annotations)
        self._mark = mark(settings, context.calendars)

    def key(self, event: Event) -> str | None:
        """Return the case."""
        return case_key(event)

    def key_for(self, kind: type) -> KeyOf:
        """Return what finds the keys of events of a class."""
        del kind
        return case_key

    def uses(self, columns: Columns) -> Ints:
        """Return what plain steps of cases are to somebody of whom nothing is known."""
        return self._uses(columns)

    def shard(self) -> CaseShard:
        """Return a new shard without recoveries."""
        return LivesShard(self.name, self.life, case_key, self._teller, self._mark)
