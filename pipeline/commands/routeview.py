"""How ``makegood routes`` shows a tree, and where an alert goes."""

from typing import TYPE_CHECKING, Any

from pipeline.commands import routesteps, shell

if TYPE_CHECKING:
    from alerts.duty import Duty
    from alerts.routing import Node, RouteMatch, Router, Tried
    from alerts.whereto import Whereto
    from config.settings import Settings

_MARKS = {"taken": "●", "passed": "│", "no_match": "✗", "not_tried": "·"}


def tell(answer: "Whereto", settings: "Settings", *, explain: bool, as_json: bool) -> None:
    """Say where an alert goes."""
    from alerts.duty_files import DutyFiles
    from pipeline.commands.times import told

    duty = DutyFiles(settings).current()
    if as_json:
        shell.out_json(_plain(answer, settings, duty, explain=explain))
        return
    for one in answer.destinations:
        match = one.match
        shell.out(f"{match.receiver}  ({_tiers(settings, match.receiver)})")
        shell.out(f"  route       {match.route}")
        shell.out(f"  group       {one.group_key}")
        shell.out(f"  times       {_times(match)}")
        if match.escalation is not None:
            shell.out(f"  escalation  {match.escalation}, unless somebody acknowledges:")
            told_us = answer.at_us + match.timing.wait_us
            for line in routesteps.step_lines(settings, match.escalation, duty, told_us):
                shell.out(f"              {line}")
    if answer.mutes:
        shell.out(f"hidden at {told(answer.at_us)}:")
        for mute in answer.mutes:
            shell.out(f"  {mute.kind} by {mute.by}: {mute.detail}")
    if explain:
        shell.out("every route:")
        for tried in answer.tried:
            shell.out(f"  {_said(tried)}")


def _said(tried: "Tried") -> str:
    own = _matchers(tried.node)
    what = {"taken": "takes it", "passed": "passes it on", "no_match": "", "not_tried": "not tried: "}[tried.outcome]
    return f"{'  ' * tried.depth}{_MARKS[tried.outcome]} {own} → {tried.node.match.receiver}: {what}{tried.why}"


def _matchers(node: "Node") -> str:
    return "{" + ", ".join(map(str, node.matchers)) + "}" if node.matchers else "{} (everything)"


def _times(match: "RouteMatch") -> str:
    from config.durations import format_duration_us

    wait, interval, repeat = (
        format_duration_us(one) for one in (match.timing.wait_us, match.timing.interval_us, match.timing.repeat_us)
    )
    return f"first told after {wait}, changes every {interval}, again after {repeat} without any"


def _tiers(settings: "Settings", receiver: str) -> str:
    found = settings.receivers.get(receiver)
    return "no such receiver" if found is None else " → ".join(tier.channel for tier in found.tiers)


def draw(router: "Router") -> None:
    """Draw the tree."""
    from rich.text import Text
    from rich.tree import Tree

    from pipeline.commands import drawing

    drawn: dict[int, Tree] = {}
    for depth, node in router.nodes():
        text = Text(f"{_matchers(node)} → {node.match.receiver}")
        text.append("".join(f"  {one}" for one in _notes(node)), style="dim")
        drawn[depth] = drawn[depth - 1].add(text) if depth else Tree(text)
    drawing.draw(drawn[0])


def _notes(node: "Node") -> list[str]:
    from alerts.routing import BY_ALL

    match = node.match
    by = "each alert alone" if match.group_by == (BY_ALL,) else "by " + ", ".join(match.group_by)
    notes = [by if match.group_by else "all in one group", _times(match)]
    if match.escalation is not None:
        notes.append(f"escalation {match.escalation}")
    return [*notes, "continue"] if node.goes_on else notes


def _plain_match(match: "RouteMatch", settings: "Settings") -> dict[str, Any]:
    from config.durations import format_duration_us

    receiver = settings.receivers.get(match.receiver)
    return {
        "route": match.route,
        "receiver": match.receiver,
        "channels": [] if receiver is None else [tier.channel for tier in receiver.tiers],
        "group_by": list(match.group_by),
        "group_wait": format_duration_us(match.timing.wait_us),
        "group_interval": format_duration_us(match.timing.interval_us),
        "repeat_interval": format_duration_us(match.timing.repeat_us),
        "escalation": match.escalation,
    }


def plain_node(depth: int, node: "Node", settings: "Settings") -> dict[str, Any]:
    """Return a route as JSON for machines."""
    own = {"depth": depth, "matchers": list(map(str, node.matchers)), "continue": node.goes_on}
    return {**own, **_plain_match(node.match, settings)}


def _plain(answer: "Whereto", settings: "Settings", duty: "Duty", *, explain: bool) -> dict[str, Any]:
    from alerts.model import rfc3339

    found: dict[str, Any] = {
        "labels": answer.labels,
        "at": rfc3339(answer.at_us),
        "routes": [
            {
                **_plain_match(one.match, settings),
                "group_key": one.group_key,
                "group_labels": one.group_labels,
                "escalation_steps": []
                if one.match.escalation is None
                else routesteps.plain_steps(
                    settings, one.match.escalation, duty, answer.at_us + one.match.timing.wait_us
                ),
            }
            for one in answer.destinations
        ],
        "mutes": [
            {
                "kind": mute.kind,
                "by": mute.by,
                "until": None if mute.until_us is None else rfc3339(mute.until_us),
                "detail": mute.detail,
            }
            for mute in answer.mutes
        ],
    }
    if explain:
        found["explain"] = [
            {"depth": one.depth, "route": one.node.match.route, "outcome": one.outcome, "why": one.why}
            for one in answer.tried
        ]
    return found
