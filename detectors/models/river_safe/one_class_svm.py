"""``anomaly.OneClassSVM`` on scaled features, with its score the right way up."""

import zlib

import msgspec
from river import anomaly, feature_extraction, optim

from config.anomaly_settings import OneClassSVMSettings
from detectors.models.river_safe.base import FeatureModel, untyped
from detectors.models.river_safe.envelope import StateError
from detectors.models.river_safe.scaling import Scaling, squeezed

_MEMORY = 1_000.0
Fourier = dict[tuple[str, int], float]


class OneClassSVMState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: scales by feature, steps, margin, weights in order of feature and component, digest of these."""

    scales: list[Scaling]
    steps: int
    intercept: float
    weights: list[float]
    components: int


class SafeOneClassSVM(FeatureModel[OneClassSVMSettings]):
    """One-class support vector machine (Schoelkopf et al. 2001) on random Fourier features (Rahimi and Recht 2007).

    The score is the margin minus the projection: above 0 an observation lies outside. River's own class returns the
    projection alone, which is highest in the middle of what was learned: outliers come last. Its learning is right and
    used as it is.
    """

    def _start(self) -> None:
        settings = self.settings
        self._scales = [Scaling(memory=_MEMORY) for _ in self.features]
        self._fourier = untyped(
            feature_extraction.RBFSampler(gamma=settings.gamma, n_components=settings.n_components, seed=settings.seed)
        )
        self._fourier.transform_one(dict.fromkeys(self.features, 0.0))  # it draws when it first sees a name
        self._new_model()

    def _new_model(self) -> None:
        self._steps = 0
        self._model = untyped(
            anomaly.OneClassSVM(
                nu=self.settings.nu,
                optimizer=optim.SGD(self.settings.learning_rate),
                intercept_lr=self.settings.intercept_lr,
            )
        )

    def _transformed(self, values: list[float] | list[float | None]) -> Fourier:
        found: Fourier = self._fourier.transform_one(squeezed(self.features, self._scales, values))
        return found

    def _score(self, values: list[float | None]) -> float:
        if self._steps == 0:
            return 0.0
        # It learns max(0, 1 - (projection + intercept)): what lies inside has projection + intercept of at least 1.
        return 1.0 - float(self._model.intercept) - float(self._model.score_one(self._transformed(values)))

    def _learn(self, values: list[float]) -> None:
        for scale, value in zip(self._scales, values, strict=True):
            scale.learn(value)
        self._model.learn_one(self._transformed(values))
        self._steps += 1

    def _keys(self) -> list[tuple[str, int]]:
        return [(name, component) for name in self.features for component in range(self.settings.n_components)]

    def _components(self) -> int:
        drawn = [self._fourier.weights[name] for name in self.features]
        return zlib.crc32(msgspec.msgpack.encode([*drawn, self._fourier.offsets]))

    def _plain(self) -> OneClassSVMState:
        weights = self._model.weights
        return OneClassSVMState(
            scales=self._scales,
            steps=self._steps,
            intercept=float(self._model.intercept),
            weights=[float(weights.get(key, 0.0)) for key in self._keys()],
            components=self._components(),
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=OneClassSVMState)
        if state.components != self._components():
            msg = "this version of River draws other features than the one that wrote the state; let it learn anew"
            raise StateError(msg)
        self._scales, self._steps = state.scales, state.steps
        self._model.intercept = state.intercept
        self._model.optimizer.n_iterations = state.steps
        for key, weight in zip(self._keys(), state.weights, strict=True):
            self._model._weights[key] = weight
