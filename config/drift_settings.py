"""Settings of River's drift detectors. :mod:`config.models` names them all."""

from typing import Literal, Self

from pydantic import Field, model_validator

from config.anomaly_settings import Seed, Share
from config.base import SettingsModel


class ADWINSettings(SettingsModel):
    """ADWIN: a window that is cut where its halves differ. Feed it values of about unit spread.

    Attributes:
        class_: which detector it is.
        delta: chance of a false cut.
        clock: values between two checks.
        max_buckets: buckets of each size.
        min_window_length: least length of each part.
        grace_period: values before the first check.
    """

    class_: Literal["drift.ADWIN"] = Field(default="drift.ADWIN", alias="class")
    delta: Share = 0.002
    clock: int = Field(default=32, ge=1, le=100_000)
    max_buckets: int = Field(default=5, ge=1, le=100)
    min_window_length: int = Field(default=5, ge=1, le=100_000)
    grace_period: int = Field(default=10, ge=1, le=100_000)


class PageHinkleySettings(SettingsModel):
    """Page-Hinkley: sums of deviations from the mean. ``delta`` and ``threshold`` are in units of the values.

    Attributes:
        class_: which detector it is.
        min_instances: values before the first check.
        delta: deviation that is tolerated.
        threshold: sum at which drift is detected.
        alpha: forgetting of the sums.
        mode: which direction counts.
    """

    class_: Literal["drift.PageHinkley"] = Field(default="drift.PageHinkley", alias="class")
    min_instances: int = Field(default=30, ge=1, le=1_000_000)
    delta: float = Field(default=0.005, ge=0.0)
    threshold: float = Field(default=50.0, gt=0.0)
    alpha: float = Field(default=1 - 0.0001, gt=0.0, le=1.0)
    mode: Literal["up", "down", "both"] = "both"


class KSWINSettings(SettingsModel):
    """KSWIN: Kolmogorov-Smirnov test of the newest values against a sample of those before.

    Attributes:
        class_: which detector it is.
        alpha: level of the test.
        window_size: values that are kept.
        stat_size: newest values, and size of the sample.
        seed: of the sample.
    """

    class_: Literal["drift.KSWIN"] = Field(default="drift.KSWIN", alias="class")
    alpha: Share = 0.005
    window_size: int = Field(default=100, ge=4, le=100_000)
    stat_size: int = Field(default=30, ge=2, le=50_000)
    seed: Seed = 0

    @model_validator(mode="after")
    def _sample_fits(self) -> Self:
        if 2 * self.stat_size > self.window_size:
            msg = f"window_size ({self.window_size}) must be at least twice stat_size ({self.stat_size})"
            raise ValueError(msg)
        return self
