"""``repeat_contact``: the same customer comes back about the same thing.

A contact is a repeat when the same customer had another one about the same issue at most ``window`` before, counted in
elapsed time from the end (what was said last, by either side) or the resolution of the latest earlier contact, on any
channel. Contacts that follow each other form a chain. Not repeats, but classes of their own: a ``transfer`` (handed on,
or back within minutes), a ``chaser`` (the customer asks about a case that is open and has had no answer), what the
company began (``outbound``), and machines' replies. While the window of a contact is open nobody knows whether it was
the last: only when it has passed without another one does the finding ``no_repeat`` say so.
"""

from typing import Literal

from pydantic import Field

from config.durations import DurationUs
from detectors.columns import Columns, Ints
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context
from detectors.events import Event
from detectors.keys import KeyOf, customer_key
from detectors.lives.codec import mark
from detectors.lives.contacts import ContactLife
from detectors.lives.settings import DAY_US, FieldName, LifeSettings, Steps
from detectors.lives.shard import LivesShard
from detectors.lives.telling import Teller
from detectors.lives.uses import PlainUses


class RepeatContactSettings(LifeSettings):
    """Settings of ``repeat_contact``.

    Attributes:
        window: how long after the end or the resolution of a contact another one is a repeat; inclusive.
        window_by_issue: the same, for single issues.
        issue: where it is found what a contact is about; the first field that has a value. Without any, the case.
        contacts: steps of a case that are contacts by the customer.
        transfer_within: a contact less than this after the end of another one belongs to it.
        alert_from: the alert is raised from so many contacts on; 2: with the first repeat.
        critical_from: the alert is critical from so many contacts on; 0: never for that reason.
        chasers: alert ``CustomerChasing`` when a customer asks so many times about an open case without an answer; 0:
            never.
        thanks_from: a message to a resolved case with at least this sentiment is no contact but thanks.
        case_retention: for how long a case without events is taken to be open.
    """

    type: Literal["repeat_contact"] = "repeat_contact"
    window: DurationUs = Field(default=7 * DAY_US, gt=0)
    window_by_issue: dict[str, DurationUs] = Field(default_factory=dict)
    issue: tuple[FieldName, ...] = ("labels.issue", "labels.reason", "labels.order_id", "service")
    contacts: Steps = ("opened", "customer_message", "reopened")
    transfer_within: DurationUs = Field(default=900_000_000, ge=0)
    alert_from: int = Field(default=2, ge=2)
    critical_from: int = Field(default=3, ge=0)
    chasers: int = Field(default=2, ge=0)
    thanks_from: float | None = Field(default=0.6, ge=-1, le=1)
    case_retention: DurationUs = Field(default=30 * DAY_US, gt=0)


@DETECTORS.register("repeat_contact", RepeatContactSettings)
class RepeatContact(CaseDetector):
    """Watches contacts, customer by customer."""

    def __init__(self, name: str, settings: RepeatContactSettings, context: Context) -> None:
        self.name = name
        self.life = ContactLife(name, settings)
        self.event_types = self.life.event_types
        self._uses = PlainUses(self.life, self.event_types)
        self.quiet_types = self._uses.types
        self._teller = Teller(settings.annotations)
        self._mark = mark(settings, context.calendars)

    def key(self, event: Event) -> str | None:
        """Return the customer, else the case."""
        return customer_key(event)

    def key_for(self, kind: type) -> KeyOf:
        """Return what finds the keys of events of a class."""
        del kind
        return customer_key

    def uses(self, columns: Columns) -> Ints:
        """Return what plain steps of cases are to somebody of whom nothing is known."""
        return self._uses(columns)

    def shard(self) -> CaseShard:
        """Return a new shard without customers."""
        return LivesShard(self.name, self.life, customer_key, self._teller, self._mark)
