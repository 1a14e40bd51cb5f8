"""``residual_dissatisfaction``: a customer is still unhappy after their case was resolved.

Signs of it, within the window after the resolution: a negative survey answer, an angry message on the case, a case
about the same issue that begins angrily, an angry post, or that the case was reopened. The alert tells the recovery
that did not hold. It ends when the case is resolved again, when the customer says that it is well now, or when nothing
more is heard.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from config.durations import DurationUs
from detectors.columns import Columns, Ints, Lookup
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context
from detectors.events import Event
from detectors.keys import KeyOf, customer_key
from detectors.lives.aftermath import AftermathLife
from detectors.lives.codec import mark
from detectors.lives.settings import DAY_US, FieldName, LifeSettings
from detectors.lives.shard import LivesShard
from detectors.lives.surveys import SurveyScaleSettings
from detectors.lives.telling import Teller
from detectors.lives.uses import PlainUses
from detectors.promises.settings import Where
from detectors.quiet import NO_USE, SEED

Sign = Literal["survey", "message", "contact", "post", "reopened"]


class ResidualDissatisfactionSettings(SurveyScaleSettings, LifeSettings):
    """Settings of ``residual_dissatisfaction``.

    Attributes:
        where: which resolved cases are recoveries that are watched; by default all.
        window: how long after a resolution a sign still belongs to it; inclusive.
        signs: what is a sign: a negative ``survey`` answer about the case (or about none); an angry ``message`` on it;
            an angry ``contact`` on another case about the same issue; an angry ``post``; that it was ``reopened``.
        angry: a message or post with a sentiment of at most this is angry, -1 to 1.
        issue: where it is found what a case is about; the first field that has a value.
        critical_from: the alert is critical when so many resolutions of a case did not hold; 0: never for that reason.
        case_retention: an open case of which nothing is heard for so long is forgotten.
    """

    type: Literal["residual_dissatisfaction"] = "residual_dissatisfaction"
    where: Where = Where()
    window: DurationUs = Field(default=14 * DAY_US, gt=0)
    signs: Annotated[tuple[Sign, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)] = (
        "survey", "message", "contact", "post", "reopened",
    )  # fmt: skip
    angry: float = Field(default=-0.3, ge=-1, le=0)
    issue: tuple[FieldName, ...] = ("labels.issue", "labels.reason", "labels.order_id", "service")
    critical_from: int = Field(default=2, ge=0)
    case_retention: DurationUs = Field(default=30 * DAY_US, gt=0)


@DETECTORS.register("residual_dissatisfaction", ResidualDissatisfactionSettings)
class ResidualDissatisfaction(CaseDetector):
    """Watches what comes after a resolution, customer by customer."""

    def __init__(self, name: str, settings: ResidualDissatisfactionSettings, context: Context) -> None:
        self.name = name
        self.life = AftermathLife(name, settings)
        self.event_types = self.life.event_types
        self._uses = PlainUses(self.life, self.event_types)
        self.quiet_types = self._uses.types | {"social.post"}
        self._is_post = Lookup("type", lambda name: float(name == "social.post"), missing=0.0)
        self._angry = settings.angry
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
        """Return what plain steps of cases, and posts, are to somebody of whom nothing is known."""
        # As in ``AftermathLife.use_of``.
        posts = np.where(columns.numbers("sentiment") <= self._angry, SEED, NO_USE)
        return np.where(self._is_post(columns) > 0.0, posts, self._uses(columns))

    def shard(self) -> CaseShard:
        """Return a new shard without customers."""
        return LivesShard(self.name, self.life, customer_key, self._teller, self._mark)
