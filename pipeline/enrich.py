"""Enrichment: events get the profile of their customer, and a sentiment where they carry text and none."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import structlog
from msgspec.structs import replace

from config.enrichment import ProfileSettings, SentimentSettings
from detectors.events import Event
from detectors.models.text.version import Header
from pipeline.profiles import BadRow, Profiles, ProfilesError, fingerprint_of, load_profiles
from pipeline.sentiment import language_of
from pipeline.sentiment_scoring import VersionedSentiment, build_sentiment

if TYPE_CHECKING:
    from pipeline.sentiment_live import LiveLearner

log = structlog.get_logger(__name__)
"""Classes of events whose data may carry a text: to look a class up costs less than ``isinstance``."""


class Enricher:
    """Completes events in place.

    Args:
        profiles: the table; None: there is none, and ``profile`` of events stays None.
        sentiment: how text without a sentiment gets one.

    Attributes:
        learner: learns from the events, where something does.

    Raises:
        ProfilesError: when the table cannot be read.
        VersionStoreError: when versions of a model that learned sentiment cannot be used.
    """

    def __init__(self, profiles: ProfileSettings | None, sentiment: SentimentSettings) -> None:
        self._settings = profiles
        self._sentiment = build_sentiment(sentiment)
        self.learner: LiveLearner | None = None
        self._fingerprint = None if profiles is None else fingerprint_of(profiles.path)
        self._profiles = Profiles({}, []) if profiles is None else load_profiles(profiles)
        self._report()

    def learn_with(self, learner: "LiveLearner | None") -> None:
        """Say what learns from the events that are completed here."""
        self.learner = learner
        if learner is not None and self._sentiment is not None:
            learner.published = self._sentiment.refresh

    @property
    def sentiment_version(self) -> Header | None:
        """What the version of the text model that is in force says of itself; None where there is none."""
        return self._sentiment.in_force if isinstance(self._sentiment, VersionedSentiment) else None

    @property
    def bad_rows(self) -> list[BadRow]:
        """Rows of the table that are no profiles."""
        return self._profiles.bad

    def enrich(self, events: Sequence[Event]) -> None:
        """Complete events: the profile by ``subject``; a sentiment by the text, if its language is one that is read."""
        profiles = self._profiles.by_customer
        if profiles:
            get = profiles.get
            for event in events:
                event.profile = get(event.subject)
        if self._sentiment is not None:
            score = self._sentiment.at
            for event in [event for event in events if event.data.text is not None]:
                text = event.data.text
                if text and event.data.sentiment is None and not text.isspace():
                    sentiment = score(text, language_of(event), event.time_us)
                    if sentiment is not None:
                        event.data = replace(event.data, sentiment=sentiment)

    def reload_if_changed(self) -> bool:
        """Read the table again if its file has changed; return whether it was read. Look for new versions of a model.

        A table that cannot be read any more is logged, and the profiles that are known stay.
        """
        if self._sentiment is not None:
            self._sentiment.refresh()
        if self._settings is None:
            return False
        fingerprint = fingerprint_of(self._settings.path)
        if fingerprint is None or fingerprint == self._fingerprint:
            return False
        self._fingerprint = fingerprint
        try:
            self._profiles = load_profiles(self._settings)
        except ProfilesError as error:
            log.warning("profiles.not_reloaded", error=str(error))
            return False
        self._report()
        return True

    def _report(self) -> None:
        bad = self._profiles.bad
        if bad:
            path = "" if self._settings is None else str(self._settings.path)
            first = [f"row {row.row}: {row.reason}: {row.detail}" for row in bad[:3]]
            log.warning("profiles.bad_rows", path=path, count=len(bad), first=first)
