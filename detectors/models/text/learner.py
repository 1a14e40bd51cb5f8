"""Learns labelled texts in the order of their event times, and makes versions out of what it has learned.

The versions depend on the set of labels alone: not on the order in which they came within the lateness, nor on how they
were cut into batches.
"""

import heapq
import math
from collections.abc import Callable, Iterable

import msgspec

from detectors.contract import NEVER_US, SnapshotVersionError
from detectors.models.text.features import MAX_TEXT_CHARS, features
from detectors.models.text.linear import Prior, class_of, score_of
from detectors.models.text.online import RATE, OnlineText
from detectors.models.text.skill import Figures, Judged, Record
from detectors.models.text.version import OTHERS, Header, Language, Version

SNAPSHOT_VERSION = 1
MAX_LANGUAGES = 16
"""So many languages have figures of their own; the others share theirs."""
MAX_WAITING = 100_000
"""Labels that wait for the watermark; what comes beyond them is not learned, and counted."""
LEAST_KAPPA = 0.1
"""A model that agrees less than this with the labels has not learned anything that is worth a score."""
DOUBT = 2.0
"""To come into use a model must be better than the prior by two standard errors (an agreement's is near 1 / root of the
count); it stays in use until it is worse."""
_DAY_US = 86_400_000_000


class Rules(msgspec.Struct, frozen=True):
    """How it is learned and published.

    Attributes:
        publish_every_us: event time from one version to the next.
        in_force_after_us: how long after the last moment that it has learned a version comes into force. More than the
            lateness and the time that versions need to reach every process, or events are scored before it is there.
        min_labels: with fewer labels of a language in the window the model does not score it.
        window: how many labels the figures are of.
        hand_over_us: over this time the score goes over from the prior's to the model's: a step of the mean would look
            like a failure of the service.
        half_life_us: after this time what was learned slows learning down half as much.
    """

    publish_every_us: int = _DAY_US
    in_force_after_us: int = 3_600_000_000
    min_labels: int = 100
    window: int = 1_000
    hand_over_us: int = 7 * _DAY_US
    half_life_us: int = 180 * _DAY_US
    rate: float = RATE


class Labelled(msgspec.Struct, array_like=True, frozen=True):
    """A text and its class.

    Attributes:
        time_us: event time.
        id: of the event, with its source.
        rev: revision of the event: of two with one id and time, the higher counts.
        language: as ``en``.
        label: 0 negative, 1 neutral, 2 positive.
    """

    time_us: int
    id: str
    rev: int
    text: str
    language: str
    label: int


class _State(msgspec.Struct, array_like=True, frozen=True):
    version: int
    model: bytes
    records: list[tuple[str, list[Judged]]]
    since: dict[str, int]
    waiting: list[Labelled]
    reached_us: int
    next_us: int | None
    number: int
    labels: int
    unpublished: int
    late: int
    turned_away: int


class Learner:
    """One learner makes all versions of a model.

    Args:
        rules: how.
        prior: what the prior says of a text in a language; None where it cannot read it.

    Attributes:
        labels: learned so far.
        late: came after their time had been learned, and were not.
        turned_away: came when too many waited, and were not learned.
        not_before_us: no version that is made from now on comes into force before this event time.
    """

    def __init__(self, rules: Rules, prior: Callable[[str, str], Prior | None]) -> None:
        self._rules = rules
        self._prior = prior
        self._model = OnlineText(rules.rate)
        self._records: dict[str, Record] = {}
        self._since: dict[str, int] = {}
        self._waiting: dict[tuple[int, str], Labelled] = {}
        self._order: list[tuple[int, str]] = []
        self._reached_us = NEVER_US
        self._next_us: int | None = None
        self._number = 0
        self._unpublished = 0
        self.labels = self.late = self.turned_away = 0
        self.not_before_us = NEVER_US

    @property
    def learned_to_us(self) -> int:
        """Everything before this event time was learned."""
        return self._reached_us

    def take(self, labelled: Iterable[Labelled], watermark_us: int) -> list[Version]:
        """Take labels, and learn those whose time the watermark has passed; return the versions that this makes.

        Args:
            labelled: in any order. A label at or after the watermark waits.
            watermark_us: nothing older is to come. Never goes back.
        """
        for one in labelled:
            self._add(one)
        versions: list[Version] = []
        while self._order and self._order[0][0] < watermark_us:
            one = self._waiting.pop(heapq.heappop(self._order))
            self._close_before(one.time_us + 1, versions)
            self._learn(one)
        self._reached_us = max(self._reached_us, watermark_us)
        self._close_before(watermark_us + 1, versions)
        return versions

    def _add(self, one: Labelled) -> None:
        if one.time_us < self._reached_us:
            self.late += 1
            return
        one = msgspec.structs.replace(one, text=one.text[:MAX_TEXT_CHARS])
        key = (one.time_us, one.id)
        known = self._waiting.get(key)
        if known is not None:
            self._waiting[key] = max(one, known, key=_place)
        elif len(self._waiting) >= MAX_WAITING:
            self.turned_away += 1
        else:
            self._waiting[key] = one
            heapq.heappush(self._order, key)

    def _close_before(self, time_us: int, versions: list[Version]) -> None:
        """Publish, where a boundary lies before ``time_us`` and something was learned since the last version."""
        if self._next_us is not None and self._next_us < time_us and self._unpublished:
            versions.append(self._publish(self._next_us))
            self._next_us = None

    def _learn(self, one: Labelled) -> None:
        every_us = self._rules.publish_every_us
        if self._next_us is None:
            self._next_us = (one.time_us // every_us + 1) * every_us
        prior = self._prior(one.text, one.language)
        found = features(one.text)
        chances = self._model.chances(found, prior)
        record = self._record(one.language)
        score = score_of(chances)
        prior_score = 0.0 if prior is None else prior.compound
        told = record.usual() if prior is None else class_of(prior_score)
        record.add(Judged(one.label, told, class_of(score), round(prior_score * 10_000), round(score * 10_000)))
        self._model.learn(found, prior, one.label, chances)
        self.labels += 1
        self._unpublished += 1

    def _record(self, language: str) -> Record:
        if language not in self._records and len(self._records) >= MAX_LANGUAGES:
            language = OTHERS
        return self._records.setdefault(language, Record(self._rules.window))

    def _publish(self, boundary_us: int) -> Version:
        rules = self._rules
        languages = tuple(self._judge(name, record, boundary_us) for name, record in sorted(self._records.items()))
        self._number += 1
        self._unpublished = 0
        header = Header(
            number=self._number,
            in_force_us=max(boundary_us + rules.in_force_after_us, self.not_before_us),
            learned_to_us=boundary_us,
            labels=self.labels,
            languages=languages,
            dense=[list(row) for row in self._model.dense],
        )
        version = Version(header, self._model.quantised())
        self._model.forget(0.5 ** (rules.publish_every_us / rules.half_life_us))
        return version

    def _judge(self, name: str, record: Record, boundary_us: int) -> Language:
        """Return how much of the score of a language is to be the model's."""
        figures, rules = record.figures(), self._rules
        if figures.count < rules.min_labels or not figures.telling or not self._better(name, figures):
            self._since.pop(name, None)
            return Language(name, 0.0, figures)
        if self._prior("", name) is None:
            return Language(name, 1.0, figures)
        spent_us = boundary_us - self._since.setdefault(name, boundary_us) + rules.publish_every_us
        return Language(name, min(1.0, spent_us / max(1, rules.hand_over_us)), figures)

    def _better(self, name: str, figures: Figures) -> bool:
        """Return whether the model is worth more than the prior: beyond chance, and with every class counted alike."""
        doubt = 0.0 if name in self._since else DOUBT / math.sqrt(figures.count)
        needed = max(figures.prior_kappa, 0.0) + doubt
        return figures.model_kappa >= max(needed, LEAST_KAPPA) and figures.model_f1 >= figures.prior_f1

    def snapshot(self) -> bytes:
        """Return everything, for :meth:`restore`, the texts that wait included."""
        state = _State(
            SNAPSHOT_VERSION,
            self._model.snapshot(),
            [(name, record.state()) for name, record in sorted(self._records.items())],
            dict(sorted(self._since.items())),
            sorted(self._waiting.values(), key=_place),
            self._reached_us,
            self._next_us,
            self._number,
            self.labels,
            self._unpublished,
            self.late,
            self.turned_away,
        )
        return msgspec.msgpack.encode(state)

    def restore(self, state: bytes) -> None:
        """Take over exactly what :meth:`snapshot` returned.

        Raises:
            SnapshotVersionError: when another program made it.
            ValueError: when it is something else.
        """
        told = msgspec.msgpack.decode(state, type=_State)
        if told.version != SNAPSHOT_VERSION:
            msg = f"the learner's state is of version {told.version}, this program reads {SNAPSHOT_VERSION}"
            raise SnapshotVersionError(msg)
        self._model.restore(told.model)
        self._records = {name: Record(self._rules.window, judged) for name, judged in told.records}
        self._since = dict(told.since)
        self._waiting = {(one.time_us, one.id): one for one in told.waiting}
        self._order = sorted((one.time_us, one.id) for one in told.waiting)
        self._reached_us, self._next_us = told.reached_us, told.next_us
        self._number = told.number
        self.labels, self._unpublished = told.labels, told.unpublished
        self.late, self.turned_away = told.late, told.turned_away


def _place(one: Labelled) -> tuple[int, int, str, int, str, str]:
    """Return what decides between two of one id, and orders a snapshot: never the order in which they came."""
    return (one.rev, one.time_us, one.id, one.label, one.text, one.language)
