"""Settings of River's anomaly models that score by themselves. :mod:`config.models` names them all.

Names and parameters are River's own, so that its documentation holds. Where a default differs, the attribute says so.
Seeds are always set: without one, the same events would give other scores.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.base import SettingsModel

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
FeatureNames = Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]


class AnomalySettings(SettingsModel):
    """What all anomaly models have.

    Attributes:
        features: names of the features to look at, known from the start. Without it: those of the first observation in
            which every feature has a finite number.
    """

    features: FeatureNames | None = None


class HalfSpaceTreesSettings(AnomalySettings):
    """Half-space trees: an isolation forest that learns online. Scores in [0, 1).

    Attributes:
        class_: which model it is.
        n_trees: number of trees.
        height: of each tree; a tree has ``2 ** (height + 1) - 1`` nodes.
        window_size: observations after which what was counted becomes the reference. Until the first, scores are 0.
        limits: least and greatest value by feature. A feature without limits is scaled by its learned mean and spread.
        seed: of the splits.
    """

    class_: Literal["anomaly.HalfSpaceTrees"] = Field(default="anomaly.HalfSpaceTrees", alias="class")
    n_trees: int = Field(default=10, ge=1, le=200)
    height: int = Field(default=8, ge=1, le=14)
    window_size: int = Field(default=250, ge=2, le=100_000)
    limits: dict[str, tuple[float, float]] = Field(default_factory=dict)
    seed: Seed = 0

    @model_validator(mode="after")
    def _limits_have_width(self) -> Self:
        for name, (low, high) in self.limits.items():
            if low >= high:
                msg = f"limits of {name}: {low} is not below {high}; write [least, greatest]"
                raise ValueError(msg)
        return self


class LODASettings(AnomalySettings):
    """LODA: histograms of random projections. Scores are negative mean log densities, at most 27.7.

    Attributes:
        class_: which model it is.
        n_bins: most bins of a histogram.
        n_random_cuts: number of projections; costs about 3 us each to score.
        seed: of the projections.
    """

    class_: Literal["anomaly.LODA"] = Field(default="anomaly.LODA", alias="class")
    n_bins: int = Field(default=10, ge=2, le=256)
    n_random_cuts: int = Field(default=100, ge=1, le=1_000)
    seed: Seed = 0


class LocalOutlierFactorSettings(AnomalySettings):
    """Local outlier factor: how much sparser it is here than around the neighbours. Scores from -1; 0 is "as dense".

    Attributes:
        class_: which model it is.
        n_neighbors: neighbours that are looked at.
        window_size: recent observations that are kept. River's own is 1000; a score costs time with both.
    """

    class_: Literal["anomaly.LocalOutlierFactor"] = Field(default="anomaly.LocalOutlierFactor", alias="class")
    n_neighbors: int = Field(default=10, ge=1, le=100)
    window_size: int = Field(default=200, ge=10, le=10_000)

    @model_validator(mode="after")
    def _has_neighbours(self) -> Self:
        if self.n_neighbors >= self.window_size:
            msg = f"n_neighbors ({self.n_neighbors}) must be below window_size ({self.window_size})"
            raise ValueError(msg)
        return self


class OneClassSVMSettings(AnomalySettings):
    """One-class support vector machine, learned by stochastic gradients on random Fourier features.

    Scores above 0 lie outside what was learned.

    Attributes:
        class_: which model it is.
        nu: share of observations that may lie outside.
        learning_rate: of the weights.
        intercept_lr: learning rate of the margin.
        gamma: width of the kernel, in standard deviations to the power of -2.
        n_components: random Fourier features for each feature.
        seed: of the random features.
    """

    class_: Literal["anomaly.OneClassSVM"] = Field(default="anomaly.OneClassSVM", alias="class")
    nu: Share = 0.1
    learning_rate: Share = 0.01
    intercept_lr: Share = 0.01
    gamma: float = Field(default=0.5, gt=0.0, le=100.0)
    n_components: int = Field(default=30, ge=1, le=1_000)
    seed: Seed = 0


class GaussianScorerSettings(AnomalySettings):
    """Gaussian tail of each feature. Scores are -log10 of the two-sided tail probability, without an upper end.

    Attributes:
        class_: which model it is.
        window_size: recent values that are looked at; without it all of them.
        grace_period: values before which scores are 0. At most ``window_size``.
    """

    class_: Literal["anomaly.GaussianScorer"] = Field(default="anomaly.GaussianScorer", alias="class")
    window_size: int | None = Field(default=None, ge=3, le=100_000)
    grace_period: int = Field(default=100, ge=2, le=100_000)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.window_size is not None and self.window_size < self.grace_period:
            msg = (
                f"a window of {self.window_size} values never reaches grace_period ({self.grace_period}): "
                "make the one larger or the other smaller"
            )
            raise ValueError(msg)
        return self


class StandardAbsoluteDeviationSettings(AnomalySettings):
    """Distance of each feature from its mean or median, in standard deviations of all values seen.

    Attributes:
        class_: which model it is.
        sub_stat: what distances are measured from.
    """

    class_: Literal["anomaly.StandardAbsoluteDeviation"] = Field(
        default="anomaly.StandardAbsoluteDeviation", alias="class"
    )
    sub_stat: Literal["mean", "median"] = "mean"


class HoltWintersSettings(SettingsModel):
    """Holt-Winters forecaster: level, trend and season by exponential smoothing.

    Attributes:
        class_: which model it is.
        alpha: smoothing of the level.
        beta: smoothing of the trend; without it there is no trend.
        gamma: smoothing of the season.
        seasonality: values in a season; 0 for none.
        multiplicative: whether season multiplies the level, for values above 0.
    """

    class_: Literal["time_series.HoltWinters"] = Field(default="time_series.HoltWinters", alias="class")
    alpha: Share = 0.3
    beta: Share | None = None
    gamma: Share | None = None
    seasonality: int = Field(default=0, ge=0, le=10_080)
    multiplicative: bool = False

    @model_validator(mode="after")
    def _season_is_whole(self) -> Self:
        if self.seasonality == 1:
            msg = "a season has at least 2 values; write seasonality: 0 for none"
            raise ValueError(msg)
        if self.seasonality and (self.gamma is None or self.beta is None):
            msg = "a season needs beta and gamma, the smoothing of trend and season"
            raise ValueError(msg)
        return self


class PredictiveAnomalyDetectionSettings(AnomalySettings):
    """Squared error of a forecast, as a share of a learned threshold: from 0, 1 is at the threshold, without upper end.

    Attributes:
        class_: which model it is.
        predictive_model: the forecaster.
        n_std: standard deviations of squared errors above their mean at which the threshold lies.
        warmup_period: values before which scores are 0; at least what the forecaster needs to begin.
    """

    class_: Literal["anomaly.PredictiveAnomalyDetection"] = Field(
        default="anomaly.PredictiveAnomalyDetection", alias="class"
    )
    predictive_model: HoltWintersSettings = HoltWintersSettings()
    n_std: float = Field(default=3.0, gt=0.0, le=100.0)
    warmup_period: int = Field(default=30, ge=0, le=100_000)
