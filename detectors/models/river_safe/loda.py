"""``anomaly.LODA`` on scaled features, with a state of plain numbers."""

import zlib

import msgspec
from river import anomaly
from river.sketch import histogram

from config.anomaly_settings import LODASettings
from detectors.models.river_safe.base import FeatureModel, untyped
from detectors.models.river_safe.envelope import StateError
from detectors.models.river_safe.scaling import Scaling, squeezed

_MEMORY = 1_000.0


class _Filled(anomaly.LODA):
    """LODA whose histograms have no holes.

    River's has no mass between two bins: in the midst of what is normal, a value that hits the gap between two of the
    ten bins scores as if it were impossible. Here a gap belongs to the bin that is nearer, and beyond the outermost
    bins density falls with the distance, as if one more value had been there.
    """

    @staticmethod
    def _density(histogram: histogram.Histogram, z: float) -> float:
        bins, count = histogram.data, histogram.n
        last = len(bins) - 1
        if last < 0:
            return 0.0
        at = 0
        while at < last and z > 0.5 * (bins[at].right + bins[at + 1].left):
            at += 1
        here = bins[at]
        if last == 0 and here.left == here.right:  # a constant
            return 1.0 if z == here.left else 0.0
        left = here.left if at == 0 else 0.5 * (bins[at - 1].right + here.left)
        right = here.right if at == last else 0.5 * (here.right + bins[at + 1].left)
        width = right - left
        beyond = max(left - z, z - right)
        if beyond <= 0.0:
            return float(here.count / count / width)
        return float(width / (width + beyond) ** 2 / (count + 1))


class LODAState(msgspec.Struct, array_like=True, frozen=True):
    """Plain state: scales by feature, number of values, bins (left, right, count) by projection, digest of these."""

    scales: list[Scaling]
    count: int
    bins: list[list[tuple[float, float, int]]]
    projections: int


class SafeLODA(FeatureModel[LODASettings]):
    """LODA (Pevny 2016): mean negative log density over histograms of random projections; at most 27.7.

    Features are scaled by learned mean and spread and squeezed: unscaled, the largest unit would be all that a
    projection sees, and a giant outlier would stretch the bins for good.
    """

    def _start(self) -> None:
        self._scales = [Scaling(memory=_MEMORY) for _ in self.features]
        settings = self.settings
        self._model = untyped(_Filled(n_bins=settings.n_bins, n_random_cuts=settings.n_random_cuts, seed=settings.seed))
        # It draws its projections from the names of the first observation; this one is taken back.
        self._model.learn_one(dict.fromkeys(self.features, 0.0))
        for cut in self._model.histograms_:
            cut.data, cut.n = [], 0

    def _score(self, values: list[float | None]) -> float:
        if self._model.histograms_[0].n == 0:
            return 0.0
        return float(self._model.score_one(squeezed(self.features, self._scales, values)))

    def _learn(self, values: list[float]) -> None:
        for scale, value in zip(self._scales, values, strict=True):
            scale.learn(value)
        self._model.learn_one(squeezed(self.features, self._scales, values))

    def _projections(self) -> int:
        return zlib.crc32(msgspec.msgpack.encode([sorted(cut.items()) for cut in self._model.projections_]))

    def _plain(self) -> LODAState:
        return LODAState(
            scales=self._scales,
            count=self._model.histograms_[0].n,
            bins=[[(b.left, b.right, b.count) for b in cut.data] for cut in self._model.histograms_],
            projections=self._projections(),
        )

    def _take(self, payload: bytes) -> None:
        state = msgspec.msgpack.decode(payload, type=LODAState)
        if state.projections != self._projections():
            msg = "this version of River projects otherwise than the one that wrote the state; let it learn anew"
            raise StateError(msg)
        self._scales = state.scales
        new_bin = untyped(histogram.Bin)
        for cut, bins in zip(self._model.histograms_, state.bins, strict=True):
            cut.data, cut.n = [new_bin(*one) for one in bins], state.count
