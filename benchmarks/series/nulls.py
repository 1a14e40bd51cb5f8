"""How often the model of a series calls a point rare, or opens an alert, where nothing is wrong.

python -m benchmarks.series.nulls --points 20000

For each kind of stream: the realised share of points at p <= 1e-2, 1e-3, 1e-4 over the nominal one, for the first 1,000
points and for the rest, and alerts in 1,000 points.
"""

import argparse
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.measure import table
from detectors.models.series import SeriesModel

Floats = npt.NDArray[np.float64]
Random = np.random.Generator
STEP_S = 300.0
_YOUNG = 1000


def _autoregressive(random: Random, points: int, share: float) -> Floats:
    values = np.empty(points)
    now = 0.0
    for i, push in enumerate(random.normal(size=points)):
        now = share * now + push
        values[i] = now
    return values


def _daily(points: int) -> Floats:
    wave: Floats = np.sin(2.0 * np.pi * np.arange(points) * STEP_S / 86_400.0)
    return wave


KINDS: dict[str, Callable[[Random, int], Floats]] = {
    "normal": lambda random, n: random.normal(size=n),
    "lognormal": lambda random, n: random.lognormal(size=n),
    "Student's t, 3": lambda random, n: random.standard_t(3, size=n),
    "exponential": lambda random, n: random.exponential(size=n),
    "AR(1) .9": lambda random, n: _autoregressive(random, n, 0.9),
    "AR(1) .99": lambda random, n: _autoregressive(random, n, 0.99),
    "day and noise": lambda random, n: _daily(n) + 0.2 * random.normal(size=n),
    "Poisson, 3": lambda random, n: random.poisson(3.0, size=n).astype(float),
    "Poisson of a day": lambda random, n: random.poisson(20.0 * (1.2 + _daily(n))).astype(float),
    "geometric": lambda random, n: random.negative_binomial(1, 0.1, size=n).astype(float),
    "shares of 40": lambda random, n: random.binomial(40, 0.1, size=n) / 40,
    "mostly zero": lambda random, n: np.where(random.uniform(size=n) < 0.03, 1.0 + random.poisson(2.0, size=n), 0.0),
    "Pareto 1.5": lambda random, n: random.pareto(1.5, size=n),
    "random walk": lambda random, n: np.cumsum(random.normal(size=n)),
    "trend and noise": lambda random, n: 0.001 * np.arange(n) + random.normal(size=n),
    "constant": lambda random, n: np.full(n, 7.0),
}


def judge(values: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return the p-values and alerts of a stream."""
    model = SeriesModel()
    p_values, alerts = [], []
    for i, value in enumerate(values.tolist()):
        score = model.score(STEP_S * i, value)
        p_values.append(score.p_value)
        alerts.append(score.alert)
        model.learn(STEP_S * i, value, score)
    return np.array(p_values), np.array(alerts)


def row(kind: str, points: int, seed: int) -> dict[str, object]:
    """Return the figures of one kind of stream."""
    found, alerts = judge(KINDS[kind](np.random.default_rng(seed), points))
    young, old = found[:_YOUNG], found[_YOUNG:]
    figures: dict[str, object] = {"stream": kind, "young 1e-2": f"{(young <= 1e-2).mean() / 1e-2:.2f}"}
    for power in (2, 3, 4):
        figures[f"1e-{power}"] = f"{(old <= 10.0**-power).mean() * 10.0**power:.2f}"
    figures["alerts young"] = f"{alerts[:_YOUNG].mean() * 1000.0:.1f}"
    figures["alerts"] = f"{alerts[_YOUNG:].mean() * 1000.0:.2f}"
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    print(table([row(kind, given.points, given.seed) for kind in KINDS]))


if __name__ == "__main__":
    main()
