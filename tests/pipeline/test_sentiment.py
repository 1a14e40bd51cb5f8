import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SentimentIntensityAnalyzer

from config.enrichment import SentimentSettings
from pipeline.sentiment import Sentiment
from pipeline.sentiment_tidy import tidy

VADER = SentimentIntensityAnalyzer()
KNOWN = frozenset({*VADER.lexicon, *BOOSTER_DICT, *NEGATE})
SENTIMENT = Sentiment(SentimentSettings())
HOSTILE = st.sampled_from(
    ["&", "&#", "&lt;3", "://", "www.", "aaa", "!!!", ".", "...a", "\u2019", "\ud800", "\x00", "not ", "kind of"]
)


@pytest.mark.parametrize(
    "text",
    [
        "I love it, great service!",
        "This is HORRIBLE!!!",
        "not good :( but ok",
        "meh",
        "",
        " ",
        "12:30",
        "\U0001f621 \U0001f600",
    ],
)
def test_without_labels_the_score_of_tidy_text_is_vaders(text: str) -> None:
    assert SENTIMENT.score(text) == SENTIMENT.at(text, "", 0) == VADER.polarity_scores(text)["compound"]


@pytest.mark.parametrize(
    ("text", "reads_as"),
    [
        ("I &lt;3 it &amp; you&#39;re great", "I <3 it & you're great"),
        ("I don\u2019t like it", "I don't like it"),
        ("see http://happy.example/love now", "see   now"),
        ("bad food.Awful room", "bad food. Awful room"),
        ("sooooo HAPPYYYY nooooot", "so HAPPY not"),
        ("goooood", "good"),
        ("grrr and zzz", "grrr and zzz"),
        ("e.g. 3.5 of U.S. stars", "e.g. 3.5 of U.S. stars"),
    ],
)
def test_text_is_tidied_as_people_read_it(text: str, reads_as: str) -> None:
    assert tidy(text, KNOWN) == reads_as
    assert SENTIMENT.score(text) == VADER.polarity_scores(reads_as)["compound"]


@given(
    st.lists(st.text(max_size=30) | HOSTILE, max_size=20).map("".join), st.sampled_from(["", "en", "EN-us", "de", "-"])
)
@settings(max_examples=150, deadline=None)
def test_any_text_in_any_language_is_scored_within_the_bounds_or_not_at_all(text: str, language: str) -> None:
    score = SENTIMENT.at(text, language, 0)
    assert score is None if language in {"de", "-"} else score is not None and -1 <= score <= 1


@pytest.mark.parametrize(
    "text", ["a" * 10_000_000, "ab" * 5_000_000, "\x00\xff" * 1_000_000, "&" * 5_000_000, "a.b" * 100_000]
)
def test_huge_texts_are_scored_by_their_beginning(text: str) -> None:
    assert -1 <= SENTIMENT.score(text) <= 1


def test_english_has_many_names_and_one_model() -> None:
    assert {SENTIMENT.language(name) for name in ("en", "EN_gb", "eng", "English", "")} == {"en"}
    assert SENTIMENT.language("pt-BR") == "pt"
    assert SENTIMENT.prior("great", "en") is not None
    assert SENTIMENT.prior("ok", "pt") is None
