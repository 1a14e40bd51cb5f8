"""Finds alerts by their labels, without looking at each: by the values that their labels have."""

from collections.abc import Mapping, Sequence

from config.matchers import Matcher

_MOST_KNOWN = 1000


class Labels:
    """The labels of all alerts that fire, by name and value."""

    def __init__(self) -> None:
        self._all: set[str] = set()
        self._by_name: dict[str, dict[str, set[str]]] = {}
        self._changes: dict[str, int] = {}
        self._known: dict[Matcher, tuple[int, list[str]]] = {}
        self._order: list[str] | None = None

    def add(self, fingerprint: str, labels: Mapping[str, str]) -> None:
        """Note that an alert fires."""
        self._all.add(fingerprint)
        self._order = None
        for name, value in labels.items():
            values = self._by_name.setdefault(name, {})
            if value not in values:
                values[value] = set()
                self._changes[name] = self._changes.get(name, 0) + 1
            values[value].add(fingerprint)

    def remove(self, fingerprint: str, labels: Mapping[str, str]) -> None:
        """Note that an alert fires no more."""
        self._all.discard(fingerprint)
        self._order = None
        for name, value in labels.items():
            values = self._by_name[name]
            values[value].discard(fingerprint)
            if not values[value]:
                del values[value]
                self._changes[name] += 1

    def find(self, matchers: Sequence[Matcher]) -> list[str]:
        """Return the fingerprints of the alerts that all matchers match, sorted."""
        if not matchers:
            if self._order is None:
                self._order = sorted(self._all)
            return list(self._order)
        # Of a matcher that needs the label: the alerts whose value matches. Of any other: those whose value does not.
        takes: list[list[set[str]]] = []
        leaves: list[list[set[str]]] = []
        for matcher in matchers:
            values = self._by_name.get(matcher.label, {})
            sets = [values[value] for value in self._deciding(matcher)]
            (leaves if matcher.matches({}) else takes).append(sets)
        takes.sort(key=lambda sets: sum(map(len, sets)))
        found = set().union(*takes[0]) if takes else set(self._all)
        for sets in takes[1:]:
            found &= set().union(*sets)
        for sets in leaves:
            found.difference_update(*sets)
        return sorted(found)

    def _deciding(self, matcher: Matcher) -> list[str]:
        """Return the values that decide: of a matcher that needs the label those that match, else those that do not."""
        values = self._by_name.get(matcher.label, {})
        if matcher.operator in {"=", "!="} and matcher.value:
            return [matcher.value] if matcher.value in values else []
        changes = self._changes.get(matcher.label, 0)
        known = self._known.get(matcher)
        if known is None or known[0] != changes:
            wanted = not matcher.matches({})
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = [value for value in values if matcher.matches({matcher.label: value}) is wanted]
            known = self._known[matcher] = (changes, found)
        return known[1]
