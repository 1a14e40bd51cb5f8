"""``sla_breach``: a promise to a customer is about to be, or has been, broken.

It raises ``SlaAtRisk`` when a fraction of the target is spent, and ``SlaBreach`` when the due time has passed without
the promised act. Time is open time of a calendar; pauses, changes of target, reopening, cancelling and late knowledge
are followed exactly (``docs/explanation/promises.md`` states the rules). Verdicts depend on what happened and when,
never on the order in which it became known.
"""

from typing import Literal, Self
from zlib import crc32

from pydantic import Field, model_validator

from config.durations import DurationUs
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context, DetectorSettings
from detectors.events import CASE_STEPS, TRANSACTION_STEPS, Event
from detectors.promises.episodes import Teller
from detectors.promises.facts import step_infos
from detectors.promises.plan import Plan
from detectors.promises.settings import PromiseSettings
from detectors.promises.shard import SlaShard
from detectors.promises.spec import Calendars, Spec

_DAY_US = 86_400_000_000


class SlaBreachSettings(DetectorSettings):
    """Settings of ``sla_breach``.

    Attributes:
        promises: what is promised to customers; every promise is measured on its own.
        retention: how long a case is kept after its end, for late events and reopening. An event for a case that is no
            longer kept changes nothing.
        idle_retention: how long a case is kept that has no clock running but may get one: it waits for a next message,
            or its start is not known yet.
        skew: how much later than its recording an event may claim to have happened; beyond it, it is not used.
    """

    type: Literal["sla_breach"] = "sla_breach"
    promises: tuple[PromiseSettings, ...] = Field(min_length=1)
    retention: DurationUs = Field(default=7 * _DAY_US, ge=0)
    idle_retention: DurationUs = Field(default=365 * _DAY_US, ge=0)
    skew: DurationUs = Field(default=300_000_000, ge=0)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: dict[str, int] = {}
        for index, promise in enumerate(self.promises):
            if promise.name in seen:
                msg = f"promises[{index}].name: {promise.name!r} is the name of promises[{seen[promise.name]}] too"
                raise ValueError(msg)
            seen[promise.name] = index
        return self


@DETECTORS.register("sla_breach", SlaBreachSettings)
class SlaBreach(CaseDetector):
    """Watches promises, case by case.

    Raises:
        ValueError: when a promise names a calendar that is not there.
    """

    def __init__(self, name: str, settings: SlaBreachSettings, context: Context) -> None:
        self.name = name
        calendars = Calendars(context.calendars)
        specs: dict[str, list[Spec]] = {}
        for index, promise in enumerate(settings.promises):
            specs.setdefault(promise.family, []).append(Spec(promise, calendars, f"promises[{index}]"))
        starting = {family: frozenset[str]() for family in ("case", "order")}
        for family, found in specs.items():
            steps = {"opened", "purchased"}.union(*(spec.start_steps for spec in found))
            if any(spec.starts_anywhere for spec in found):
                steps |= {*CASE_STEPS, *TRANSACTION_STEPS}
            starting[family] = frozenset(steps)
        self._plan = Plan(
            specs=specs,
            infos=step_infos(starting),
            teller=Teller(name, settings.labels, settings.annotations),
            retention_us=settings.retention,
            idle_retention_us=settings.idle_retention,
            skew_us=settings.skew,
            fingerprint=crc32(repr((settings, sorted(context.calendars.items()))).encode()),
        )
        self.event_types = frozenset(kind.type for kind in self._plan.infos)  # type: ignore[attr-defined]

    def key(self, event: Event) -> str | None:
        """Return the case or order that an event is about."""
        info = self._plan.infos.get(type(event))
        if info is None:
            return None
        return event.data.case_id if info.family == "case" else event.data.order_id  # type: ignore[union-attr]

    def shard(self) -> CaseShard:
        """Return a new shard without cases."""
        return SlaShard(self._plan)
