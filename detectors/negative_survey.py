"""``negative_survey``: a customer answered a survey badly; how urgent that is depends on the customer.

A single bad answer alerts at once, without any sample. Of several answers to one invitation (the same response id) the
last one inside the edit window counts: an improvement retracts the alert. Answers without a score, without a known
scale or off their scale are not judged, but counted and reported as findings with the reason.
"""

from typing import Literal

from pydantic import Field

from config.durations import DurationUs
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context
from detectors.events import CASE_STEPS, Event, SurveyEvent
from detectors.keys import KeyOf, customer_key
from detectors.lives.answers import SurveyLife
from detectors.lives.settings import DAY_US, LifeSettings, Steps
from detectors.lives.shard import LivesShard
from detectors.lives.surveys import SurveyScaleSettings
from detectors.lives.telling import Teller


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
        del context
        self.name = name
        self.life = SurveyLife(name, settings)
        self._teller = Teller(settings.annotations)
        # A label may mark a contact on any event of a case.
        self.event_types = frozenset({"survey.response", *(f"crm.case.{step}" for step in CASE_STEPS)})

    def key(self, event: Event) -> str | None:
        """Return the customer, else the case, else the response."""
        found = customer_key(event)
        return f"response {event.id}" if found is None and isinstance(event, SurveyEvent) else found

    def key_for(self, kind: type) -> KeyOf:
        """Return what finds the keys of events of a class."""
        return self.key if kind is SurveyEvent else customer_key

    def shard(self) -> CaseShard:
        """Return a new shard without customers."""
        return LivesShard(self.name, self.life, self.key, self._teller)
