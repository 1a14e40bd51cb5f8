"""The silences of the mirror as they are answered: each encoded once for each state."""

from collections.abc import Collection

from alerts.silencing import Silence
from config.matchers import Matcher, matchers_of
from dashboards.api.v2.wire import listed, silence_json
from dashboards.mirror import Mirror

_MATCHERS_KNOWN = 10_000


class Silences:
    """All silences that are kept."""

    def __init__(self, mirror: Mirror) -> None:
        self._mirror = mirror
        self._encoded: dict[str, tuple[Silence, str, bytes]] = {}

    def answer(self, matchers: Collection[Matcher], states: Collection[str], now_us: int) -> bytes:
        """Return silences as a JSON array: active ones by their end, pending by their start, expired the last first.

        Args:
            matchers: a silence is meant that has all of these itself; which alerts it hides does not count.
            states: of the silences that are meant.
            now_us: the time.
        """
        meant = set(matchers)
        found = [
            (silence.state(now_us), silence)
            for silence in self._mirror.silences
            if silence.state(now_us) in states and meant <= set(matchers_of(silence.matchers))
        ]
        return listed([self._one(silence, now_us) for _state, silence in sorted(found, key=lambda one: _place(*one))])

    def get(self, silence_id: str, now_us: int) -> bytes | None:
        """Return the silence with an id, in JSON; None: there is none."""
        found = self.known(silence_id)
        return None if found is None else self._one(found, now_us)

    def known(self, silence_id: str) -> Silence | None:
        """Return the silence with an id; None: there is none."""
        return next((silence for silence in self._mirror.silences if silence.id == silence_id), None)

    def _one(self, silence: Silence, now_us: int) -> bytes:
        state = silence.state(now_us)
        known = self._encoded.get(silence.id)
        if known is None or known[0] is not silence or known[1] != state:
            if len(self._encoded) >= _MATCHERS_KNOWN:
                self._encoded.clear()
            known = self._encoded[silence.id] = (silence, state, silence_json(silence, now_us))
        return known[2]


def _place(state: str, silence: Silence) -> tuple[int, int, str]:
    if state == "active":
        return (0, silence.ends_us, silence.id)
    if state == "pending":
        return (1, silence.starts_us, silence.id)
    return (2, -silence.ends_us, silence.id)
