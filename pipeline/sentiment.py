"""Sentiment of text, from -1 to 1: by VADER, and by a model that learned from surveys where that is better.

Source: C. J. Hutto, E. Gilbert: VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text
(ICWSM 2014). VADER's score of a text depends on the text alone, a version's on the text and its language.
"""

import re
from functools import lru_cache

from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SentimentIntensityAnalyzer

from config.enrichment import SentimentSettings
from detectors.events import Event
from detectors.models.text.linear import Prior
from pipeline.sentiment_tidy import tidy

MAX_TEXT_CHARS = 5_000
"""Longer text is scored by its beginning: the time for a text grows faster than its length."""
_LANGUAGE = re.compile(r"[-_]")


def base_language(text: str) -> str:
    """Return a language without its region, in lower case.

    >>> base_language("en-GB")
    'en'
    """
    return _LANGUAGE.split(text.strip().lower(), maxsplit=1)[0]


def language_of(event: Event) -> str:
    """Return the language that an event or its customer's profile names, or nothing."""
    return event.data.labels.get("language") or ("" if event.profile is None else event.profile.language)


class Sentiment:
    """Scores text by VADER, and remembers what it scored.

    Args:
        settings: which languages, and how many texts to remember.
    """

    def __init__(self, settings: SentimentSettings) -> None:
        self._languages = frozenset(base_language(language) for language in settings.languages)
        self._assumed = settings.assume
        self._analyzer = SentimentIntensityAnalyzer()
        self._known = frozenset({*self._analyzer.lexicon, *BOOSTER_DICT, *NEGATE})
        self.score = lru_cache(settings.cache_size)(self._score)

    def language(self, named: str) -> str:
        """Return what language text is taken for; ``named`` is what is known of it. The same for ``en`` and ``eng``."""
        language = base_language(named or self._assumed)
        return _READ if language in self._languages else language

    def reads(self, language: str) -> bool:
        """Return whether text in ``language`` (empty: not known) is scored."""
        return self.language(language) == _READ

    def at(self, text: str, named: str, time_us: int) -> float | None:
        """Return the score of a text at an event time, in a language as it is named; None where nobody can read it."""
        del time_us
        return self.score(text) if self.reads(named) else None

    def prior(self, text: str, language: str) -> Prior | None:
        """Return all that VADER says of a text in a language as :meth:`language` returns it."""
        return self._tell(text) if language == _READ else None

    def refresh(self) -> None:
        """Do nothing: VADER never changes."""

    def _score(self, text: str) -> float:
        """Return the compound score of a text, -1 (worst) to 1 (best)."""
        return self._tell(text).compound

    def _tell(self, text: str) -> Prior:
        told = self._analyzer.polarity_scores(tidy(text[:MAX_TEXT_CHARS], self._known))
        return Prior(min(1.0, max(-1.0, told["compound"])), told["pos"], told["neg"])


_READ = "en"
"""What all languages that VADER reads are called: they are English, by whatever name."""
