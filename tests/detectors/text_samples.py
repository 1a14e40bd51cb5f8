"""Labelled texts made for tests: seeded, in a small language of their own or in English words."""

import random
from collections.abc import Sequence

from detectors.models.text.learner import Labelled, Rules
from detectors.models.text.linear import Prior

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
MONDAY_US = 1_772_409_600_000_000
"""2026-03-02T00:00:00Z."""
WORDS = (
    ("delayed", "rebooked", "lost bag", "no crew", "on hold", "stranded"),
    ("gate", "when", "seat", "terminal", "which form", "flight number"),
    ("upgraded", "early", "smooth", "kind crew", "rebooked me fast", "on time"),
)
"""Jargon by class: VADER knows next to none of it."""


def labelled(
    count: int, *, seed: int = 1, days: float = 10, language: str = "en", noise: float = 0.1
) -> list[Labelled]:
    """Return texts over ``days``, of which ``noise`` have a class at random."""
    chance = random.Random(seed)
    found = []
    for number in range(count):
        label = chance.choices((0, 1, 2), (5, 2, 3))[0]
        words = [*chance.sample(WORDS[label], 2), *chance.sample(("the", "my", "a", "at", "we"), 2)]
        chance.shuffle(words)
        time_us = MONDAY_US + int(number * days * DAY_US / count)
        told = label if chance.random() >= noise else chance.randrange(3)
        found.append(Labelled(time_us, f"survey\x00{number}", 0, " ".join(words), language, told))
    return found


def no_prior(text: str, language: str) -> Prior | None:
    """Read nothing."""
    del text, language
    return None


def dull_prior(text: str, language: str) -> Prior | None:
    """Read English, and find all of it neutral."""
    del text
    return Prior(0.0, 0.0, 0.0) if language == "en" else None


def quick(**changes: object) -> Rules:
    """Return rules with which a few labels are enough."""
    return Rules(**{"min_labels": 50, "window": 300, **changes})  # type: ignore[arg-type]


def cut(items: Sequence[Labelled], sizes: Sequence[int]) -> list[list[Labelled]]:
    """Return the items in batches of these sizes, and the rest in one."""
    parts, at = [], 0
    for size in sizes:
        parts.append(list(items[at : at + size]))
        at += size
    return [*parts, list(items[at:])]
