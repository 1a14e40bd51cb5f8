"""Which silences are about which of the alerts that fire, kept up to date: so nobody has to try them all.

Whether a silence is active is by the clock; which alerts it is about is not.
"""

from collections.abc import Iterable, Mapping, Sequence, Set

from alerts.silencing import Silence

_Labels = Mapping[str, str]


class SilenceIndex:
    """The silences that have not ended, and the alerts that fire."""

    def __init__(self) -> None:
        self._silences: dict[str, Silence] = {}
        self._place: dict[str, int] = {}
        self._about: dict[str, set[str]] = {}
        self._of: dict[str, list[str]] = {}
        self._labels: dict[str, _Labels] = {}

    def take(self, silences: Sequence[Silence], now_us: int) -> set[str]:
        """Take all silences that are kept; return the alerts of which something may hold otherwise now."""
        lasting = {silence.id: silence for silence in silences if silence.ends_us > now_us}
        self._place = {silence_id: place for place, silence_id in enumerate(lasting)}
        touched: set[str] = set()
        for silence_id in self._silences.keys() - lasting.keys():
            touched |= self._forget(silence_id)
        for silence_id, silence in lasting.items():
            known = self._silences.get(silence_id)
            if known == silence:
                continue
            if known is None or known.matchers != silence.matchers:
                touched |= self._forget(silence_id)
                about = {print_ for print_, labels in self._labels.items() if silence.matches(labels)}
                self._about[silence_id] = about
                for print_ in about:
                    self._of.setdefault(print_, []).append(silence_id)
            self._silences[silence_id] = silence
            touched |= self._about[silence_id]
        return touched

    def add(self, fingerprint: str, labels: _Labels) -> None:
        """Note that an alert fires."""
        self.remove(fingerprint)
        self._labels[fingerprint] = labels
        for silence_id, silence in self._silences.items():
            if silence.matches(labels):
                self._about[silence_id].add(fingerprint)
                self._of.setdefault(fingerprint, []).append(silence_id)

    def remove(self, fingerprint: str) -> None:
        """Note that an alert fires no more."""
        self._labels.pop(fingerprint, None)
        for silence_id in self._of.pop(fingerprint, ()):
            self._about[silence_id].discard(fingerprint)

    def of(self, fingerprint: str) -> Iterable[Silence]:
        """Return the silences that are about an alert, active or not, in the order in which they were given."""
        found = self._of.get(fingerprint, ())
        return [self._silences[one] for one in sorted(found, key=self._place.__getitem__)]

    def about(self, silence: Silence) -> Set[str] | None:
        """Return the alerts that a silence is about, active or not; None: it is not one of those that were given."""
        known = self._silences.get(silence.id)
        return self._about[silence.id] if known is not None and known.matchers == silence.matchers else None

    def _forget(self, silence_id: str) -> set[str]:
        self._silences.pop(silence_id, None)
        about = self._about.pop(silence_id, set())
        for print_ in about:
            self._of[print_].remove(silence_id)
        return about
