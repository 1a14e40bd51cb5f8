"""Settings of how urgent a notification is: what its severity says, and what makes it more urgent than that."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from config.base import SettingsModel

UrgencyName = Literal["urgent", "high", "normal", "low"]
RANKS: dict[UrgencyName, int] = {"urgent": 0, "high": 1, "normal": 2, "low": 3}
"""Rank of each urgency: 0 is worked on first."""
Raise = Annotated[int, Field(ge=0, le=3)]


class UrgencyStep(SettingsModel):
    """From which number on something is more urgent.

    Attributes:
        at_least: the number, this one included.
        raises: by how many steps.
    """

    at_least: float = Field(gt=0)
    raises: Raise = 1


class UrgencySettings(SettingsModel):
    """How urgent a notification is: ``urgent``, ``high``, ``normal`` or ``low``.

    The severity says where it begins. Whom it is about, how many customers are affected and how much money is at risk
    raise it. Reasons do not add up: the strongest one counts. A notification about several alerts is as urgent as the
    most urgent of them, and the numbers of all together can raise it further.

    Attributes:
        by_severity: where it begins. A severity that is not listed counts as ``other_severity``.
        other_severity: where alerts of any other severity, or of none, begin.
        by_tier: by how many steps a customer's tier raises (label or annotation ``tier``). Case does not matter.
        by_value: by how many steps the lifetime value of one customer raises (annotation ``customer_value``).
        by_customers: the same for the number of customers affected (annotation ``customers``, or customers counted).
        by_events: the same for the number of events affected (annotation ``events``).
        by_revenue: the same for the revenue at risk (annotation ``revenue_at_risk``, or values of customers added up).
        currency: of ``customer_value`` and ``revenue_at_risk``, as it is written behind amounts: ``EUR``.
    """

    by_severity: dict[str, UrgencyName] = Field(default={"critical": "high", "warning": "normal", "info": "low"})
    other_severity: UrgencyName = "normal"
    by_tier: dict[str, Raise] = Field(default={"platinum": 1, "gold": 1, "vip": 1, "enterprise": 1})
    by_value: tuple[UrgencyStep, ...] = (UrgencyStep(at_least=10_000),)
    by_customers: tuple[UrgencyStep, ...] = (UrgencyStep(at_least=50), UrgencyStep(at_least=1000, raises=2))
    by_events: tuple[UrgencyStep, ...] = ()
    by_revenue: tuple[UrgencyStep, ...] = (UrgencyStep(at_least=10_000), UrgencyStep(at_least=250_000, raises=2))
    currency: Annotated[str, StringConstraints(strip_whitespace=True, max_length=8)] = ""

    @model_validator(mode="after")
    def _ordered_severities(self) -> Self:
        known = [self.by_severity[name] for name in ("critical", "warning", "info") if name in self.by_severity]
        if [RANKS[name] for name in known] != sorted(RANKS[name] for name in known):
            msg = "by_severity: a less severe alert begins more urgent than a more severe one; turn them round"
            raise ValueError(msg)
        return self
