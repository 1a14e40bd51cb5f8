"""Settings of inhibition: alerts that keep others from being told."""

from typing import Self

from pydantic import model_validator

from config.base import SettingsModel
from config.delivery import LabelName
from config.matchers import MatcherTexts


class InhibitRuleSettings(SettingsModel):
    """A rule, in Alertmanager's terms: while an alert fires that is a source, none is told that is a target.

    An alert that matches both sides is not inhibited by such another, nor by itself. A source inhibits also while it is
    silenced or inhibited itself.

    Attributes:
        source_matchers: of alerts that inhibit; without any, every alert does.
        target_matchers: of alerts that are inhibited; without any, every alert is.
        equal: labels that must be equal in both. A label that both lack is equal.
    """

    source_matchers: MatcherTexts = ()
    target_matchers: MatcherTexts = ()
    equal: tuple[LabelName, ...] = ()

    @model_validator(mode="after")
    def _inhibits_something(self) -> Self:
        if not self.source_matchers and not self.target_matchers:
            msg = (
                "the rule has neither source_matchers nor target_matchers, so every alert is on both sides and none is "
                "inhibited; write which alerts inhibit which"
            )
            raise ValueError(msg)
        return self
