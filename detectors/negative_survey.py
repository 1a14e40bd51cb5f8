"""``negative_survey``: a customer answered a survey badly; how urgent that is depends on the customer.

A single bad answer alerts at once, without any sample. Of several answers to one invitation (the same response id) the
last one inside the edit window counts: an improvement retracts the alert. Answers without a score, without a known
scale or off their scale are not judged, but counted and reported as findings with the reason.
"""

from typing import Literal

from pydantic import Field

from config.durations import DurationUs
from detectors.columns import Columns, Ints
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context
from detectors.events import CASE_STEPS, Event, SurveyEvent
from detectors.keys import KeyOf, customer_key, survey_key
from detectors.lives.answers import SurveyLife
from detectors.lives.codec import mark
from detectors.lives.settings import DAY_US, LifeSettings, Steps
from detectors.lives.shard import LivesShard
from detectors.lives.surveys import SurveyScaleSettings
from detectors.lives.telling import Teller
from detectors.lives.uses import PlainUses


class NegativeSurveySettings(SurveyScaleSettings, LifeSettings):
    """Settings of ``negative_survey``.

    Attributes:
        response: label with the id of the response, where it is not the event's own id.
        edit_window: for how long after the first answer a later one to the same invitation counts in its place.
        follow_up: steps of a case that show that somebody has spoken to the customer since; they end the alert. So does
            the label ``recovery: customer_contacted`` on any event of a case.
        open_for: an alert that nobody has followed up ends after this.
        remember: for how long bad answers of a customer are counted together.
    """

    type: Literal["negative_survey"] = "negative_survey"
    response: str = "response"
    edit_window: DurationUs = Field(default=2 * DAY_US, ge=0)
    follow_up: Steps = ("agent_reply",)
    open_for: DurationUs = Field(default=7 * DAY_US, gt=0)
    remember: DurationUs = Field(default=30 * DAY_US, ge=0)


@DETECTORS.register("negative_survey", NegativeSurveySettings)
class NegativeSurvey(CaseDetector):
    """Watches answers, customer by customer."""

    def __init__(self, name: str, settings: NegativeSurveySettings, context: Context) -> None:
        self.name = name
        self.life = SurveyLife(name, settings)
        self._teller = Teller(settings.annotations)
        self._mark = mark(settings, context.calendars)
        # A label may mark a contact on any event of a case.
        self.event_types = frozenset({"survey.response", *(f"crm.case.{step}" for step in CASE_STEPS)})
        self._uses = PlainUses(self.life, self.event_types)
        self.quiet_types = self._uses.types

    def key(self, event: Event) -> str | None:
        """Return the customer, else the case, else the response."""
        return survey_key(event) if isinstance(event, SurveyEvent) else customer_key(event)

    def key_for(self, kind: type) -> KeyOf:
        """Return what finds the keys of events of a class."""
        return survey_key if kind is SurveyEvent else customer_key

    def uses(self, columns: Columns) -> Ints:
        """Return what plain steps of cases are to somebody of whom nothing is known."""
        return self._uses(columns)

    def shard(self) -> CaseShard:
        """Return a new shard without customers."""
        return LivesShard(self.name, self.life, self.key, self._teller, self._mark)
