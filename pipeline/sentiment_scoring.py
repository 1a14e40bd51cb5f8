"""Scores text by the version of the model that is in force at the text's own time."""

from bisect import bisect_right
from functools import lru_cache

import structlog

from config.enrichment import SentimentSettings
from detectors.contract import NEVER_US
from detectors.models.text.version import Header, Told, Version
from pipeline.sentiment import Sentiment
from pipeline.sentiment_versions import Entry, FolderBlobs, VersionStore, VersionStoreError

log = structlog.get_logger(__name__)
_LOADED = 4
"""Versions in memory; events of one time need one, late ones the one before."""


class VersionedSentiment:
    """Scores text by the version in force, and by VADER where there is none, or none that is better.

    Args:
        settings: of sentiment.
        store: of the versions.

    Raises:
        VersionStoreError: when the versions, or the last of them, cannot be used.
    """

    def __init__(self, settings: SentimentSettings, store: VersionStore) -> None:
        self.prior = Sentiment(settings)
        self._store = store
        self._entries = store.entries()
        self._from_us = [entry.in_force_us for entry in self._entries]
        self._newest_us = NEVER_US
        self._version = lru_cache(_LOADED)(self._load)
        self._scored = lru_cache(settings.cache_size)(self._score)
        if self._entries:
            store.load(self._entries[-1])

    @property
    def entries(self) -> list[Entry]:
        """The versions that are known, by number."""
        return self._entries

    @property
    def in_force(self) -> Header | None:
        """What the version says of itself that is in force at the newest time that was scored; None: there is none."""
        version = self._version(bisect_right(self._from_us, self._newest_us))
        return None if version is None else version.header

    def at(self, text: str, named: str, time_us: int) -> float | None:
        """Return the score of a text at an event time, in a language as it is named; None where nobody can read it."""
        self._newest_us = max(self._newest_us, time_us)
        place = bisect_right(self._from_us, time_us)
        return self._scored(place, self.prior.language(named), text)

    def told_at(self, text: str, named: str, time_us: int) -> tuple[Version | None, Told | None]:
        """Return the version in force, and what it says of a text, used or not."""
        version = self._version(bisect_right(self._from_us, time_us))
        if version is None:
            return None, None
        language = self.prior.language(named)
        return version, version.tell(text, self.prior.prior(text, language))

    def _score(self, place: int, language: str, text: str) -> float | None:
        version = self._version(place)
        told = self.prior.prior(text, language)
        if version is not None:
            return version.score(text, language, told)
        return None if told is None else told.compound

    def _load(self, place: int) -> Version | None:
        """Return the version at ``place`` - 1; one that is damaged is as if it did not score any language."""
        if place == 0:
            return None
        try:
            return self._store.load(self._entries[place - 1])
        except VersionStoreError as error:
            log.error("sentiment.version_unusable", error=str(error))
            return None

    def refresh(self) -> None:
        """Look for new versions. Those that are known stay, also when the place cannot be read any more."""
        try:
            entries = self._store.entries()
        except (VersionStoreError, OSError) as error:
            log.warning("sentiment.versions_not_reloaded", error=str(error))
            return
        known = len(self._entries)
        if len(entries) <= known or entries[:known] != self._entries:
            if entries != self._entries:
                log.warning("sentiment.versions_changed", where=self._store.where, known=known, found=len(entries))
            return
        for entry in entries[known:]:
            behind_us = self._newest_us - entry.in_force_us
            log.info("sentiment.version", number=entry.number)
            if behind_us >= 0:
                # A replay will score by it what was scored without it here.
                log.warning("sentiment.version_late", number=entry.number, behind_s=behind_us // 1_000_000)
        self._entries = entries
        self._from_us = [entry.in_force_us for entry in entries]


def build_sentiment(settings: SentimentSettings) -> Sentiment | VersionedSentiment | None:
    """Return what scores text; None where the settings say that nothing does.

    Raises:
        VersionStoreError: when versions that the settings name cannot be used.
    """
    if settings.method == "none":
        return None
    if settings.learn is None:
        return Sentiment(settings)
    folder = settings.learn.versions
    return VersionedSentiment(settings, VersionStore(FolderBlobs(folder), str(folder)))
