"""How good the scores are that the flow gives: compared with what customers answered, text by text."""

import msgspec

from config.settings import Settings
from detectors.models.text.learner import Labelled
from detectors.models.text.linear import CLASSES, class_of
from detectors.models.text.skill import f1_of, right_of
from pipeline.sentiment_learning import learn_settings, read_labels
from pipeline.sentiment_scoring import VersionedSentiment
from pipeline.sentiment_versions import FolderBlobs, VersionStore


class Judgement(msgspec.Struct, frozen=True):
    """Figures of one language.

    Attributes:
        labels: texts with an answer on a known scale, by class.
        by_model: in how many scores the model has a share; the others are VADER's, or nobody's.
        unscored: how many have no score.
        vader_right, right: shares of the scored texts whose class VADER, and the flow, tells right; None: there is
            none to tell of.
        vader_f1, f1: macro-F1 of the same texts.
    """

    language: str
    labels: dict[str, int]
    by_model: int
    unscored: int
    vader_right: float | None
    right: float | None
    vader_f1: float | None
    f1: float | None


class _Tally:
    """Counts of one language."""

    def __init__(self) -> None:
        self.labels = [0] * len(CLASSES)
        self.by_model = self.unscored = 0
        self.scored = [[0] * len(CLASSES) for _ in CLASSES]
        self.vader = [[0] * len(CLASSES) for _ in CLASSES]

    def judgement(self, language: str) -> Judgement:
        """Return the figures."""
        vader, scored = any(map(any, self.vader)), any(map(any, self.scored))
        return Judgement(
            language,
            dict(zip(CLASSES, self.labels, strict=True)),
            self.by_model,
            self.unscored,
            round(right_of(self.vader), 4) if vader else None,
            round(right_of(self.scored), 4) if scored else None,
            round(f1_of(self.vader), 4) if vader else None,
            round(f1_of(self.scored), 4) if scored else None,
        )


def judge(settings: Settings) -> list[Judgement]:
    """Score the surveys of a recording as the flow would, and compare; nothing is learned.

    Returns:
        One a language, by name.

    Raises:
        NotLearningError: when the settings do not say where versions are kept.
        VersionStoreError: when the versions cannot be used.
        FeedError, ProfilesError: when something cannot be read.
    """
    folder = learn_settings(settings.sentiment).versions
    sentiment = VersionedSentiment(settings.sentiment, VersionStore(FolderBlobs(folder), str(folder)))
    tallies: dict[str, _Tally] = {}

    def take(found: list[Labelled], watermark_us: int) -> None:
        del watermark_us
        for one in found:
            tally = tallies.setdefault(one.language, _Tally())
            tally.labels[one.label] += 1
            score = sentiment.at(one.text, one.language, one.time_us)
            if score is None:
                tally.unscored += 1
                continue
            tally.scored[one.label][class_of(score)] += 1
            version, _ = sentiment.told_at(one.text, one.language, one.time_us)
            tally.by_model += version is not None and version.share(one.language) > 0.0
            prior = sentiment.prior.prior(one.text, one.language)
            if prior is not None:
                tally.vader[one.label][class_of(prior.compound)] += 1

    read_labels(settings, sentiment.prior, take)
    return [tally.judgement(language) for language, tally in sorted(tallies.items())]
