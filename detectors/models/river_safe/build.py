"""Builds River's models by the names that stand in the settings.

River is imported when a model is first asked for: that takes half a second, and most commands need none.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pydantic import TypeAdapter, ValidationError

from config.anomaly_settings import AnomalySettings
from config.base import SettingsModel
from config.models import ANOMALY_MODELS, DRIFT_MODELS
from detectors.models.river_safe.base import SafeAnomalyDetector
from detectors.models.river_safe.drift import SafeDriftDetector

Named = str | Mapping[str, Any] | SettingsModel
"""What names a model: its name, a mapping of ``class`` and parameters, or settings."""


class ModelNameError(ValueError):
    """What should name a model does not. Says which names there are, or which parameters the model takes."""


def build_model(named: Named) -> SafeAnomalyDetector[Any]:
    """Return a new anomaly model.

    Args:
        named: name, mapping, or settings, see :mod:`config.models`.

    Raises:
        ModelNameError: when there is no such model or parameter, or a value is out of its range.

    >>> model = build_model({"class": "anomaly.GaussianScorer", "grace_period": 10})
    >>> for value in [1.0, 2.0, 3.0] * 10:
    ...     model.learn_one({"value": value})
    >>> round(model.score_one({"value": 2.0}), 1), round(model.score_one({"value": 200.0}))
    (0.0, 12346)
    >>> build_model({"class": "anomaly.GaussianScorer", "window": 100})
    Traceback (most recent call last):
    detectors.models.river_safe.build.ModelNameError: anomaly.GaussianScorer has no parameter 'window'. Did you mean \
'window_size'? It takes: features, window_size, grace_period
    """
    return model_builder(named)()


def model_builder(named: Named) -> Callable[[], SafeAnomalyDetector[Any]]:
    """Return what makes new anomaly models, with River loaded.

    Raises:
        ModelNameError: as :func:`build_model`.
    """
    settings = _settings(ANOMALY_MODELS, named)
    if isinstance(settings, AnomalySettings):
        from detectors.models.river_safe.plain_models import PLAIN_MODELS  # noqa: PLC0415

        return partial(PLAIN_MODELS[type(settings)], settings)
    from detectors.models.river_safe.filters import FILTERS  # noqa: PLC0415

    return partial(FILTERS[type(settings)], settings)


def build_drift_detector(named: Named) -> SafeDriftDetector[Any]:
    """Return a new drift detector.

    Raises:
        ModelNameError: when there is no such detector or parameter, or a value is out of its range.

    >>> build_drift_detector("drift.DDM")
    Traceback (most recent call last):
    detectors.models.river_safe.build.ModelNameError: there is no drift detector 'drift.DDM'. Did you mean \
'drift.ADWIN'? There are: drift.ADWIN, drift.PageHinkley, drift.KSWIN
    """
    return drift_builder(named)()


def drift_builder(named: Named) -> Callable[[], SafeDriftDetector[Any]]:
    """Return what makes new drift detectors, with River loaded.

    Raises:
        ModelNameError: as :func:`build_drift_detector`.
    """
    settings = _settings(DRIFT_MODELS, named)

    from detectors.models.river_safe import drift_models  # noqa: PLC0415

    return partial(drift_models.DRIFT_MODELS[type(settings)], settings)


def _settings(models: TypeAdapter[Any], named: Named) -> Any:
    try:
        return models.validate_python(named)
    except ValidationError as error:
        raise ModelNameError("; ".join(_told(problem) for problem in error.errors())) from None


def _told(problem: Any) -> str:
    """Return what is wrong, with the path to it: keys of the settings, without the branches that pydantic adds."""
    where = ".".join(str(part) for part in problem["loc"] if "." not in str(part))
    reason = problem.get("ctx", {}).get("error", problem["msg"])
    return f"{where}: {reason}" if where else str(reason)
