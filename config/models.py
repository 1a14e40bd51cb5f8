"""River's anomaly models and drift detectors in the settings: a closed list of names, each with its parameters."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import BeforeValidator, Field, TypeAdapter

from config.anomaly_settings import (
    GaussianScorerSettings,
    HalfSpaceTreesSettings,
    LocalOutlierFactorSettings,
    LODASettings,
    OneClassSVMSettings,
    PredictiveAnomalyDetectionSettings,
    Share,
    StandardAbsoluteDeviationSettings,
)
from config.base import SettingsModel
from config.describe import keys_of
from config.drift_settings import ADWINSettings, KSWINSettings, PageHinkleySettings
from config.explain import suggestion


def _named(value: Any, models: Mapping[str, type[SettingsModel]], what: str) -> Any:
    """Check name and parameters, and say which there are. A bare name is short for ``{class: name}``."""
    if isinstance(value, SettingsModel):
        return value
    if isinstance(value, str):
        value = {"class": value}
    if not isinstance(value, Mapping):
        msg = f"must be the name of one {what}, or a mapping with class and parameters; there are: {', '.join(models)}"
        raise ValueError(msg)
    name = value.get("class")
    if not isinstance(name, str) or name not in models:
        found = "the key 'class' is missing" if name is None else f"there is no {what} {name!r}"
        msg = f"{found}.{suggestion(str(name), list(models))} There are: {', '.join(models)}"
        raise ValueError(msg)
    known = keys_of(models[name])
    for key in value:
        if key not in known:
            takes = ", ".join(key for key in known if key != "class")
            msg = f"{name} has no parameter {key!r}.{suggestion(str(key), known)} It takes: {takes}"
            raise ValueError(msg)
    return dict(value)


_Plain = Union[  # noqa: UP007 - the discriminator needs a union by name
    HalfSpaceTreesSettings,
    LODASettings,
    LocalOutlierFactorSettings,
    OneClassSVMSettings,
    GaussianScorerSettings,
    StandardAbsoluteDeviationSettings,
    PredictiveAnomalyDetectionSettings,
]
_PLAIN: dict[str, type[SettingsModel]] = {model.model_fields["class_"].default: model for model in get_args(_Plain)}
PlainAnomalyModel = Annotated[
    Annotated[_Plain, Field(discriminator="class_")],
    BeforeValidator(lambda value: _named(value, _PLAIN, "anomaly model")),
]
"""An anomaly model that scores by itself, not a filter around another."""


class FilterSettings(SettingsModel):
    """What filters have: a model inside, whose scores they pass on and judge.

    Attributes:
        class_: which filter it is.
        anomaly_detector: the model inside.
        protect_anomaly_detector: whether the model inside does not learn what was judged anomalous.
        patience: anomalous observations in a row after which it learns them all the same: a new level is learned.
    """

    class_: str = Field(alias="class")
    anomaly_detector: PlainAnomalyModel
    protect_anomaly_detector: bool = True
    patience: int = Field(default=30, ge=1, le=100_000)


class QuantileFilterSettings(FilterSettings):
    """Judges anomalous what scores above a quantile of recent scores.

    Attributes:
        class_: which model it is.
        q: the quantile.
        window_size: recent scores that the quantile is taken of.
    """

    class_: Literal["anomaly.QuantileFilter"] = Field(default="anomaly.QuantileFilter", alias="class")
    q: Share = 0.99
    window_size: int = Field(default=1_000, ge=10, le=100_000)


class ThresholdFilterSettings(FilterSettings):
    """Judges anomalous what scores at or above a threshold.

    Attributes:
        class_: which model it is.
        threshold: in units of the scores of the model inside.
    """

    class_: Literal["anomaly.ThresholdFilter"] = Field(default="anomaly.ThresholdFilter", alias="class")
    threshold: float


_Any = Union[_Plain, QuantileFilterSettings, ThresholdFilterSettings]  # noqa: UP007
_ANY: dict[str, type[SettingsModel]] = {model.model_fields["class_"].default: model for model in get_args(_Any)}
AnomalyModel = Annotated[
    Annotated[_Any, Field(discriminator="class_")],
    BeforeValidator(lambda value: _named(value, _ANY, "anomaly model")),
]
"""A settings field that names any of River's anomaly models."""
_Drift = Union[ADWINSettings, PageHinkleySettings, KSWINSettings]  # noqa: UP007
_DRIFT: dict[str, type[SettingsModel]] = {model.model_fields["class_"].default: model for model in get_args(_Drift)}
DriftModel = Annotated[
    Annotated[_Drift, Field(discriminator="class_")],
    BeforeValidator(lambda value: _named(value, _DRIFT, "drift detector")),
]
"""A settings field that names any of River's drift detectors."""
ANOMALY_MODELS: TypeAdapter[_Any] = TypeAdapter(AnomalyModel)
"""Validates what names an anomaly model."""
DRIFT_MODELS: TypeAdapter[_Drift] = TypeAdapter(DriftModel)
"""Validates what names a drift detector."""
ANOMALY_NAMES = tuple(_ANY)
"""Names of the anomaly models, filters last."""
DRIFT_NAMES = tuple(_DRIFT)
"""Names of the drift detectors."""
