"""How good sentiment is, and what it costs: ``python -m benchmarks.sentiment_study --data DIR``.

Three questions, on recordings of real texts (``DIR`` is laid out as the tests expect it, ``tests/support/data.py``):

* **intensity**: without any label, how do scores go with the mean of twenty people?
* **tweets**: to airlines, in the order of their time; a label is learned an hour after its tweet. Macro-F1 of three
  classes, of all tweets from the first one on. *strictly online*: by what was learned an hour ago; *versions*: by the
  version in force, and by the prior until the model is better.
* **reviews**: of lounges, by date; only ratings are learned. Does the score separate those who recommend from those who
  do not? The field is there since 2012; before, it is 0 for nearly everybody, whatever they write.

Every text is scored before its label is learned. River's own text pipelines run over the first tweets beside.
"""

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import correlation
from time import process_time
from typing import Any, NamedTuple

if __name__ == "__main__" and not __package__:
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from river import base, compose, feature_extraction, linear_model, multiclass, naive_bayes
from scipy.stats import rankdata
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from benchmarks.measure import machine, table
from config.enrichment import SentimentSettings
from detectors.models.text.features import features
from detectors.models.text.labels import label_of
from detectors.models.text.learner import Labelled, Learner, Rules
from detectors.models.text.linear import CLASSES, Prior, class_of, score_of
from detectors.models.text.online import OnlineText
from detectors.models.text.skill import confusion_of, f1_of, right_of
from detectors.models.text.version import Version
from pipeline.sentiment import Sentiment

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
Row = dict[str, object]
Priors = Callable[[str, str], Prior | None]


class Sample(NamedTuple):
    """A text of a stream: when it was written, its class by whoever labelled it, and what it is judged by."""

    time_us: int
    name: str
    text: str
    label: int
    judged: int


def airline_tweets(path: Path) -> list[Sample]:
    """Return the tweets in the order of their time, each once (the file repeats some)."""
    found: dict[str, Sample] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            label = CLASSES.index(row["airline_sentiment"])
            time = datetime.strptime(row["tweet_created"], "%Y-%m-%d %H:%M:%S %z")
            sample = Sample(int(time.timestamp()) * 1_000_000, row["tweet_id"], row["text"], label, label)
            found.setdefault(sample.name, sample)
    return sorted(found.values())


def lounge_reviews(path: Path) -> list[Sample]:
    """Return the reviews in the order of their date. A rating above 5 is on a scale of ten: it is positive."""
    found = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if row["overall_rating"]:
                label = label_of(min(5.0, float(row["overall_rating"])), "stars")
                time = datetime.strptime(row["date"], "%Y-%m-%d").replace(tzinfo=UTC)
                time_us, recommended = int(time.timestamp()) * 1_000_000, int(row["recommended"])
                found.append(Sample(time_us, f"{number:06d}", row["content"], label or 0, recommended))
    return sorted(found)


def rated_texts(path: Path) -> list[tuple[float, str]]:
    """Return the mean rating of twenty people, and the text."""
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
    return [(float(row[1]), row[2]) for row in rows]


def strictly_online(stream: Sequence[Sample], delay_us: int, priors: Priors) -> list[float]:
    """Return the score of every text by a model that has learned what was labelled ``delay_us`` before it."""
    model, at, scores = OnlineText(), 0, []
    prepared = [(features(one.text), priors(one.text, "en")) for one in stream]
    for one, (found, prior) in zip(stream, prepared, strict=True):
        while stream[at].time_us + delay_us <= one.time_us:
            model.learn(*prepared[at], stream[at].label, model.chances(*prepared[at]))
            at += 1
        scores.append(score_of(model.chances(found, prior)))
    return scores


def as_shipped(stream: Sequence[Sample], rules: Rules, priors: Priors) -> list[float]:
    """Return the score of every text by the version in force at its time, and by the prior where none is used."""
    labels = [Labelled(one.time_us, one.name, 0, one.text, "en", one.label) for one in stream]
    versions = Learner(rules, priors).take(labels, stream[-1].time_us + DAY_US)
    scores, at = [], 0
    version: Version | None = None
    for one in stream:
        while at < len(versions) and versions[at].header.in_force_us <= one.time_us:
            version, at = versions[at], at + 1
        prior = priors(one.text, "en")
        score = (None if prior is None else prior.compound) if version is None else version.score(one.text, "en", prior)
        scores.append(0.0 if score is None else score)
    return scores


def by_river(stream: Sequence[Sample], delay_us: int, model: Any) -> list[int]:
    """Return the class of every text by a pipeline of River's, which learns as ours does."""
    at, told = 0, []
    for one in stream:
        while stream[at].time_us + delay_us <= one.time_us:
            model.learn_one(stream[at].text, stream[at].label)
            at += 1
        told.append(model.predict_one(one.text) or 0)
    return told


def auc(truth: Sequence[int], scores: Sequence[float]) -> float:
    """Return how often one who recommends has a higher score than one who does not."""
    ranks, positive = rankdata(scores), sum(truth)
    above = sum(rank for rank, true in zip(ranks, truth, strict=True) if true) - positive * (positive + 1) / 2
    return float(above / (positive * (len(truth) - positive)))


def intensity(folder: Path, vader: SentimentIntensityAnalyzer, prior: Sentiment) -> list[Row]:
    """Answer the first question."""
    rows = []
    for name in ("tweets", "amazonReviewSnippets"):
        rated = rated_texts(folder / f"{name}_GroundTruth.txt")
        people = [rating for rating, _ in rated]
        row: Row = {"intensity": name, "texts": len(rated)}
        row["VADER r"] = round(correlation(people, [vader.polarity_scores(text)["compound"] for _, text in rated]), 4)
        row["ours r"] = round(correlation(people, [prior.score(text) for _, text in rated]), 4)
        rows.append(row)
    return rows


def tweets(path: Path, vader: SentimentIntensityAnalyzer, prior: Sentiment) -> list[Row]:
    """Answer the second question."""
    stream = airline_tweets(path)
    hourly = Rules(publish_every_us=HOUR_US, in_force_after_us=HOUR_US, hand_over_us=0)
    return [
        _classes("VADER", stream, lambda: _of([vader.polarity_scores(one.text)["compound"] for one in stream])),
        _classes("prior", stream, lambda: _of([prior.score(one.text) for one in stream])),
        _classes("strictly online", stream, lambda: _of(strictly_online(stream, HOUR_US, prior.prior))),
        _classes("the same without prior", stream, lambda: _of(strictly_online(stream, HOUR_US, nobody))),
        _classes("versions, hourly, at once", stream, lambda: _of(as_shipped(stream, hourly, prior.prior))),
        _classes("versions, as shipped", stream, lambda: _of(as_shipped(stream, Rules(), prior.prior))),
    ]


def rivers(path: Path, prior: Sentiment, count: int) -> list[Row]:
    """Run pipelines of River's over the first tweets, and ours over the same."""
    stream = airline_tweets(path)[:count]
    bayes: Callable[[], Any] = naive_bayes.MultinomialNB
    logistic = multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    models: dict[str, base.Estimator] = {
        "River words, naive Bayes": compose.Pipeline(feature_extraction.BagOfWords(), bayes()),
        "River words, logistic": compose.Pipeline(feature_extraction.BagOfWords(), logistic),
    }
    rows = [_classes("first: strictly online", stream, lambda: _of(strictly_online(stream, HOUR_US, prior.prior)))]
    for name, model in models.items():
        rows.append(_classes(f"first: {name}", stream, partial(by_river, stream, HOUR_US, model)))
    return rows


def reviews(path: Path, prior: Sentiment) -> list[Row]:
    """Answer the third question."""
    stream = lounge_reviews(path)
    told = {
        "prior": [prior.score(one.text) for one in stream],
        "strictly online": strictly_online(stream, DAY_US, prior.prior),
        "the same without prior": strictly_online(stream, DAY_US, nobody),
        "versions, as shipped": as_shipped(stream, Rules(), prior.prior),
        "(the rating itself, 1 to 5)": [float(one.label) for one in stream],
    }
    since_us = datetime(2012, 1, 1, tzinfo=UTC).timestamp() * 1e6
    known = [place for place, one in enumerate(stream) if one.time_us >= since_us]
    rows: list[Row] = []
    for name, scores in told.items():
        row: Row = {"reviews": name, "texts": len(stream)}
        row["AUC, all"] = round(auc([one.judged for one in stream], scores), 4)
        row["AUC, since 2012"] = round(auc([stream[place].judged for place in known], [scores[p] for p in known]), 4)
        rows.append(row)
    return rows


def speed(path: Path, vader: SentimentIntensityAnalyzer, prior: Sentiment) -> list[Row]:
    """Measure what a tweet costs, in microseconds."""
    stream = airline_tweets(path)[:4_000]
    texts = [one.text for one in stream]
    labels = [Labelled(one.time_us, one.name, 0, one.text, "en", one.label) for one in stream]
    known = {text: prior.prior(text, "en") for text in texts}
    learner = Learner(Rules(), lambda text, _: known.get(text))
    started_s = process_time()
    version = learner.take(labels, stream[-1].time_us + DAY_US)[-1]
    learned_us = round((process_time() - started_s) / len(texts) * 1e6, 1)
    beyond_us = _each_us(lambda text: version.tell(text, known[text]), texts)
    packed_s, data = process_time(), version.pack()
    packed_s = process_time() - packed_s
    return [
        {"cost": "VADER as it is", "us a tweet": _each_us(vader.polarity_scores, texts)},
        {"cost": "the prior: tidied, then VADER", "us a tweet": _each_us(prior.score, texts)},
        {"cost": "n-grams", "us a tweet": _each_us(features, texts)},
        {"cost": "beyond the prior: n-grams and score", "us a tweet": beyond_us},
        {"cost": "learning, with its score and figures", "us a tweet": learned_us},
        {"cost": f"packing a version of {len(data):,} bytes: {packed_s * 1000:.0f} ms", "us a tweet": None},
    ]


def nobody(text: str, language: str) -> None:
    """Read nothing: the model alone."""
    del text, language


def _of(scores: Iterable[float]) -> list[int]:
    return [class_of(score) for score in scores]


def _classes(name: str, stream: Sequence[Sample], run: Callable[[], list[int]]) -> Row:
    started_s = process_time()
    told = run()
    spent_us = (process_time() - started_s) / len(stream) * 1e6
    confusion = confusion_of([one.judged for one in stream], told)
    later = confusion_of([one.judged for one in stream[-5_000:]], told[-5_000:])
    return {
        "tweets": name,
        "texts": len(stream),
        "macro-F1": round(f1_of(confusion), 4),
        "of the last 5,000": round(f1_of(later), 4),
        "right": round(right_of(confusion), 4),
        "us a tweet": round(spent_us),
    }


def _each_us(run: Callable[[str], object], texts: Sequence[str]) -> float:
    def all_of_them() -> None:
        for text in texts:
            run(text)

    return min(_cost_us(all_of_them, len(texts)) for _ in range(3))


def _cost_us(run: Callable[[], object], count: int) -> float:
    started_s = process_time()
    run()
    return round((process_time() - started_s) / count * 1e6, 1)


def _shown(cell: object) -> object:
    """Return a share with four digits: the tables of benchmarks show two."""
    return f"{cell:.4f}" if isinstance(cell, float) and cell <= 1.0 else cell


def main() -> int:
    """Run all of it, print tables, and JSON in the last line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--river", type=int, default=3_000, help="first tweets that River's pipelines run over")
    options = parser.parse_args()
    started = machine()
    vader, prior = SentimentIntensityAnalyzer(), Sentiment(SentimentSettings(cache_size=0))
    airline = options.data / "airline_tweets" / "Tweets.csv"
    told: list[Row] = []
    for run in (
        partial(intensity, options.data / "sentiment", vader, prior),
        partial(tweets, airline, vader, prior),
        partial(rivers, airline, prior, options.river),
        partial(reviews, options.data / "skytrax" / "lounge.csv", prior),
        partial(speed, airline, vader, prior),
    ):
        rows = run()
        told += rows
        print(table([{name: _shown(cell) for name, cell in row.items()} for row in rows]), end="\n\n", flush=True)
    print(json.dumps({"rows": told, **started}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
