"""What hides alerts that fire: others that inhibit them, maintenance windows, silences. Remembered while it holds."""

from collections.abc import Iterator, Mapping, Sequence, Set

from alerts.inhibition import Firing, Inhibitor
from alerts.maintenance import Maintenance
from alerts.muting import Mute
from alerts.silencing import Silence
from alerts.silencing import mute as silenced
from config.settings import Settings
from dashboards.silence_index import SilenceIndex

_HOUR_US = 3_600_000_000


class Hiding:
    """What hides alerts now. The mirror tells it which fire.

    Args:
        settings: have the inhibition rules and the maintenance windows.

    Attributes:
        maintenance: the windows.
        silences: all that are kept, ended ones too.
    """

    def __init__(self, settings: Settings) -> None:
        self._inhibitor = Inhibitor(settings.inhibit_rules)
        self._firing: Firing = self._inhibitor.firing()
        self.maintenance = Maintenance(settings.maintenance_windows)
        self.silences: tuple[Silence, ...] = ()
        self._silenced = SilenceIndex()
        self._mutes: dict[str, tuple[Mute, ...]] = {}
        self._until_us = 0
        self._version = 0

    def add(self, fingerprint: str, labels: Mapping[str, str]) -> None:
        """Note that an alert fires that did not before."""
        self._silenced.add(fingerprint, labels)
        if self._inhibitor:
            self._firing.add(fingerprint, labels)
            if fingerprint in self._firing:
                self._forget()

    def remove(self, fingerprint: str) -> None:
        """Note that an alert fires no more."""
        self._silenced.remove(fingerprint)
        self._mutes.pop(fingerprint, None)
        if fingerprint in self._firing:
            self._firing.remove(fingerprint)
            self._forget()

    def take_silences(self, silences: Sequence[Silence], now_us: int) -> bool:
        """Take all silences that are kept; return whether they are others than before."""
        found = tuple(silences)
        if found == self.silences:
            return False
        self.silences = found
        # What an hour ago was over stays so, even if the clock is set back a little.
        for print_ in self._silenced.take(found, now_us - _HOUR_US):
            self._mutes.pop(print_, None)
        self._until_us = min(self._until_us, self._next_edge_us(now_us))
        self._version += 1
        return True

    def version(self, now_us: int) -> int:
        """Return what grows whenever :meth:`mutes` may answer otherwise of an alert that has not changed itself."""
        if now_us >= self._until_us:
            self._forget()
            self._until_us = self._next_edge_us(now_us)
        return self._version

    def mutes(self, fingerprint: str, labels: Mapping[str, str], now_us: int) -> tuple[Mute, ...]:
        """Return everything that hides an alert now: inhibition, maintenance windows, each silence."""
        self.version(now_us)
        found = self._mutes.get(fingerprint)
        if found is None:
            found = self._mutes[fingerprint] = tuple(self._ask(fingerprint, labels, now_us))
        return found

    def about(self, silence: Silence) -> Set[str] | None:
        """Return which alerts that fire a silence is about; None: that is not known, try them all."""
        return self._silenced.about(silence)

    def _forget(self) -> None:
        self._mutes.clear()
        self._until_us = 0
        self._version += 1

    def _ask(self, fingerprint: str, labels: Mapping[str, str], now_us: int) -> Iterator[Mute]:
        if self._inhibitor:
            yield from self._firing.mutes(labels)
        window = self.maintenance.mute(labels, now_us)
        if window is not None:
            yield window
        for silence in self._silenced.of(fingerprint):
            found = silenced(labels, (silence,), now_us)
            if found is not None:
                yield found

    def _next_edge_us(self, now_us: int) -> int:
        edges = [edge for one in self.silences for edge in (one.starts_us, one.ends_us) if edge > now_us]
        window = self.maintenance.next_change(now_us)
        far = now_us + _HOUR_US
        return min(edges + [far] + ([] if window is None else [window]))
