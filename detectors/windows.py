"""Windows over event time, out of panes: tumbling and hopping, per group, exact, closed by the watermark.

A pane is the largest slice of time that every window is a whole number of: ``gcd(size, hop)``. Micro-batches are
reduced to sums per pane and group before they are sent anywhere (:mod:`detectors.panes`), and
:class:`~detectors.assembler.WindowAssembler` adds panes up to windows. What is summed is a vector of integers whose
meaning belongs to the detector, so that any statistic which adds up exactly (counts, sums in micro-units, sums of
squares, histograms) goes the same way, and no result depends on the order or the cuts in which events came.

Windows are half open, ``[start, end)``, and aligned to 1970-01-01 UTC: every end is a multiple of the hop.
"""

import math

import msgspec

from config.durations import US_PER_SECOND, format_duration_us


class WindowSpec(msgspec.Struct, frozen=True):
    """Size and hop of windows, in microseconds. A hop equal to the size makes tumbling windows.

    Raises:
        ValueError: when the hop is longer than the window (events between two windows would be in none), or when the
            panes would be shorter than a second.

    >>> WindowSpec(size_us=6 * 3_600_000_000, hop_us=4 * 3_600_000_000).pane_us // 3_600_000_000
    2
    """

    size_us: int
    hop_us: int

    def __post_init__(self) -> None:
        if self.size_us <= 0 or self.hop_us <= 0:
            msg = "window and hop must be longer than nothing"
            raise ValueError(msg)
        if self.hop_us > self.size_us:
            msg = (
                f"hop {format_duration_us(self.hop_us)} is longer than window {format_duration_us(self.size_us)}: "
                "events between two windows would be in none; write a hop of at most the window"
            )
            raise ValueError(msg)
        if self.pane_us < US_PER_SECOND:
            msg = (
                f"window {format_duration_us(self.size_us)} and hop {format_duration_us(self.hop_us)} have no common "
                "part of a second or more; write a hop that divides the window"
            )
            raise ValueError(msg)

    @property
    def pane_us(self) -> int:
        """Length of a pane in microseconds."""
        return math.gcd(self.size_us, self.hop_us)

    def last_end_us(self, watermark_us: int) -> int:
        """Return the end of the last window that is over at ``watermark_us``."""
        return watermark_us // self.hop_us * self.hop_us

    def first_end_us(self, pane: int) -> int:
        """Return the end of the first window that holds pane number ``pane``."""
        end_of_pane_us = (pane + 1) * self.pane_us
        return -(-end_of_pane_us // self.hop_us) * self.hop_us

    def final_end_us(self, pane: int) -> int:
        """Return the end of the last window that holds pane number ``pane``."""
        return self.last_end_us(pane * self.pane_us + self.size_us)
