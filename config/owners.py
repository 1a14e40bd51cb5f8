"""Settings of ownership: who answers for a detector or a service, and until when that is known to be true."""

from datetime import date
from typing import Self

from pydantic import Field, model_validator

from config.base import SettingsModel
from config.matchers import MatcherTexts
from config.references import DetectorName, OwnerName


class OwnerSettings(SettingsModel):
    """Who answers for the alerts that meet all that is given here.

    Attributes:
        detector: name of an entry in ``detectors:``.
        service: value of the label ``service``.
        matchers: further conditions on labels.
        owner: name of an entry in ``people:`` or ``schedules:``.
        review_by: a date; when it has passed, somebody should look whether the owner is still the right one, and a
            warning says so.
    """

    detector: DetectorName | None = None
    service: str | None = Field(default=None, min_length=1)
    matchers: MatcherTexts = ()
    owner: OwnerName
    review_by: date | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if self.detector is None and self.service is None and not self.matchers:
            msg = "say what is owned: give detector, service or matchers"
            raise ValueError(msg)
        return self
