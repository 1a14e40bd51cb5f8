"""What the settings of all detectors that follow lives have in common."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from config.durations import DurationUs
from detectors.contract import DetectorSettings
from detectors.events import CASE_STEPS
from detectors.lives.facts import Fact, Who
from detectors.lives.urgency import UrgencySettings

DAY_US = 86_400_000_000
FieldName = Annotated[str, StringConstraints(pattern=r"^(labels\.[^\s]+|service|region|channel|queue|case_id)$")]
"""Where a value is found: ``labels.<name>``, ``service``, ``region``, ``channel``, ``queue`` or ``case_id``."""


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _step(name: str) -> str:
    if name not in CASE_STEPS:
        msg = f"{name!r} is no step of a case; there are: {', '.join(CASE_STEPS)}"
        raise ValueError(msg)
    return name


Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
"""A list of names; a single one may stand without brackets."""
Steps = Annotated[tuple[Annotated[str, AfterValidator(_step)], ...], BeforeValidator(_listed)]
"""Steps of cases."""
OUTBOUND = frozenset({"outbound", "out", "outgoing"})
RECOVERY_LABEL = "recovery"
"""Label that says what was done for a customer: ``customer_contacted``, ``remedy_promised``, ..."""


class LifeSettings(DetectorSettings):
    """What detectors that follow a life have in common.

    Attributes:
        urgency: how severe an alert is, by whom it is about.
        retention: how late an event may come and still be taken into account.
        skew: how much later than its recording an event may claim to have happened; beyond it, it is not used.
        quote: how many characters of what the customer wrote stand in the alert; 0: none.
    """

    urgency: UrgencySettings = UrgencySettings()
    retention: DurationUs = Field(default=7 * DAY_US, ge=0)
    skew: DurationUs = Field(default=300_000_000, ge=0)
    quote: int = Field(default=160, ge=0, le=1000)


def label_names(fields: tuple[str, ...]) -> frozenset[str]:
    """Return the labels among the fields."""
    return frozenset(name.removeprefix("labels.") for name in fields if name.startswith("labels."))


def value_of(fact: Fact, field: str) -> str:
    """Return the value of a field; empty where it has none."""
    if field.startswith("labels."):
        return fact.label(field.removeprefix("labels."))
    if field == "service":
        return fact.who.service
    if field == "region":
        return fact.who.region
    found = {"channel": fact.channel, "queue": fact.queue, "case_id": fact.case_id}[field]
    return found or ""


def issue_of(fact: Fact, fields: tuple[str, ...]) -> tuple[str, str]:
    """Return the key of what a case is about, and what people call it; the case itself where no field has a value."""
    for field in fields:
        value = value_of(fact, field)
        if value:
            return f"{field}={value}", value
    return f"case={fact.case_id}", f"case {fact.case_id}"


def labels_of(
    name: str, detector: str, alertname: str, severity: str, who: Who, more: dict[str, str]
) -> dict[str, str]:
    """Return the labels of an alert; ``rule`` names the entry where it is not called like the detector."""
    return {
        "rule": "" if name == detector else name,
        "alertname": alertname,
        "detector": detector,
        "severity": severity,
        "customer": who.customer,
        "tier": who.tier,
        "service": who.service,
        "region": who.region,
        **more,
    }
