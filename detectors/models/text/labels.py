"""Answers to surveys as labels: what class a score is on its scale."""

from detectors.models.text.linear import NEGATIVE, NEUTRAL, POSITIVE

SCALES: dict[str, tuple[float, float, float, float]] = {
    "nps": (0.0, 6.0, 9.0, 10.0),
    "csat": (1.0, 2.0, 4.0, 5.0),
    "stars": (1.0, 2.0, 4.0, 5.0),
    "ces": (1.0, 3.0, 5.0, 7.0),
}
"""The least score, the most that is negative, the least that is positive, and the most. On ``ces`` customers agree, or
not, that it was easy for them: more is better."""


def label_of(score: float | None, scale: str | None) -> int | None:
    """Return the class of a score; None where there is no score, or it is not on a scale that is known.

    >>> label_of(6, "nps"), label_of(7.5, "nps"), label_of(9, "nps"), label_of(9, "csat")
    (0, 1, 2, None)
    """
    bounds = SCALES.get((scale or "").strip().lower())
    if bounds is None or score is None:
        return None
    least, negative, positive, most = bounds
    if not least <= score <= most:  # not a number is not within either
        return None
    if score <= negative:
        return NEGATIVE
    return POSITIVE if score >= positive else NEUTRAL
