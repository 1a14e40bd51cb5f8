"""What in the settings of delivery no alert can ever reach: routes, receivers, escalations, rules."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from alerts.implication import implied, impossible, opposite
from config.delivery import RouteSettings
from config.duty import ScheduleSettings
from config.matchers import Matcher, matchers_of
from config.problems import PathItems, dotted
from config.references import references
from config.settings import Settings


class Doubt(NamedTuple):
    """Something about settings that can be used, but hardly say what was meant.

    Attributes:
        level: ``error``: somebody would not be told as the file seems to promise. ``warning``: to be looked at.
        path: keys and positions that lead to it.
        message: what, and what to do.
    """

    level: Literal["error", "warning"]
    path: PathItems
    message: str


def route_doubts(root: RouteSettings) -> Iterator[Doubt]:
    """Yield the routes that are never reached; of a part of the tree only the topmost."""
    yield from _below(root, ("route",), (), ())


def _below(
    node: RouteSettings, path: PathItems, given: Sequence[Matcher], untaken: Sequence[Matcher]
) -> Iterator[Doubt]:
    """Yield the doubts below a node.

    Args:
        node: of the tree.
        path: of the node.
        given: matchers of the node and of those above it.
        untaken: what else holds for an alert that comes here: that no route before took it.
    """
    left = list(untaken)
    for number, child in enumerate(node.routes):
        here: PathItems = (*path, "routes", number)
        own = matchers_of(child.matchers)
        cover = _cover(node.routes[:number], (*given, *own))
        if impossible([*given, *own]):
            with_above = " together with those of the routes above it" if given and not impossible(own) else ""
            what = f"no alert can have all its labels: {_told(own)}{with_above} exclude each other; change the matchers"
            yield Doubt("error", (*here, "matchers"), what)
        elif cover is not None:
            before = dotted((*path, "routes", cover))
            what = f"is never reached: {before} takes everything that this route would, and stops there"
            yield Doubt("error", here, f"{what}. Put this route before it, or write `continue: true` there")
        elif impossible([*given, *left, *own]):
            what = "is never reached: the routes before it take everything that this route would, and stop there"
            yield Doubt("error", here, f"{what}. Put this route before them, or write `continue: true` there")
        else:
            yield from _below(child, here, (*given, *own), tuple(left))
        if not child.continue_ and len(own) == 1:
            left.append(opposite(own[0]))


def _cover(elders: Sequence[RouteSettings], matchers: Sequence[Matcher]) -> int | None:
    """Return the first elder sibling that takes, and keeps, everything that satisfies ``matchers``."""
    for number, elder in enumerate(elders):
        if not elder.continue_ and all(implied(one, matchers) for one in matchers_of(elder.matchers)):
            return number
    return None


def inhibition_doubts(settings: Settings) -> Iterator[Doubt]:
    """Yield the inhibition rules that can never hide anything."""
    for number, rule in enumerate(settings.inhibit_rules):
        path: PathItems = ("inhibit_rules", number)
        source, target = matchers_of(rule.source_matchers), matchers_of(rule.target_matchers)
        for side, matchers in (("source_matchers", source), ("target_matchers", target)):
            if impossible(matchers):
                what = f"no alert can have all these labels: {_told(matchers)} exclude each other"
                yield Doubt("warning", (*path, side), f"{what}, so the rule never holds; change the matchers")
        if impossible(source) or impossible(target):
            continue
        for label in rule.equal:
            if impossible(one for one in (*source, *target) if one.label == label):
                what = f"{label} must be equal in both, but source and target ask for different values of it"
                yield Doubt("warning", path, f"never holds: {what}; take {label} out of `equal`, or change a matcher")
        if all(implied(one, target) for one in source) and all(implied(one, source) for one in target):
            what = "every source is a target too, and an alert on both sides is not inhibited by another such"
            yield Doubt("warning", path, f"never holds: {what}; make the two sides different")


def reach_doubts(settings: Settings) -> Iterator[Doubt]:
    """Yield the escalations and receivers that no route leads to."""
    if settings.route is None:
        return
    receivers, escalations = _named(settings.route)
    for name in sorted(set(settings.escalations) - escalations):
        yield Doubt("warning", ("escalations", name), f"no route says `escalation: {name}`, so it never begins")
    for name in escalations & set(settings.escalations):
        receivers |= _of_escalation(settings, name)
    receivers |= {
        name
        for path, reference, name in references(settings)
        if reference.section == "receivers" and path[0] not in {"route", "people", "escalations"}
    }
    for name in sorted(set(settings.receivers) - receivers):
        what = "no route, and no escalation that a route begins, leads to it, so nobody is told by it"
        yield Doubt("warning", ("receivers", name), f"{what}; name it in a route, or take it out")


def _named(route: RouteSettings) -> tuple[set[str], set[str]]:
    """Return the receivers and the escalations that a part of the tree names."""
    receivers = set() if route.receiver is None else {route.receiver}
    escalations = set() if route.escalation is None else {route.escalation}
    for child in route.routes:
        below = _named(child)
        receivers |= below[0]
        escalations |= below[1]
    return receivers, escalations


def _of_escalation(settings: Settings, name: str) -> set[str]:
    policy = settings.escalations[name]
    receivers, people = {policy.then}, set()
    for step in policy.steps:
        for target in step.notify:
            if target.receiver is not None:
                receivers.add(target.receiver)
            elif target.person is not None:
                people.add(target.person)
            elif target.schedule is not None:
                people |= _of_schedule(settings, settings.schedules[target.schedule])
    return receivers | {settings.people[person].receiver for person in people}


def _of_schedule(settings: Settings, schedule: ScheduleSettings) -> set[str]:
    if schedule.icalendar is not None:  # it may name anybody
        return set(settings.people)
    taking_turns = {person for rotation in schedule.rotations for person in rotation.people}
    return taking_turns | {person for override in schedule.overrides for person in override.people}


def _told(matchers: Sequence[Matcher]) -> str:
    return ", ".join(map(str, matchers))
