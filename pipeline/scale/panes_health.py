"""What is wrong with the messages between processes, for health and metrics."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from pipeline.scale.inbox import Refused

TOLD_FOR_US = 300_000_000
"""So long after the last message that was refused the process is not healthy, in microseconds."""


class PanesHealth(msgspec.Struct, frozen=True):
    """What is wrong with the messages between processes.

    Attributes:
        refused: messages that could not be used since this process started, by reason.
        held: why a partition of the topic of panes is not read on, by partition.
        lately: why messages were refused lately, by reason.
    """

    refused: Mapping[str, int] = {}
    held: Mapping[str, str] = {}
    lately: Mapping[str, str] = {}

    def why(self) -> list[str]:
        """Return why the process is not healthy for it; nothing: it is."""
        lost = [f"messages between processes were not used lately ({kind}): {why}" for kind, why in self.lately.items()]
        return [f"{partition} is not read on: {why}" for partition, why in sorted(self.held.items())] + lost


class PaneWatch:
    """Remembers when messages were refused.

    What is not in the settings is counted and no trouble: it was told before they were changed.
    """

    def __init__(self) -> None:
        self._counted: Counter[Refused] = Counter()
        self._last_us: dict[Refused, int] = {}

    def look(self, refused: Mapping[Refused, int], now_us: int) -> None:
        """Note how many there are now, by the wall clock."""
        for kind, count in refused.items():
            if count > self._counted[kind] and kind is not Refused.NOT_IN_SETTINGS:
                self._last_us[kind] = now_us
            self._counted[kind] = count
        self._last_us = {kind: at_us for kind, at_us in self._last_us.items() if now_us - at_us < TOLD_FOR_US}

    def lately(self) -> list[Refused]:
        """Return why messages were refused lately."""
        return sorted(self._last_us)
