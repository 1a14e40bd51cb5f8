"""From text to hashed n-grams: pairs of words and runs of characters, whatever the language.

The hashes depend on the text alone: they are the same in every process and on every machine. There is no vocabulary,
so memory does not grow with what people write; now and then two n-grams share a bucket. (K. Weinberger et al.: Feature
Hashing for Large Scale Multitask Learning, ICML 2009.)
"""

import html
import re
import unicodedata
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

MAX_TEXT_CHARS = 5_000
"""Of a longer text the beginning is read."""
WORD_BUCKETS = 1 << 16
CHAR_BUCKETS = 1 << 17
BUCKETS = WORD_BUCKETS + CHAR_BUCKETS
"""Words and pairs of words have the first ``WORD_BUCKETS``, runs of characters the others."""
CHAR_LENGTHS = (3, 4, 5)

_MENTION, _ADDRESS, _NUMBER = "@", "://", "0"
_MARKS = "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u109f\u1780-\u17ff"
_ALONE = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(
    rf"@\w+"  # mentions
    rf"|[{_ALONE}]"  # Chinese and Japanese: no spaces between words, so a character is a word
    rf"|\#?[^\W{_ALONE}][\w{_MARKS}]*(?:'\w+)*"  # words, with the vowel signs of Indian scripts
    r"|[!-/:-@\[-`{-~]+"  # punctuation and emoticons
    r"|[^\w\s]"  # emoji
)
_ADDRESSES = re.compile(r"https?://\S+|www\.\S+")
_LONG = re.compile(r"(.)\1{2,}", re.DOTALL)
_TIDY = str.maketrans({"\u2019": "'", "\u200d": None, "\ufe0e": None, "\ufe0f": None, "\u200b": None})
_UINT64 = np.uint64
_SPREAD = _UINT64(0x94D049BB133111EB)
_POWERS = np.array([pow(0x9E3779B97F4A7C15, power, 1 << 64) for power in range(1, 6)], dtype=np.uint64)
_MULTIPLIER = _UINT64(0xBF58476D1CE4E5B9)
_SHIFTS = (_UINT64(29), _UINT64(32))
_NOTHING: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)


class Features(NamedTuple):
    """Buckets of a text's n-grams, one for each occurrence: of words and pairs, and of runs of characters."""

    words: npt.NDArray[np.int64]
    chars: npt.NDArray[np.int64]


def tokens(text: str) -> list[str]:
    """Return the words, emoji and runs of punctuation of a text, in small letters.

    Addresses, mentions and numbers become one token each kind; letters that are drawn out are cut to two.

    >>> tokens("@VirginAmerica LOOOVE it!!! 45 min :) https://t.co/x")
    ['@', 'loove', 'it', '!!', '0', 'min', ':)', '://']
    >>> tokens("很好😀 अच्छा, don't")
    ['很', '好', '😀', 'अच्छा', ',', "don't"]
    """
    text = text[:MAX_TEXT_CHARS]
    if "&" in text:
        text = html.unescape(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_TIDY))[:MAX_TEXT_CHARS]
    text = text.lower()
    if "://" in text or "www." in text:
        text = _ADDRESSES.sub(f" {_ADDRESS} ", text)
    found = _TOKEN.findall(_LONG.sub(r"\1\1", text))
    return [_plain(token) for token in found]


def _plain(token: str) -> str:
    first = token[0]
    if first == "@" and len(token) > 1 and token[1].isalnum():
        return _MENTION
    return _NUMBER if first.isdigit() else token


def features(text: str) -> Features:
    """Return the hashed n-grams of a text; none of a text without any token.

    >>> found = features("not good")
    >>> len(found.words), len(found.chars)
    (3, 21)
    """
    found = tokens(text)
    if not found:
        return Features(_NOTHING, _NOTHING)
    return Features(_words(found), _chars(" " + " ".join(found) + " "))


def _words(found: list[str]) -> npt.NDArray[np.int64]:
    hashes = np.array([crc32(token.encode("utf-8", "surrogatepass")) for token in found], dtype=np.uint64)
    parts = [hashes * _POWERS[2]]
    if len(hashes) > 1:
        parts.append(hashes[:-1] * _POWERS[3] + hashes[1:] * _POWERS[4])
    return _bucket(np.concatenate(parts), WORD_BUCKETS)


def _chars(text: str) -> npt.NDArray[np.int64]:
    """Return the buckets of all runs of characters: polynomial hashes, computed for the whole text at once."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64) * _SPREAD
    count = len(codes)
    parts: list[npt.NDArray[np.uint64]] = []
    run, length = codes, 1
    for wanted in CHAR_LENGTHS:
        if count < wanted:
            break
        while length < wanted:
            run = run[: count - length] + codes[length:] * _POWERS[length - 1]
            length += 1
        parts.append(run + _UINT64(wanted))
    if not parts:
        return _NOTHING
    return _bucket(np.concatenate(parts), CHAR_BUCKETS) + WORD_BUCKETS


def _bucket(hashes: npt.NDArray[np.uint64], buckets: int) -> npt.NDArray[np.int64]:
    hashes ^= hashes >> _SHIFTS[0]
    hashes *= _MULTIPLIER
    hashes ^= hashes >> _SHIFTS[1]
    return (hashes & _UINT64(buckets - 1)).astype(np.int64)
