import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.models.text.features import BUCKETS, MAX_TEXT_CHARS, WORD_BUCKETS, features, tokens

REPO = Path(__file__).resolve().parents[2]
ANYTHING = st.text(st.characters(), max_size=300)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Not GOOD at all", ["not", "good", "at", "all"]),
        ("@united #fail http://t.co/1 www.x.example/a", ["@", "#fail", "://", "://"]),
        ("&lt;3 &amp; co", ["<", "0", "&", "co"]),
        (
            "sooooo baaad!!!!!! :-( \U0001f621\U0001f621\U0001f621",
            ["soo", "baad", "!!", ":-(", "\U0001f621", "\U0001f621"],
        ),
        ("don\u2019t, won't", ["don't", ",", "won't"]),
        ("Ужасный сервис", ["ужасный", "сервис"]),
        ("خدمة سيئة", ["خدمة", "سيئة"]),
        ("服务很差", ["服", "务", "很", "差"]),
        ("बहुत बुरा", ["बहुत", "बुरा"]),
        ("\uff46\uff55\uff4c\uff4c \uff11", ["full", "0"]),
        ("\u2764\ufe0f", ["\u2764"]),
        ("", []),
        (" \t\n\u00a0", []),
    ],
)
def test_text_is_cut_into_words_signs_and_emoji_in_any_script(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_any_text_has_features_within_the_buckets(text: str) -> None:
    found = features(text)
    assert ((found.words >= 0) & (found.words < WORD_BUCKETS)).all()
    assert ((found.chars >= WORD_BUCKETS) & (found.chars < BUCKETS)).all()
    assert bool(len(found.words)) == bool(tokens(text))


def test_words_pairs_and_runs_of_three_to_five_characters_are_counted() -> None:
    found = features("not good")
    assert len(found.words) == 2 + 1
    assert len(found.chars) == sum(len(" not good ") - length + 1 for length in (3, 4, 5))
    once, twice = features("bad"), features("bad bad")
    assert set(once.words) < set(twice.words)


def test_order_of_words_matters() -> None:
    assert sorted(features("not good, bad").words) != sorted(features("not bad, good").words)


def test_the_same_text_has_the_same_features_in_another_process_with_another_seed() -> None:
    texts = ["no crew, again \U0001f621", "дважды", "很好", "x" * 50]
    program = (
        "import sys, zlib\nfrom detectors.models.text.features import features\n"
        "print([zlib.crc32(b''.join(part.tobytes() for part in features(text))) for text in sys.argv[1:]])"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", program, *texts], cwd=REPO, env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(REPO)},
            capture_output=True, text=True, check=True, encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert told[0] == told[1]
    assert "," in told[0]


def test_features_do_not_change_from_one_release_to_the_next() -> None:
    """Published versions would score differently: a change needs a new format of versions."""
    found = features("Not GOOD, 很差 \U0001f621!!!")
    assert found.words.tolist()[:3] == EXPECTED_WORDS
    assert int(np.bitwise_xor.reduce(found.chars)) == EXPECTED_CHARS


EXPECTED_WORDS = [28290, 50318, 44280]
EXPECTED_CHARS = 59420


@pytest.mark.parametrize(
    "text", ["a" * 10_000_000, "\x00\xff" * 1_000_000, "\ufdfa" * 100_000, "&" * 100_000, "\ud800x"]
)
def test_huge_and_broken_texts_are_read_up_to_a_bound(text: str) -> None:
    assert len(features(text).chars) <= 3 * (2 * MAX_TEXT_CHARS + 2)
