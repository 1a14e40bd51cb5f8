"""The root of the settings file.

:class:`Settings` is what code is written against. :func:`build_settings_model` makes the model that files are validated
with: its ``feeds``, ``detectors`` and ``channels`` are unions of whatever components are registered, told apart by
``type``.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import Field, StringConstraints, create_model

from config.alertmanager_api import AlertmanagerApiSettings
from config.audit import AuditSettings
from config.base import ComponentSettings, SettingsModel
from config.calendars import CalendarSettings
from config.callbacks import CallbackSettings
from config.canary import CanarySettings
from config.components import Registry
from config.console import ConsoleSettings
from config.control import ControlSettings
from config.delivery import NotifierSettings, ReceiverSettings, RootRouteSettings, StoreSettings
from config.describe import discriminator
from config.drills import DrillSettings
from config.durations import DurationUs
from config.duty import PersonSettings, ScheduleSettings
from config.enrichment import ProfileSettings, SentimentSettings
from config.escalations import EscalationSettings
from config.grafana import GrafanaSettings
from config.incidents import IncidentSettings
from config.inhibition import InhibitRuleSettings
from config.links import LinkSettings
from config.maintenance import MaintenanceSettings
from config.owners import OwnerSettings
from config.redaction import RedactionSettings
from config.responses import ResponseSettings
from config.scale import ScaleSettings
from config.traces import TraceSettings
from config.urgency import UrgencySettings
from config.words import WordsSettings

_ADDRESS = r"^(\[[0-9a-fA-F:.]+\]|[^\s:\[\]]+):\d{1,5}$"
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,63}$")]


class TimeSettings(SettingsModel):
    """How event time is followed.

    Attributes:
        lateness: how far behind the newest event of its partition an event may come and still be on time. Alerts wait
            for it. A feed may have its own.
        idle_after: live: how long a partition that is read to its end must be quiet before it stops holding time back.
        dedup_horizon: for how long a repeat of an event is recognised; older events are dead letters (``too_late``).
        future_skew: live: how far ahead of the clock an event may be; beyond it is a dead letter (``from_future``).
    """

    lateness: DurationUs = Field(default=300_000_000, ge=0)
    idle_after: DurationUs = Field(default=60_000_000, ge=0)
    dedup_horizon: DurationUs = Field(default=604_800_000_000, gt=0)
    future_skew: DurationUs = Field(default=300_000_000, ge=0)


class FlowSettings(SettingsModel):
    """How the dataflow is cut. None of these changes what is alerted, only how fast.

    Attributes:
        shards: number of parts that the cases of a detector are spread over. A recovery folder is bound to it.
        batch_size: records that go through the flow together.
        epoch: how often state is saved; after a crash at most this much is done again.
        min_free_bytes: with less room than this on the disk of `store.dir` nothing is read until there is more, so that
            the state can still be saved. Three times the last snapshot, where that is more, is the bound.
        columns: whether batches of plain events are taken as columns (needs ``makegood[fast]``). ``auto``: those of
            400 records and more, once 250,000 records came in such; ``on``: all, from the first one; ``off``: never.
            Never, too, where processes share the work (`scale`), or a flow learns sentiment.
    """

    shards: int = Field(default=8, ge=1, le=1024)
    batch_size: int = Field(default=2000, ge=1, le=100_000)
    epoch: DurationUs = Field(default=5_000_000, gt=0)
    min_free_bytes: int = Field(default=64_000_000, ge=8_000_000)
    columns: Literal["auto", "on", "off"] = "auto"


class DeadLetterSettings(SettingsModel):
    """How long records that could not become events are kept. What is deleted is logged and counted.

    Attributes:
        keep: by the wall clock, since they were seen.
        max_bytes: of all of them on disk; above it the oldest go first.
    """

    keep: DurationUs = Field(default=30 * 86_400_000_000, ge=60_000_000)
    max_bytes: int = Field(default=1_000_000_000, ge=1_000_000)


class FindingsSettings(SettingsModel):
    """How long is kept what window detectors found in each window, for `makegood explain`.

    Attributes:
        keep: by event time, before the end of the newest window; 0s keeps nothing.
        max_bytes: of all of them on disk, for each flow process; above it the oldest go first. A finding takes about
            450 bytes.
    """

    keep: DurationUs = Field(default=30 * 86_400_000_000, ge=0)
    max_bytes: int = Field(default=1_000_000_000, ge=1_000_000)


class MetricsSettings(SettingsModel):
    """Where ``/metrics`` and ``/healthz`` are served while running.

    Attributes:
        listen: of the flow, as ``HOST:PORT``; port 0 takes a free one. ``127.0.0.1`` is reached from this machine only.
        notifier_listen: of the notifier.
        repartition_listen: of an intake (``makegood repartition``).
    """

    listen: str = Field(default="127.0.0.1:9464", pattern=_ADDRESS)
    notifier_listen: str = Field(default="127.0.0.1:9465", pattern=_ADDRESS)
    repartition_listen: str = Field(default="127.0.0.1:9467", pattern=_ADDRESS)


class Settings(SettingsModel):
    """Everything that Makegood is told: what to read, what to watch for, and whom to tell.

    Attributes:
        feeds: where events come from, by name.
        profiles: table of customers that events are enriched with.
        sentiment: how text without a sentiment gets one.
        calendars: business hours by name; promises refer to them.
        detectors: what is watched for, by name. Alerts carry the detector's ``type`` in their label ``detector``.
        channels: ways to reach people, by name.
        receivers: who is told, by name, over which channels in which order.
        route: which alert goes to which receiver.
        people: who can be on duty, by name.
        schedules: who is on duty when, by name.
        escalations: whom to tell in which order until somebody acknowledges, by name; routes refer to them.
        maintenance_windows: times in which alerts are not told, by name.
        owners: who answers for which alerts.
        inhibit_rules: which alerts keep others from being told while they fire.
        urgency: how urgent a notification is.
        incidents: which alerts belong together.
        responses: what people answer to alerts.
        words: zone and length of messages.
        redaction: what personal data is taken out of messages.
        links: links in messages that acknowledge; without it there are none.
        callbacks: where receipts, and answers by phone or link, are taken; without it nobody listens.
        store: where alerts are kept.
        notifier: the service that delivers.
        audit: how what was told is compared with what should have been.
        drills: when receivers are tried with their primary broken.
        canary: which channels are tried by the clock.
        time: how event time is followed.
        flow: how the dataflow is cut.
        scale: how several flow processes share the work; without it there is one.
        dead_letters: how long records that could not become events are kept.
        findings: how long is kept what was found in each window.
        metrics: where figures and health are served.
        traces: where each alert's way is told to OpenTelemetry; without it it is not.
        control: how changes of thresholds reach a running flow.
        alertmanager_api: the API that Prometheus, `amtool`, karma and Grafana use.
        grafana: the Grafana that dashboards are pushed to.
        console: pages, API and wall: where they are served, and who may do what.
    """

    feeds: Mapping[Name, ComponentSettings] = Field(default={})
    profiles: ProfileSettings | None = None
    sentiment: SentimentSettings = SentimentSettings()
    calendars: Mapping[Name, CalendarSettings] = Field(default={})
    detectors: Mapping[Name, ComponentSettings] = Field(default={})
    channels: Mapping[Name, ComponentSettings] = Field(default={})
    receivers: Mapping[Name, ReceiverSettings] = Field(default={})
    route: RootRouteSettings | None = None
    people: Mapping[Name, PersonSettings] = Field(default={})
    schedules: Mapping[Name, ScheduleSettings] = Field(default={})
    escalations: Mapping[Name, EscalationSettings] = Field(default={})
    maintenance_windows: Mapping[Name, MaintenanceSettings] = Field(default={})
    owners: tuple[OwnerSettings, ...] = ()
    inhibit_rules: tuple[InhibitRuleSettings, ...] = ()
    urgency: UrgencySettings = UrgencySettings()
    incidents: IncidentSettings = IncidentSettings()
    responses: ResponseSettings = ResponseSettings()
    words: WordsSettings = WordsSettings()
    redaction: RedactionSettings = RedactionSettings()
    links: LinkSettings | None = None
    callbacks: CallbackSettings | None = None
    store: StoreSettings = StoreSettings()
    notifier: NotifierSettings = NotifierSettings()
    audit: AuditSettings = AuditSettings()
    drills: DrillSettings = DrillSettings()
    canary: CanarySettings = CanarySettings()
    time: TimeSettings = TimeSettings()
    flow: FlowSettings = FlowSettings()
    scale: ScaleSettings | None = None
    dead_letters: DeadLetterSettings = DeadLetterSettings()
    findings: FindingsSettings = FindingsSettings()
    metrics: MetricsSettings = MetricsSettings()
    traces: TraceSettings | None = None
    control: ControlSettings = ControlSettings()
    alertmanager_api: AlertmanagerApiSettings = AlertmanagerApiSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    console: ConsoleSettings = ConsoleSettings()


class UndiscriminatedError(Exception):
    """A component's settings model does not narrow ``type`` to the name under which it is registered."""


def build_settings_model(*, detectors: Registry[Any], channels: Registry[Any], feeds: Registry[Any]) -> type[Settings]:
    """Return the settings model for the components that are registered now.

    Raises:
        UndiscriminatedError: when a component's settings lack ``type: Literal["its name"]``.
    """
    registries = {"detectors": detectors, "channels": channels, "feeds": feeds}
    fields: dict[str, Any] = {}
    for section, registry in registries.items():
        if registry.names():
            fields[section] = (dict[Name, _union(registry)], Field(default={}))  # type: ignore[misc]
    return create_model("Settings", __base__=Settings, __doc__=Settings.__doc__, **fields)


def _union(registry: Registry[Any]) -> Any:
    models: list[type[ComponentSettings]] = []
    for name in registry.names():
        model = registry.settings(name)
        if discriminator(model) != name:
            msg = f'settings of {registry.kind} {name!r} ({model.__qualname__}) need the field type: Literal["{name}"]'
            raise UndiscriminatedError(msg)
        models.append(model)
    if len(models) == 1:
        return models[0]
    return Annotated[Union[tuple(models)], Field(discriminator="type")]  # noqa: UP007 - built at run time
