"""Sentiment of English text by VADER's compound score, from -1 to 1.

Source: C. J. Hutto, E. Gilbert: VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text
(ICWSM 2014). The score of a text depends on the text alone.
"""

import re
from functools import lru_cache

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from config.enrichment import SentimentSettings

MAX_TEXT_CHARS = 5_000
"""Longer text is scored by its beginning: the time for a text grows faster than its length."""
_LANGUAGE = re.compile(r"[-_]")


def base_language(text: str) -> str:
    """Return a language without its region, in lower case.

    >>> base_language("en-GB")
    'en'
    """
    return _LANGUAGE.split(text.strip().lower(), maxsplit=1)[0]


class Sentiment:
    """Scores text, and remembers what it scored.

    Args:
        settings: which languages, and how many texts to remember.
    """

    def __init__(self, settings: SentimentSettings) -> None:
        self._languages = frozenset(base_language(language) for language in settings.languages)
        self._assumed = settings.assume
        self._analyzer = SentimentIntensityAnalyzer()
        self.score = lru_cache(settings.cache_size)(self._score)

    def reads(self, language: str) -> bool:
        """Return whether text in ``language`` (empty: not known) is scored."""
        return base_language(language or self._assumed) in self._languages

    def _score(self, text: str) -> float:
        """Return the compound score of a text, -1 (worst) to 1 (best)."""
        compound: float = self._analyzer.polarity_scores(text[:MAX_TEXT_CHARS])["compound"]
        return min(1.0, max(-1.0, compound))
