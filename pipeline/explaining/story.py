"""What is known of the way of one alert: routes, groups, decisions, notifications with every try, responses."""

from collections.abc import Sequence

import msgspec

from alerts.codes import ShortCodes
from alerts.duty_files import DutyFiles
from alerts.group_reading import groups_with, unrouted
from alerts.grouping import Timing
from alerts.incident_scope import feeds_by_detector
from alerts.incidents import Incidents
from alerts.inhibition import Inhibitor
from alerts.maintenance import Maintenance
from alerts.model import AlertDetail, IncidentNote
from alerts.muting import Mute
from alerts.response_model import Response, Standing
from alerts.responses import Responses
from alerts.routing import Router, Tried
from alerts.silences import SilenceBook
from alerts.store import AlertStore
from alerts.whereto import whereto
from config.settings import Settings
from pipeline.explaining.escalations import EscalationTold, escalation_of
from pipeline.explaining.notes import NoteTold, notes_about
from sinks.audit.report import load_report


class NodeTold(msgspec.Struct, frozen=True, kw_only=True):
    """A route, and what becomes of the alert there by the settings of now.

    Attributes:
        outcome: ``taken``, ``passed`` (a route below takes it), ``no_match`` or ``not_tried``. why: in words.
        matchers: its own.
    """

    depth: int
    route: str
    matchers: tuple[str, ...]
    receiver: str
    escalation: str | None
    outcome: str
    why: str


class GroupTold(msgspec.Struct, frozen=True, kw_only=True):
    """A group that the alert is in now.

    Attributes:
        alerts, firing: how many are in it.
        timing: of its route; None: the settings have that route no longer.
        first_us: its first tick, which is when it was first to be told.
        tick_us: the next one on which something can come of it; None: there is none until something changes.
        due_us: when it is looked at next, also for its escalation. held: a notifier is looking at it now.
        told_us: when its receiver was told last; None: never. repeat_us: when it is told again if nothing changes.
        told_firing: whether its receiver knows that this alert fires.
        waiting: ids of this alert's changes of which it is still to decide.
    """

    name: str
    receiver: str
    route: str
    alerts: int
    firing: int
    timing: Timing | None
    first_us: int
    tick_us: int | None
    due_us: int | None
    held: bool
    told_us: int | None
    repeat_us: int | None
    told_firing: bool
    waiting: tuple[str, ...]
    escalation: EscalationTold | None


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one alert.

    Attributes:
        now_us: when this was read.
        code: by which people call the alert. incident: its name, with its title; None: it is in none.
        nodes: every route, depth first. groups: that it is in now.
        mutes: what hides it now.
        unrouted: ids of changes that no notifier has put into a group yet.
        notes: notifications about it, in order.
        responses: what people said. acknowledged: the response that holds now.
        audit: what the last audit found of it, a line each; audited_us: when that was; None: there was none.
        failing: channels that fail now, and since when.
    """

    detail: AlertDetail
    now_us: int
    code: str
    incident: IncidentNote | None
    nodes: tuple[NodeTold, ...]
    groups: tuple[GroupTold, ...]
    mutes: tuple[Mute, ...]
    unrouted: tuple[str, ...]
    notes: tuple[NoteTold, ...]
    responses: tuple[Response, ...]
    acknowledged: Response | None
    assigned: str | None
    audit: tuple[str, ...]
    audited_us: int | None
    failing: dict[str, int]


def gather(store: AlertStore, settings: Settings, detail: AlertDetail, now_us: int) -> Story:
    """Read what is known of an alert's way.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    print_ = detail.current.fingerprint
    standing = Responses(store, settings.responses).of(print_)
    nodes, mutes = _routes(store, settings, detail, now_us)
    incidents = Incidents(store, settings.incidents, feeds_by_detector(settings.detectors, settings.incidents))
    number = incidents.of(print_)
    found = None if number is None else incidents.get(number, now_us, most=0)
    report = load_report(store)
    notes, failing = notes_about(store, detail)
    keys = [note.record.key for note in notes]
    return Story(
        detail=detail,
        now_us=now_us,
        code=ShortCodes(store).short_code(print_),
        incident=None
        if found is None
        else IncidentNote(
            id=found.incident.name,
            title=found.incident.title,
            alerts=found.incident.alerts,
            customers=found.incident.customers,
            evidence=found.incident.evidence_lines,
            blind=found.incident.blind_lines,
        ),
        nodes=nodes,
        groups=_groups(store, settings, print_, standing, now_us),
        mutes=mutes,
        unrouted=tuple(unrouted(store, [change.change_id for change in detail.history])),
        notes=notes,
        responses=() if standing is None else standing.responses,
        acknowledged=_holding(standing, now_us),
        assigned=None if standing is None or standing.assignment is None else standing.assignment.to,
        audit=() if report is None else _about(report.findings, [print_, *keys]),
        audited_us=None if report is None else report.at_us,
        failing=failing,
    )


def _routes(
    store: AlertStore, settings: Settings, detail: AlertDetail, now_us: int
) -> tuple[tuple[NodeTold, ...], tuple[Mute, ...]]:
    if settings.route is None:
        return (), ()
    current = detail.current
    firing = [
        (one.current.fingerprint, one.current.labels)
        for one in (store.list_alerts(status="firing") if settings.inhibit_rules else [])
        if one.current.fingerprint != current.fingerprint
    ]
    answer = whereto(
        current.labels,
        now_us,
        router=Router(settings.route),
        firing=Inhibitor(settings.inhibit_rules).firing(firing),
        maintenance=Maintenance(settings.maintenance_windows),
        silences=SilenceBook(store).list(now_us),
    )
    return tuple(map(_node, answer.tried)), answer.mutes


def _node(tried: Tried) -> NodeTold:
    return NodeTold(
        depth=tried.depth,
        route=tried.node.match.route,
        matchers=tuple(map(str, tried.node.matchers)),
        receiver=tried.node.match.receiver,
        escalation=tried.node.match.escalation,
        outcome=tried.outcome,
        why=tried.why,
    )


def _groups(
    store: AlertStore, settings: Settings, print_: str, standing: Standing | None, now_us: int
) -> tuple[GroupTold, ...]:
    router = None if settings.route is None else Router(settings.route)
    duty = DutyFiles(settings).current()
    found = []
    for one in groups_with(store, print_):
        group = one.group
        match = None if router is None else router.route(group.route)
        timing = None if match is None else match.timing
        told_us = None if group.told is None else group.told.at_us
        firing = sum(member.change.status == "firing" for member in group.members)
        held = _holding(standing, now_us)
        found.append(
            GroupTold(
                name=group.name,
                receiver=group.receiver,
                route=group.route,
                alerts=len(group.members),
                firing=firing,
                timing=timing,
                first_us=group.origin_us,
                tick_us=group.tick_us,
                due_us=one.due_us,
                held=one.held,
                told_us=told_us,
                repeat_us=told_us + timing.repeat_us if told_us is not None and timing is not None and firing else None,
                told_firing=group.told is not None and group.told.knows(print_),
                waiting=tuple(news.change_id for news in group.news if news.fingerprint == print_),
                escalation=escalation_of(
                    group, None if match is None else match.escalation, settings.escalations, duty, held, now_us
                ),
            )
        )
    return tuple(found)


def _holding(standing: Standing | None, now_us: int) -> Response | None:
    """Return the response by which an alert counts as acknowledged now."""
    if standing is None or standing.acknowledgement is None or not standing.acknowledged(now_us):
        return None
    held = standing.acknowledgement
    return next(
        (one for one in reversed(standing.responses) if one.kind == "acknowledge" and one.at_us == held.at_us), None
    )


def _about(lines: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if any(name in line for name in names))
