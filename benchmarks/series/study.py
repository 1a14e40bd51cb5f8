"""Judges results of benchmarks/nab.py and benchmarks/kpi.py: at the optimum, held out, and by the product's decisions.

python -m benchmarks.series.study nab --data DIR --results DIR
python -m benchmarks.series.study kpi --results DIR

NAB: *optimum*, the threshold tuned on all series, as NAB does it; *left out*, chosen on all categories but one and
scored on that, sums taken before normalising; *halves*, chosen on a random half of every category and scored on the
other, mean of 200; *decisions*, the column ``alert``. KPI: *tuned*, on all series; *halves*, chosen on one half of the
series and scored on the other, both ways, counts pooled: the first against the last by name, even against odd, and mean
of 200 random cuts; *decisions*, the column ``alert``, and every point whose score reaches what an alert needs.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.measure import table as text_table
from benchmarks.series import kpiscore, nabscore
from detectors.models.series import LEAST_NOVELTY

Floats = npt.NDArray[np.float64]
_CUTS = 200


def columns(path: Path, *names: str) -> list[Floats]:
    """Return columns of a CSV file as numbers."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [np.array([float(row[name]) for row in rows]) for name in names]


def _cuts(groups: list[list[int]]) -> Iterator[tuple[list[int], list[int]]]:
    random = np.random.default_rng(0)
    for _ in range(_CUTS):
        one: list[int] = []
        other: list[int] = []
        for group in groups:
            mixed = random.permutation(group).tolist()
            one += mixed[: len(mixed) // 2]
            other += mixed[len(mixed) // 2 :]
        yield one, other


def nab(data: Path, results: Path) -> list[dict[str, object]]:
    """Return one row for each way to choose the threshold."""
    series = nabscore.corpus(data)
    read = [columns(results / one.name, "anomaly_score", "alert") for one in series]
    everyone = list(range(len(series)))
    categories = sorted({one.category for one in series})
    groups = [[i for i in everyone if series[i].category == category] for category in categories]
    rows: dict[str, dict[str, object]] = {
        name: {"threshold": name} for name in ("optimum", "left out", "halves", "decisions")
    }
    for name, profile in nabscore.PROFILES.items():
        scored = nabscore.table(series, [score for score, _ in read], profile)
        best = scored.best(everyone)
        rows["optimum"][name] = scored.score(everyone, best)
        rows["optimum"][f"at ({name})"] = float(scored.thresholds[best])
        held = 0.0
        for group in groups:
            chosen = scored.best([i for i in everyone if i not in group])
            held += float(scored.earned[group, chosen].sum())
        rows["left out"][name] = scored.normalised(held, float(scored.windows.sum()))
        rows["halves"][name] = float(
            np.mean(
                [
                    scored.score(b, scored.best(a))
                    for one, other in _cuts(groups)
                    for a, b in ((one, other), (other, one))
                ]
            )
        )
        decided = nabscore.table(series, [alert for _, alert in read], profile)
        rows["decisions"][name] = decided.score(everyone, int(np.flatnonzero(decided.thresholds == 1.0)[0]))
    normal = sum(int((one.window[one.start :] < 0).sum()) for one in series)
    false = sum(
        int(alert[one.start :][one.window[one.start :] < 0].sum()) for one, (_, alert) in zip(series, read, strict=True)
    )
    rows["decisions"]["false alerts"] = false
    rows["decisions"]["per 1000 points"] = round(1000.0 * false / normal, 3)
    return list(rows.values())


def kpi(results: Path) -> list[dict[str, object]]:
    """Return one row for each way to choose the threshold."""
    files = sorted(results.glob("*.csv"))
    read = [columns(path, "label", "score", "alert") for path in files]
    labels = [label.astype(np.int64) for label, _, _ in read]
    scores = [score for _, score, _ in read]
    normal = np.concatenate([score[label == 0] for label, score in zip(labels, scores, strict=True)])
    levels = np.unique(np.quantile(normal, 1.0 - np.geomspace(2e-6, 0.05, 400)))
    counted = kpiscore.counts(labels, scores, levels)
    everyone = list(range(len(files)))
    tuned = counted.f1(everyone)
    rows: list[dict[str, object]] = [
        _told("tuned", counted, everyone, int(tuned.argmax()), float(levels[tuned.argmax()]))
    ]
    middle = len(files) // 2
    rows.append({"threshold": "first and last half", "F1": _pooled(counted, everyone[:middle], everyone[middle:])})
    rows.append({"threshold": "even and odd", "F1": _pooled(counted, everyone[::2], everyone[1::2])})
    cuts = [_pooled(counted, one, other) for one, other in _cuts([everyone])]
    rows.append({"threshold": "halves at random", "F1": float(np.mean(cuts)), "sd": float(np.std(cuts))})
    decided = kpiscore.counts(labels, [alert for _, _, alert in read], np.array([1.0]))
    rows.append(_told("decisions", decided, everyone, 0, 1.0))
    least = kpiscore.counts(labels, scores, np.array([LEAST_NOVELTY]))
    rows.append(_told("score as for an alert", least, everyone, 0, LEAST_NOVELTY))
    return rows


def _told(name: str, counted: kpiscore.Counts, series: list[int], level: int, at: float) -> dict[str, object]:
    found, false, missed = (float(part[series, level].sum()) for part in counted)
    return {
        "threshold": name,
        "F1": float(counted.f1(series)[level]),
        "precision": found / max(1.0, found + false),
        "recall": found / max(1.0, found + missed),
        "at": at,
    }


def _pooled(counted: kpiscore.Counts, one: list[int], other: list[int]) -> float:
    sums = np.zeros(3)
    for chosen_on, scored_on in ((one, other), (other, one)):
        level = int(counted.f1(chosen_on).argmax())
        sums += [float(part[scored_on, level].sum()) for part in counted]
    found, false, missed = sums.tolist()
    return 2.0 * found / max(1.0, 2.0 * found + false + missed)


def _cells(rows: list[dict[str, object]], digits: int) -> list[dict[str, object]]:
    return [
        {key: f"{cell:.{digits}f}" if isinstance(cell, float) else cell for key, cell in row.items()} for row in rows
    ]


def main(arguments: list[str] | None = None) -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("kind", choices=("nab", "kpi"))
    parser.add_argument("--data", type=Path, help="NAB: folder with data/ and labels/")
    parser.add_argument("--results", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.kind == "kpi":
        print(text_table(_cells(kpi(given.results), 3)))
    elif given.data is None:
        parser.error("nab: --data is missing")
    else:
        print(text_table(_cells(nab(given.data, given.results), 2)))


if __name__ == "__main__":
    main()
