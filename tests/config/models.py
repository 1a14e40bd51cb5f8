"""A small settings model with everything that the loader must cope with."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from config.base import ComponentSettings, SettingsModel
from config.durations import DurationUs
from config.mapping import MappingSettings
from config.references import ChannelName
from config.secret import SecretRef


class Pager(ComponentSettings):
    """A pager.

    Attributes:
        wait: how long to wait.
        mode: how it sounds.
        password, token: keys of the house.
        log: where it writes.
    """

    type: Literal["pager"]
    wait: DurationUs = Field(default=0, ge=0)
    mode: Literal["loud", "soft"] = "loud"
    password: SecretRef | None = None
    token: str = Field(default="", max_length=3)
    log: Path = Path("pager.log")


class Table(ComponentSettings):
    """A table."""

    type: Literal["table"]
    size: int
    mapping: MappingSettings | None = None


class Tier(SettingsModel):
    """A tier.

    Attributes:
        channel: who is called.
        others: who else.
        by_team: by the team's name.
    """

    channel: ChannelName
    others: list[ChannelName] = Field(default=[])
    by_team: dict[str, ChannelName] = Field(default={})


class Root(SettingsModel):
    """The root."""

    channels: dict[str, Annotated[Pager | Table, Field(discriminator="type")]] = Field(default={})
    tiers: list[Tier] = Field(default=[])
    extra: dict[str, Any] = Field(default={})
    number: int | list[int] | None = None
