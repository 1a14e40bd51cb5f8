"""``sla_breach``: a promise to a customer is about to be, or has been, broken.

It raises ``SlaAtRisk`` when a fraction of the target is spent, and ``SlaBreach`` when the due time has passed without
the promised act. Time is open time of a calendar; pauses, changes of target, reopening, cancelling and late knowledge
are followed exactly (``docs/explanation/promises.md`` states the rules). Verdicts depend on what happened and when,
never on the order in which it became known.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from config.durations import DurationUs
from detectors.columns import Columns, Ints
from detectors.contract import DETECTORS, CaseDetector, CaseShard, Context, DetectorSettings
from detectors.events import CASE_STEPS, DERIVED_CLASSES, TRANSACTION_STEPS, Event
from detectors.fingerprint import settings_checksum
from detectors.keys import KeyOf, case_key
from detectors.promises.deriving import DerivingShard
from detectors.promises.episodes import Teller
from detectors.promises.facts import step_infos
from detectors.promises.plan import Plan
from detectors.promises.settings import PromiseSettings
from detectors.promises.shard import SlaShard
from detectors.promises.spec import Calendars, Spec
from detectors.promises.uses import StepUses

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

    Attributes:
        derived_types: what window detectors may listen to.
        quiet_types: of which some events may be of no use, or begin nothing.

    Raises:
        ValueError: when a promise names a calendar that is not there.
    """

    derived_types = frozenset(DERIVED_CLASSES)

    def __init__(self, name: str, settings: SlaBreachSettings, context: Context) -> None:
        self.name = name
        self._settings = settings
        self._context = context
        self._calendars = Calendars(context.calendars)
        self._plan = self._make_plan(derives=False)
        self.event_types = frozenset(kind.type for kind in self._plan.infos)  # type: ignore[attr-defined]
        self._uses = StepUses(self._plan)
        self.quiet_types = self._uses.types

    def _make_plan(self, *, derives: bool) -> Plan:
        settings = self._settings
        specs: dict[str, list[Spec]] = {}
        for index, promise in enumerate(settings.promises):
            spec = Spec(promise, self._calendars, f"promises[{index}]", derives=derives)
            specs.setdefault(promise.family, []).append(spec)
        starting = {family: frozenset[str]() for family in ("case", "order")}
        for family, found in specs.items():
            steps = {"opened", "purchased"}.union(*(spec.start_steps for spec in found))
            if any(spec.starts_anywhere for spec in found):
                steps |= {*CASE_STEPS, *TRANSACTION_STEPS}
            starting[family] = frozenset(steps)
        return Plan(
            specs=specs,
            infos=step_infos(starting, keeps_profile=derives),
            teller=Teller(self.name, settings.labels, settings.annotations),
            retention_us=settings.retention,
            idle_retention_us=settings.idle_retention,
            skew_us=settings.skew,
            fingerprint=settings_checksum(settings, self._context.calendars),
        )

    def key(self, event: Event) -> str | None:
        """Return the case or order that an event is about."""
        info = self._plan.infos.get(type(event))
        if info is None:
            return None
        return event.data.case_id if info.family == "case" else event.data.order_id  # type: ignore[union-attr]

    def key_for(self, kind: type) -> KeyOf:
        """Return what finds the keys of events of a class."""
        info = self._plan.infos.get(kind)
        return case_key if info is not None and info.family == "case" else self.key

    def uses(self, columns: Columns) -> Ints:
        """Return what plain events of :attr:`quiet_types` are to a case of which nothing is known."""
        return self._uses(columns)

    def shard(self) -> CaseShard:
        """Return a new shard without cases."""
        return SlaShard(self._plan)

    def deriving_shard(self) -> CaseShard:
        """Return a new shard without cases that tells window detectors which promises were met and broken."""
        return DerivingShard(self._make_plan(derives=True), self.name)
