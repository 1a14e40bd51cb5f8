"""Dead letters of a running flow: none is lost while its store has no room, and old ones go now and then."""

from collections.abc import Callable, Sequence

import structlog

from config.settings import DeadLetterSettings
from pipeline.deadletters import DeadLetter, DeadLetters, DeadLettersUnwritableError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
PRUNE_EVERY_US = 60_000_000
"""Wall time between two looks for letters that should go, in microseconds."""
PRUNED_AT_ONCE = 1_000
"""Letters deleted at one look, about; where more should go, the next look comes at once."""

log = structlog.get_logger(__name__)


class Undertaker:
    """Keeps the letters of a flow, and deletes old ones.

    Args:
        dead: the store.
        settings: how long and how much is kept.
        wait: waits that many seconds; answers True when waiting should end, because the program stops.
        clock_us: the wall clock, microseconds UTC.
        tell: is told why letters cannot be kept now, and None when they can again.

    Attributes:
        pruned: how many letters have been deleted so far, by feed and reason. May be read in any thread.
    """

    def __init__(
        self,
        dead: DeadLetters,
        settings: DeadLetterSettings,
        *,
        wait: Callable[[float], bool],
        clock_us: Callable[[], int],
        tell: Callable[[str | None], None],
    ) -> None:
        self._dead = dead
        self._settings = settings
        self._wait = wait
        self._clock_us = clock_us
        self._tell = tell
        self._prune_at_us = 0
        self._pruning_failed = False
        self.pruned = dead.pruned()

    def bury(self, letters: Sequence[DeadLetter]) -> None:
        """Keep letters, durably; while there is no room for them, wait and try again, without end.

        Raises:
            DeadLettersUnwritableError: only when the program stops. The flow will have the same letters again.
        """
        pause_s = FIRST_WAIT_S
        told = ""
        while True:
            try:
                self._dead.add(letters, seen_at_us=self._clock_us())
            except DeadLettersUnwritableError as error:
                if str(error) != told:
                    told = str(error)
                    log.error("deadletters.unwritable", error=told, letters=len(letters), action="the flow waits")
                    self._tell(told)
                if self._wait(pause_s):
                    raise
                pause_s = min(pause_s * 2, LONGEST_WAIT_S)
            else:
                if told:
                    log.info("deadletters.writable", letters=len(letters))
                    self._tell(None)
                return

    def look(self, now_us: int) -> None:
        """Delete letters that are too old or too many, a few at a time. Call it often.

        Args:
            now_us: the wall clock, microseconds since 1970 UTC.
        """
        if now_us < self._prune_at_us:
            return
        self._prune_at_us = now_us + PRUNE_EVERY_US
        settings = self._settings
        try:
            gone = self._dead.prune(now_us - settings.keep, max_bytes=settings.max_bytes, at_most=PRUNED_AT_ONCE)
        except DeadLettersUnwritableError as error:
            if not self._pruning_failed:
                log.warning("deadletters.not_pruned", error=str(error), action="trying again")
            self._pruning_failed = True
            return
        self._pruning_failed = False
        self.pruned = self._dead.pruned()
        if gone.letters:
            log.warning("deadletters.pruned", letters=gone.letters, bytes=gone.bytes, more=gone.more)
        if gone.more:
            self._prune_at_us = now_us
