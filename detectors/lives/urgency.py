"""How urgent an alert is, by whom it is about: tier, contract and lifetime value out of the customer's profile."""

from typing import Literal

from pydantic import Field

from config.base import SettingsModel
from detectors.lives.facts import Who

Severity = Literal["critical", "warning", "info"]
RANKS: dict[str, int] = {"info": 0, "warning": 1, "critical": 2}


class ValueStep(SettingsModel):
    """From which lifetime value on an alert has at least a severity.

    Attributes:
        at_least: lifetime value, in the units of the profile table.
        severity: what it has then.
    """

    at_least: float
    severity: Severity


class UrgencySettings(SettingsModel):
    """How urgent an alert is. Of all that fit, the most severe counts; ``severity`` where none fits.

    Attributes:
        severity: of an alert about just anybody.
        by_tier: by the customer's tier.
        by_contract: by the customer's contract.
        by_value: by the customer's lifetime value.
        by_priority: by the priority of the case.
        not_below: alerts that are less severe are not raised.
    """

    severity: Severity = "warning"
    by_tier: dict[str, Severity] = Field(default_factory=dict)
    by_contract: dict[str, Severity] = Field(default_factory=dict)
    by_value: tuple[ValueStep, ...] = ()
    by_priority: dict[str, Severity] = Field(default_factory=dict)
    not_below: Severity = "info"

    def of(self, who: Who) -> Severity:
        """Return the severity of an alert about somebody."""
        fits: list[Severity | None] = [
            self.by_tier.get(who.tier),
            self.by_contract.get(who.contract),
            self.by_priority.get(who.priority),
            *(step.severity for step in self.by_value if who.value is not None and who.value >= step.at_least),
        ]
        return max((one for one in fits if one is not None), key=RANKS.__getitem__, default=self.severity)

    def is_raised(self, severity: Severity) -> bool:
        """Say whether alerts of this severity are raised."""
        return RANKS[severity] >= RANKS[self.not_below]
