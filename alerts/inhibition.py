"""Which alerts keep others from being told: inhibition, with Alertmanager's meaning.

Source: ``inhibit/inhibit.go`` of Alertmanager. A rule inhibits an alert that matches its target side while an alert
fires that matches its source side and has equal values of the ``equal`` labels; a label that is missing is empty. An
alert that matches *both* sides is inhibited only by alerts that match the source side alone: so two such alerts do not
silence each other, and none silences itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from alerts.muting import Mute
from config.inhibition import InhibitRuleSettings
from config.matcher_syntax import written
from config.matchers import condition, matchers_of

_Labels = Mapping[str, str]
_SHOWN_LABELS = 4


class _Rule:
    def __init__(self, number: int, settings: InhibitRuleSettings) -> None:
        self.number = number
        self.is_source = condition(matchers_of(settings.source_matchers))
        self.is_target = condition(matchers_of(settings.target_matchers))
        self.equal = tuple(sorted(set(settings.equal)))

    def group(self, labels: _Labels) -> tuple[str, ...]:
        return tuple([labels.get(name, "") for name in self.equal])

    def mute(self, key: str, source: _Labels) -> Mute:
        detail = f"{_told(source)} fires (rule {self.number})"
        return Mute(kind="inhibited", by=str(self.number), detail=detail, source=key)


class _Bucket:
    """Sources of one rule with the same values of the equal labels."""

    __slots__ = ("_least", "members")

    def __init__(self) -> None:
        self.members: dict[str, _Labels] = {}
        self._least: tuple[str, _Labels] | None = None

    def add(self, key: str, labels: _Labels) -> None:
        self.members[key] = labels
        self._least = None

    def remove(self, key: str) -> None:
        del self.members[key]
        self._least = None

    def least(self) -> tuple[str, _Labels]:
        """Return the one to name, and how it is called; it does not depend on who came first."""
        if self._least is None:
            self._least = min(self.members.items(), key=lambda member: sorted(member[1].items()))
        return self._least


class Firing:
    """The alerts that fire, as the rules look at them. Follows changes; asking costs the same however many fire."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = rules
        # By rule, values of the equal labels, and whether the source is a target as well.
        self._buckets: list[dict[tuple[tuple[str, ...], bool], _Bucket]] = [{} for _ in rules]
        self._places: dict[str, list[tuple[int, tuple[tuple[str, ...], bool]]]] = {}

    def add(self, key: str, labels: _Labels) -> None:
        """Note that an alert fires. ``key`` names it, as its fingerprint does: adding it again replaces it."""
        self.remove(key)
        places = []
        for position, rule in enumerate(self._rules):
            if rule.is_source(labels):
                place = (rule.group(labels), rule.is_target(labels))
                self._buckets[position].setdefault(place, _Bucket()).add(key, labels)
                places.append((position, place))
        if places:
            self._places[key] = places

    def remove(self, key: str) -> None:
        """Note that an alert fires no more, or never did."""
        for position, place in self._places.pop(key, ()):
            bucket = self._buckets[position][place]
            bucket.remove(key)
            if not bucket.members:
                del self._buckets[position][place]

    def __contains__(self, key: str) -> bool:
        """Return whether an alert that fires may inhibit others."""
        return key in self._places

    def mute(self, labels: _Labels) -> Mute | None:
        """Return what inhibits an alert with ``labels``: by the first rule that does; None: nothing."""
        return next(self.mutes(labels), None)

    def mutes(self, labels: _Labels) -> Iterator[Mute]:
        """Yield what inhibits an alert with ``labels``, once for each rule."""
        for rule, buckets in zip(self._rules, self._buckets, strict=True):
            if not buckets or not rule.is_target(labels):
                continue
            group = rule.group(labels)
            bucket = buckets.get((group, False))
            if bucket is None and not rule.is_source(labels):
                bucket = buckets.get((group, True))
            if bucket is not None:
                yield rule.mute(*bucket.least())


class Inhibitor:
    """The compiled rules.

    Args:
        rules: ``inhibit_rules`` of the settings.
    """

    def __init__(self, rules: Sequence[InhibitRuleSettings]) -> None:
        self._rules = tuple(_Rule(number, settings) for number, settings in enumerate(rules, 1))

    def firing(self, alerts: Iterable[tuple[str, _Labels]] = ()) -> Firing:
        """Return the alerts that fire, given as pairs of key and labels, ready to be asked."""
        found = Firing(self._rules)
        for key, labels in alerts:
            found.add(key, labels)
        return found

    def mute(self, labels: _Labels, firing: Iterable[_Labels]) -> Mute | None:
        """Return what inhibits one alert with ``labels`` while alerts with the labels ``firing`` fire.

        Looks at all of ``firing``; who asks for many alerts keeps a :class:`Firing`.
        """
        if not any(rule.is_target(labels) for rule in self._rules):
            return None
        return self.firing((str(number), source) for number, source in enumerate(firing)).mute(labels)

    def __bool__(self) -> bool:
        """Return whether there is any rule."""
        return bool(self._rules)


def _told(labels: _Labels) -> str:
    names = sorted(labels, key=lambda name: (name != "alertname", name))
    told = ", ".join(written(name, "=", labels[name]) for name in names[:_SHOWN_LABELS])
    return told + (", ..." if len(names) > _SHOWN_LABELS else "")
