"""Settings of the store, the notifier, the receivers with their tiers, and the routes that choose a receiver."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from config.base import SettingsModel
from config.durations import US_PER_SECOND, DurationUs
from config.matchers import MatcherTexts
from config.references import ChannelName, EscalationName, ReceiverName
from config.secret import SecretRef

LabelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]
_DAY_US = 86_400 * US_PER_SECOND


class StoreSettings(SettingsModel):
    """Where alerts and pending notifications are kept: Redis.

    Attributes:
        dir: folder of the embedded Redis, which is used when no address is given.
        url: where the address of a Redis is (``redis://``, ``rediss://`` or ``unix://``); it may hold a password, so it
            is a secret. The environment variable ``MAKEGOOD_REDIS_URL`` goes before it.
        prefix: of every key, so that several installations can share a Redis.
        retention: how long a resolved alert and a delivered notification can be looked up, by the clock of Redis.
        applied_retention: how long a change is remembered as applied, by the clock of Redis. Longer than the longest
            time between a crash and the restart that repeats the last changes.
    """

    dir: Path = Path("var")
    url: SecretRef | None = None
    prefix: str = Field(default="makegood:", min_length=1, max_length=64)
    retention: DurationUs = Field(default=30 * _DAY_US, ge=60 * US_PER_SECOND)
    applied_retention: DurationUs = Field(default=30 * _DAY_US, ge=60 * US_PER_SECOND)


class TierSettings(SettingsModel):
    """One tier of a receiver: a channel, and how long it may take before the next tier is used.

    Attributes:
        channel: name of an entry in ``channels:``.
        deadline: from the tier's first try; when it has passed, the next tier is used.
        max_tries: tries within the deadline, of failures that may pass by themselves.
        first_wait: before the second try; each further wait is twice as long, with up to half of it taken off at
            random.
        max_wait: the longest wait between two tries.
    """

    channel: ChannelName
    deadline: DurationUs = Field(default=30 * US_PER_SECOND, ge=US_PER_SECOND // 10)
    max_tries: int = Field(default=2, ge=1, le=100)
    first_wait: DurationUs = Field(default=US_PER_SECOND // 4, ge=0)
    max_wait: DurationUs = Field(default=10 * US_PER_SECOND, ge=0)


class ReceiverSettings(SettingsModel):
    """Somebody who is told, by an ordered list of tiers: the second is used when the first fails, and so on.

    Attributes:
        tiers: at least one; a channel at most once.
        send_resolved: whether to tell that an alert has resolved.
        max_alerts: of one group that are told in full in one message; further ones are counted.
        digest_above: when more notifications than this wait, those that are no first word about something become one
            digest, which counts them. ``off``: each goes out by itself, as software at the far side needs it.
    """

    tiers: tuple[TierSettings, ...] = Field(min_length=1)
    send_resolved: bool = True
    max_alerts: int = Field(default=100, ge=1, le=10_000)
    digest_above: Annotated[int, Field(ge=2)] | Literal["off"] | None = None

    @field_validator("tiers")
    @classmethod
    def _each_channel_once(cls, tiers: tuple[TierSettings, ...]) -> tuple[TierSettings, ...]:
        names = [tier.channel for tier in tiers]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            msg = f"a channel can be in one tier only; twice: {', '.join(twice)}"
            raise ValueError(msg)
        return tiers


class RouteSettings(SettingsModel):
    """A node of the routing tree, in Alertmanager's terms.

    An alert that matches goes down into ``routes``: to the first that matches, and on to further ones while the
    matching route says ``continue``. Where no child matches, the node itself takes it.

    Attributes:
        receiver: name of an entry in ``receivers:``; a child without one takes its parent's.
        matchers: all must match. The root has none: it takes everything.
        routes: children, tried in their order.
        continue_: whether siblings after this route are tried too.
        group_by: alerts with equal values of these labels are told together; ``["..."]``: each alert alone; none: all
            that the route takes. A child without it takes its parent's, as with the four below.
        group_wait: how long a new group waits for more alerts before it is told for the first time; by default 30s.
        group_interval: how long after that until changes of the group are told, each time; by default 5m.
        repeat_interval: how long until a group is told again although nothing in it has changed; by default 4h.
        escalation: name of an entry in ``escalations:``, which runs until somebody acknowledges.
    """

    receiver: ReceiverName | None = None
    matchers: MatcherTexts = ()
    routes: tuple["RouteSettings", ...] = ()
    continue_: bool = Field(default=False, alias="continue")
    group_by: tuple[LabelName, ...] | None = None
    group_wait: DurationUs | None = Field(default=None, ge=0)
    group_interval: DurationUs | None = Field(default=None, ge=1_000)
    repeat_interval: DurationUs | None = Field(default=None, ge=1_000)
    escalation: EscalationName | None = None

    @field_validator("group_by")
    @classmethod
    def _all_or_some(cls, group_by: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if group_by is None:
            return None
        if "..." in group_by and len(group_by) > 1:
            msg = "'...' groups by all labels; leave the others out"
            raise ValueError(msg)
        twice = sorted({name for name in group_by if group_by.count(name) > 1})
        if twice:
            msg = f"a label can be in group_by only once; twice: {', '.join(twice)}"
            raise ValueError(msg)
        return group_by


class RootRouteSettings(RouteSettings):
    """The root of the routing tree: has a receiver, matches everything."""

    @model_validator(mode="after")
    def _takes_everything(self) -> Self:
        if self.receiver is None:
            msg = "the root route names no receiver; give it one under `receiver`, so that no alert is left without"
            raise ValueError(msg)
        if self.matchers:
            msg = "the root route takes every alert; move its matchers to a route under `routes`"
            raise ValueError(msg)
        return self


class NotifierSettings(SettingsModel):
    """The service that delivers.

    Attributes:
        workers: tries that run at the same time.
        poll: how often the outbox is looked at when there is nothing to do.
        lease: how long a notifier may be silent before another one takes its notification over. Added to a try's
            timeout.
        retry_first_wait, retry_max_wait: after all tiers failed: wait before all are tried again, doubled each time.
            There is no last time.
    """

    workers: int = Field(default=32, ge=1, le=256)
    poll: DurationUs = Field(default=US_PER_SECOND // 5, ge=1_000)
    lease: DurationUs = Field(default=15 * US_PER_SECOND, ge=US_PER_SECOND // 10)
    retry_first_wait: DurationUs = Field(default=15 * US_PER_SECOND, ge=1_000)
    retry_max_wait: DurationUs = Field(default=600 * US_PER_SECOND, ge=1_000)
