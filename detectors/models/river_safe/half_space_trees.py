"""``anomaly.HalfSpaceTrees`` with features scaled into the [0, 1] that it needs, and a state of plain numbers."""

import zlib

import msgspec
from river import anomaly

from config.anomaly_settings import HalfSpaceTreesSettings
from detectors.models.river_safe.base import FeatureModel, untyped
from detectors.models.river_safe.envelope import StateError
from detectors.models.river_safe.scaling import Scaling

_RANGE = 8.0
"""Spreads from the middle of the range to its edge."""
_MEMORY_WINDOWS = 4.0
"""Windows of the trees after which the scale has forgotten: slower than the trees, or they would count what moves."""


class HalfSpaceTreesState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: scales by feature, counter, whether the first window is not over, masses, digest of the splits."""

    scales: list[Scaling]
    counter: int
    first_window: bool
    learning: list[int]
    reference: list[int]
    splits: int


class SafeHalfSpaceTrees(FeatureModel[HalfSpaceTreesSettings]):
    """Half-space trees (Tan, Ting and Liu 2011): how empty the leaf is in which an observation ends. Scores in [0, 1).

    River's own class wants features in [0, 1]; a ``MinMaxScaler`` before it gives all of that to the first giant
    outlier. Here a feature with limits is scaled by them, any other so that the range is 8 spreads to either side of
    its learned mean; what lies beyond is at the edge. (Of several ways to press long ends together none told outliers
    apart better, the more features the less.)
    """

    def _start(self) -> None:
        settings = self.settings
        self._scales = [Scaling(memory=max(2.0, _MEMORY_WINDOWS * settings.window_size)) for _ in self.features]
        self._trees = untyped(
            anomaly.HalfSpaceTrees(
                n_trees=settings.n_trees,
                height=settings.height,
                window_size=settings.window_size,
                seed=settings.seed,
            )
        )
        # It builds its trees from the names of the first observation; this one is taken back.
        self._trees.learn_one(dict.fromkeys(self.features, 0.5))
        self._nodes = [node for tree in self._trees.trees for node in tree.iter_dfs()]
        self._restore_masses([0] * len(self._nodes), [0] * len(self._nodes), counter=0, first_window=True)

    def _restore_masses(self, learning: list[int], reference: list[int], *, counter: int, first_window: bool) -> None:
        for node, l_mass, r_mass in zip(self._nodes, learning, reference, strict=True):
            node.l_mass, node.r_mass = l_mass, r_mass
        self._trees.counter = counter
        self._trees._first_window = first_window

    def _place(self, index: int, value: float) -> float:
        limits = self.settings.limits.get(self.features[index])
        if limits is not None:
            return min(1.0, max(0.0, (value - limits[0]) / (limits[1] - limits[0])))
        return min(1.0, max(0.0, 0.5 + self._scales[index].score(value) / (2.0 * _RANGE)))

    def _score(self, values: list[float | None]) -> float:
        # What is missing sits in the middle of what is normal: without it, a walk follows where most went.
        placed = {
            name: self._place(index, value)
            for index, (name, value) in enumerate(zip(self.features, values, strict=True))
            if value is not None
        }
        return float(self._trees.score_one(placed))

    def _learn(self, values: list[float]) -> None:
        for scale, value in zip(self._scales, values, strict=True):
            scale.learn(value)
        self._trees.learn_one({name: self._place(index, values[index]) for index, name in enumerate(self.features)})

    def _splits(self) -> int:
        """Return a digest of how the trees are cut: masses mean nothing in other trees."""
        cuts = [(node.feature, node.threshold) for node in self._nodes if hasattr(node, "threshold")]
        return zlib.crc32(msgspec.msgpack.encode(cuts))

    def _plain(self) -> HalfSpaceTreesState:
        return HalfSpaceTreesState(
            scales=self._scales,
            counter=self._trees.counter,
            first_window=self._trees._first_window,
            learning=[node.l_mass for node in self._nodes],
            reference=[node.r_mass for node in self._nodes],
            splits=self._splits(),
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=HalfSpaceTreesState)
        if state.splits != self._splits():
            msg = (
                "this version of River cuts its trees elsewhere than the one that wrote the state; let them learn anew"
            )
            raise StateError(msg)
        self._scales = state.scales
        self._restore_masses(state.learning, state.reference, counter=state.counter, first_window=state.first_window)
