"""To whom an alert goes, and in which group: the routing tree, as Alertmanager walks it."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from alerts.grouping import Timing
from config.delivery import RouteSettings
from config.durations import US_PER_SECOND
from config.matcher_syntax import quoted
from config.matchers import Matcher, condition, matchers_of

DEFAULT_TIMING = Timing(wait_us=30 * US_PER_SECOND, interval_us=300 * US_PER_SECOND, repeat_us=4 * 3600 * US_PER_SECOND)
"""Of Alertmanager: group_wait, group_interval, repeat_interval."""
BY_ALL = "..."


class RouteMatch(msgspec.Struct, frozen=True, kw_only=True):
    """A node of the tree that takes an alert, with what holds there, its own or inherited.

    Attributes:
        route: id of the node: Alertmanager's key of the route, like ``{}/{severity="critical"}``. Where a node has an
            elder sibling with the same matchers, which Alertmanager's keys do not tell apart, ``#2`` and so on follows.
        receiver: who is told.
        group_by: names of labels, sorted; ``("...",)``: all labels; empty: the whole route is one group.
        timing: group_wait, group_interval and repeat_interval.
        escalation: name of the policy; None: there is none.
    """

    route: str
    receiver: str
    group_by: tuple[str, ...]
    timing: Timing
    escalation: str | None

    def group_labels(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels by which an alert is grouped, sorted; those that it lacks are left out."""
        names = sorted(labels) if self.group_by == (BY_ALL,) else self.group_by
        return {name: labels[name] for name in names if labels.get(name)}

    def group_key(self, labels: Mapping[str, str]) -> str:
        """Return the key of an alert's group, as Alertmanager writes it: ``{}/{team="web"}:{service="shop"}``."""
        group = ", ".join(f"{name}={quoted(value)}" for name, value in self.group_labels(labels).items())
        return f"{self.route}:{{{group}}}"


class Node:
    """A compiled node.

    Attributes:
        match: what an alert gets that this node takes.
        matchers: sorted as in the route's id.
        goes_on: whether siblings after it are tried too.
    """

    __slots__ = ("children", "goes_on", "match", "matchers", "test")

    def __init__(self, settings: RouteSettings, parent: "Node | None", taken: dict[str, int]) -> None:
        self.matchers: tuple[Matcher, ...] = tuple(
            sorted(matchers_of(settings.matchers), key=lambda one: (one.label, one.value, _ORDER.index(one.operator)))
        )
        self.test = condition(self.matchers)
        self.goes_on = settings.continue_
        key = f"{{{','.join(map(str, self.matchers))}}}"
        taken[key] = taken.get(key, 0) + 1
        key += f"#{taken[key]}" if taken[key] > 1 else ""
        above: RouteMatch | None = None if parent is None else parent.match
        timing = DEFAULT_TIMING if above is None else above.timing
        self.match: RouteMatch = RouteMatch(
            route=key if above is None else f"{above.route}/{key}",
            receiver=settings.receiver or ("" if above is None else above.receiver),
            # An empty list is as none: so reads it Alertmanager.
            group_by=tuple(sorted(settings.group_by or (() if above is None else above.group_by))),
            timing=Timing(
                wait_us=_own(settings.group_wait, timing.wait_us),
                interval_us=_own(settings.group_interval, timing.interval_us),
                repeat_us=_own(settings.repeat_interval, timing.repeat_us),
            ),
            escalation=settings.escalation or (None if above is None else above.escalation),
        )
        below: dict[str, int] = {}
        self.children = tuple(Node(child, self, below) for child in settings.routes)

    def find(self, labels: Mapping[str, str], found: list[RouteMatch]) -> None:
        """Add what takes an alert below this node, which matches; the node itself where no child does."""
        before = len(found)
        for child in self.children:
            if child.test(labels):
                child.find(labels, found)
                if not child.goes_on:
                    break
        if len(found) == before:
            found.append(self.match)


_ORDER = ("=", "!=", "=~", "!~")


def _own(value: int | None, inherited: int) -> int:
    return inherited if value is None else value


class Tried(NamedTuple):
    """What became of a node when an alert was routed.

    Attributes:
        depth: 0 for the root.
        outcome: ``taken`` (it takes the alert), ``passed`` (a child takes it), ``no_match`` or ``not_tried``.
        why: in words: which matcher did not match, or which sibling came before.
    """

    node: Node
    depth: int
    outcome: str
    why: str


class Router:
    """The compiled tree of one settings file.

    Args:
        root: its ``route``.
    """

    def __init__(self, root: RouteSettings) -> None:
        self.root = Node(root, None, {})
        self._by_id = {node.match.route: node.match for _depth, node in self.nodes()}

    def match(self, labels: Mapping[str, str]) -> list[RouteMatch]:
        """Return an entry for each node that takes an alert with ``labels``, in the order of the tree; never none."""
        found: list[RouteMatch] = []
        self.root.find(labels, found)
        return found

    def nodes(self) -> Iterator[tuple[int, Node]]:
        """Yield every node with its depth, depth first, as they stand in the settings."""
        stack = [(0, self.root)]
        while stack:
            depth, node = stack.pop()
            yield depth, node
            stack += [(depth + 1, child) for child in reversed(node.children)]

    def route(self, route_id: str) -> RouteMatch | None:
        """Return what holds at a node; None when there is none with this id (any more)."""
        return self._by_id.get(route_id)

    def explain(self, labels: Mapping[str, str]) -> list[Tried]:
        """Return every node, depth first, with what became of it."""
        told: list[Tried] = []
        _explain(self.root, labels, 0, told)
        return told


def _explain(node: Node, labels: Mapping[str, str], depth: int, told: list[Tried]) -> None:
    """Tell of a node that matches, and of everything below."""
    place = len(told)
    before: Node | None = None
    any_child = False
    for child in node.children:
        if before is not None:
            _untried(child, f"{_named(before)} matched before it, without continue", depth + 1, told)
        elif child.test(labels):
            any_child = True
            _explain(child, labels, depth + 1, told)
            before = None if child.goes_on else child
        else:
            told.append(Tried(child, depth + 1, "no_match", _why_not(child, labels)))
            for grandchild in child.children:
                _untried(grandchild, "its parent does not match", depth + 2, told)
    told.insert(place, Tried(node, depth, "passed" if any_child else "taken", ""))


def _untried(node: Node, why: str, depth: int, told: list[Tried]) -> None:
    told.append(Tried(node, depth, "not_tried", why))
    for child in node.children:
        _untried(child, "its parent was not tried", depth + 1, told)


def _named(node: Node) -> str:
    return f"{{{','.join(map(str, node.matchers))}}}"


def _why_not(node: Node, labels: Mapping[str, str]) -> str:
    failed = [matcher for matcher in node.matchers if not matcher.matches(labels)]
    return "; ".join(
        f"{matcher} does not match: {matcher.label} is {quoted(labels[matcher.label])}"
        if labels.get(matcher.label)
        else f"{matcher} does not match: there is no {matcher.label}"
        for matcher in failed
    )


def matching_routes(labels: Mapping[str, str], root: RouteSettings) -> list[RouteMatch]:
    """Return what :meth:`Router.match` does, compiled for this once."""
    return Router(root).match(labels)
