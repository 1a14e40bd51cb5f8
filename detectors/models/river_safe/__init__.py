"""River's models, wrapped so that its defects and hostile input cannot hurt. Built by name with :func:`build_model`.

What each wrapper mends is in its docstring; ``tests/detectors/test_river_defects.py`` shows every defect in River
itself, and fails when River has mended it.
"""

from detectors.models.river_safe.base import SafeAnomalyDetector
from detectors.models.river_safe.build import (
    ModelNameError,
    build_drift_detector,
    build_model,
    drift_builder,
    model_builder,
)
from detectors.models.river_safe.drift import SafeDriftDetector
from detectors.models.river_safe.envelope import StateError

__all__ = [
    "ModelNameError",
    "SafeAnomalyDetector",
    "SafeDriftDetector",
    "StateError",
    "build_drift_detector",
    "build_model",
    "drift_builder",
    "model_builder",
]
