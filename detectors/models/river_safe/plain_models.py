"""Makes the models that score by themselves, from their settings."""

from typing import Any

from config.anomaly_settings import (
    AnomalySettings,
    GaussianScorerSettings,
    HalfSpaceTreesSettings,
    LocalOutlierFactorSettings,
    LODASettings,
    OneClassSVMSettings,
    PredictiveAnomalyDetectionSettings,
    StandardAbsoluteDeviationSettings,
)
from detectors.models.river_safe.base import FeatureModel
from detectors.models.river_safe.gaussian import SafeGaussianScorer
from detectors.models.river_safe.half_space_trees import SafeHalfSpaceTrees
from detectors.models.river_safe.local_outlier_factor import SafeLocalOutlierFactor
from detectors.models.river_safe.loda import SafeLODA
from detectors.models.river_safe.one_class_svm import SafeOneClassSVM
from detectors.models.river_safe.predictive import SafePredictiveAnomalyDetection
from detectors.models.river_safe.standard_deviation import SafeStandardAbsoluteDeviation

PLAIN_MODELS: dict[type[AnomalySettings], type[FeatureModel[Any]]] = {
    GaussianScorerSettings: SafeGaussianScorer,
    HalfSpaceTreesSettings: SafeHalfSpaceTrees,
    LODASettings: SafeLODA,
    LocalOutlierFactorSettings: SafeLocalOutlierFactor,
    OneClassSVMSettings: SafeOneClassSVM,
    PredictiveAnomalyDetectionSettings: SafePredictiveAnomalyDetection,
    StandardAbsoluteDeviationSettings: SafeStandardAbsoluteDeviation,
}
"""The wrapper by the class of its settings."""


def plain_model(settings: AnomalySettings) -> FeatureModel[Any]:
    """Return a new model for its settings."""
    return PLAIN_MODELS[type(settings)](settings)
