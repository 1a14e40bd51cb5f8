from statistics import correlation

import pytest

from config.enrichment import SentimentSettings
from pipeline.sentiment import Sentiment
from tests.support.data import data_path


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "floor"),
    # Measured: 0.872 over 4,200 tweets, 0.590 over 3,708 snippets of reviews.
    [("tweets_GroundTruth.txt", 0.86), ("amazonReviewSnippets_GroundTruth.txt", 0.57)],
)
def test_scores_agree_with_the_mean_of_twenty_people(name: str, floor: float) -> None:
    sentiment = Sentiment(SentimentSettings())
    lines = data_path("sentiment", name).read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line.split("\t", 2) for line in lines if line.count("\t") >= 2]
    assert len(rows) > 3_500
    people = [float(row[1]) for row in rows]
    ours = [sentiment.score(row[2]) for row in rows]
    assert correlation(people, ours) > floor
