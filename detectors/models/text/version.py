"""A published version of the text model: what it weighs, from when it holds, and how good it was.

A version never changes. An event is scored by the version that is in force at the event's own time, so a replay scores
as the live flow did, and every process scores alike.
"""

import hashlib
import math
import zlib
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np

from detectors.models.text.features import BUCKETS, Features, features, tokens
from detectors.models.text.linear import (
    DENSE,
    NEGATIVE,
    POSITIVE,
    SCALE,
    SCORE_DIGITS,
    Prior,
    Probabilities,
    Weights,
    dense_inputs,
    probabilities,
    score_of,
)
from detectors.models.text.skill import Figures

FORMAT = 1
"""Of the bytes, and of everything that a score depends on: tokens, hashes, inputs, the way to a score."""
MAX_BYTES = 2_000_000
_WEIGHTS_BYTES = BUCKETS * 3 * 2
_ROW = "<i2"


class VersionError(ValueError):
    """Bytes are not a version that this program can use."""


class Language(msgspec.Struct, array_like=True, frozen=True):
    """What a version knows of a language.

    Attributes:
        name: ``en``; ``*``: all that are not named.
        share: of the score that is the model's, 0 to 1; the rest is the prior's. 0: the model is not used.
        figures: over the last labels before the version.
    """

    name: str
    share: float
    figures: Figures


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What a version says of itself.

    Attributes:
        number: from 1, without gaps.
        in_force_us: the event time from which it holds, until the next one does.
        learned_to_us: everything before this event time was learned, and nothing after.
        labels: how many were learned in all.
        languages: by name.
        dense: weights of the inputs beside the n-grams, one row each.
    """

    number: int
    in_force_us: int
    learned_to_us: int
    labels: int
    languages: tuple[Language, ...]
    dense: list[list[float]]


class _Packed(msgspec.Struct, array_like=True, frozen=True):
    format: int
    header: Header
    digest: str
    weights: bytes


class Told(NamedTuple):
    """What a version says of a text."""

    score: float
    chances: Probabilities


class Version:
    """One version.

    Attributes:
        header: what it says of itself.
        digest: SHA-256 of header and weights: equal for equal versions, however they were packed.
        learned: the same of what was learned only, whenever it comes into force.
    """

    def __init__(self, header: Header, weights: Weights) -> None:
        self.header = header
        self._weights = weights
        self._languages = {language.name: language for language in header.languages}
        raw = weights.astype(_ROW, copy=False).tobytes()
        self.digest = _digest(header, raw)
        self.learned = _digest(msgspec.structs.replace(header, in_force_us=0), raw)

    def share(self, language: str) -> float:
        """Return how much of the score of a text in this language is the model's."""
        found = self._languages.get(language, self._languages.get(OTHERS))
        return 0.0 if found is None else found.share

    def score(self, text: str, language: str, prior: Prior | None) -> float | None:
        """Return the score of a text, -1 to 1: the model's, the prior's, or some of both; None where nobody can tell.

        Args:
            text: what was written.
            language: of it.
            prior: what the prior says of it; None: it cannot read it.
        """
        share = self.share(language)
        told = self.tell(text, prior) if share > 0.0 else None
        if told is None:
            return None if prior is None else prior.compound
        if prior is None:
            return told.score
        return round((1.0 - share) * prior.compound + share * told.score, SCORE_DIGITS)

    def tell(self, text: str, prior: Prior | None) -> Told | None:
        """Return what the model says of a text; None of a text without any word or sign."""
        found = features(text)
        if not len(found.words):
            return None
        chances = self.chances(found, prior)
        return Told(score_of(chances), chances)

    def chances(self, found: Features, prior: Prior | None) -> Probabilities:
        """Return the probabilities of the classes."""
        return probabilities(self._weights[np.concatenate(found)], self.header.dense, found, dense_inputs(prior))

    def reasons(self, text: str, most: int = 5) -> list[tuple[str, float]]:
        """Return the words and pairs of words that weigh most, with how far each one moves the text.

        A positive weight speaks for a positive text. Runs of characters, which weigh as well, are not told.
        """
        found = tokens(text)
        names = found + [f"{first} {second}" for first, second in pairwise(found)]
        rows = self._weights[features(text).words].astype(np.int64)
        weights = (rows[:, POSITIVE] - rows[:, NEGATIVE]) / (SCALE * math.sqrt(max(1, len(names))))
        moved: dict[str, float] = {}
        for name, weight in zip(names, weights.tolist(), strict=True):
            moved[name] = moved.get(name, 0.0) + weight
        ordered = sorted(moved.items(), key=lambda item: (-abs(item[1]), item[0]))
        return [(name, round(weight, 4)) for name, weight in ordered[:most] if weight]

    def pack(self) -> bytes:
        """Return the version as at most :data:`MAX_BYTES` bytes, for :func:`unpack`."""
        raw = self._weights.astype(_ROW, copy=False).tobytes()
        return msgspec.msgpack.encode(_Packed(FORMAT, self.header, self.digest, zlib.compress(raw, 6)))


OTHERS = "*"
"""Stands for every language that is not named."""
_DECODER = msgspec.msgpack.Decoder(_Packed)


def unpack(data: bytes) -> Version:
    """Return the version that :meth:`Version.pack` packed.

    Raises:
        VersionError: saying what is wrong with the bytes.
    """
    if len(data) > MAX_BYTES:
        msg = f"{len(data)} bytes; a version has at most {MAX_BYTES}"
        raise VersionError(msg)
    try:
        told = msgspec.msgpack.decode(data, type=list[msgspec.Raw])
        number = msgspec.msgpack.decode(told[0], type=int) if told else None
        if number != FORMAT:
            msg = f"a version of format {number}, this program reads {FORMAT}"
            raise VersionError(msg)
        packed = _DECODER.decode(data)
        unpacker = zlib.decompressobj()
        raw = unpacker.decompress(packed.weights, _WEIGHTS_BYTES + 1)
    except (msgspec.MsgspecError, zlib.error, ValueError) as error:
        msg = f"not a version of a text model: {error}"
        raise VersionError(msg) from error
    dense = packed.header.dense
    if len(raw) != _WEIGHTS_BYTES or len(dense) != DENSE or any(len(row) != 3 for row in dense):
        msg = "not a version of a text model: its weights have another size"
        raise VersionError(msg)
    version = Version(packed.header, np.frombuffer(raw, dtype=_ROW).astype(np.int16, copy=False).reshape(-1, 3))
    if version.digest != packed.digest:
        msg = "the content does not fit its hash: the bytes were damaged or changed"
        raise VersionError(msg)
    return version


def _digest(header: Header, raw: bytes) -> str:
    content = hashlib.sha256(msgspec.msgpack.encode([FORMAT, header]))
    content.update(raw)
    return content.hexdigest()
