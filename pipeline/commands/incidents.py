"""``makegood incidents``: what belongs together, with the evidence of each feed."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from pipeline.commands import answers, respond, shell

if TYPE_CHECKING:
    from alerts.incident_model import Incident, IncidentDetail
    from alerts.response_model import Standing

_STATUSES = ("open", "ended", "all")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Alerts that belong together: list incidents, show one.")
    app.add_typer(group, name="incidents")
    _register_list(group)
    _register_show(group)


def _register_list(group: typer.Typer) -> None:
    @shell.command(group, "list", example="makegood incidents list --config makegood.yaml")
    def list_(
        config: shell.Config,
        *,
        status: Annotated[str, typer.Option(metavar="STATUS", help="open, ended or all.")] = "open",
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
        as_json: shell.Json = False,
    ) -> None:
        """List incidents, those that fire first, then the newest."""
        from alerts.incidents import Incidents
        from alerts.opening import open_store
        from pipeline.clock import wall_clock_us

        if status not in _STATUSES:
            msg = f"--status {status}: expected one of {', '.join(_STATUSES)}"
            raise shell.UserError(msg)
        settings = shell.load(config)
        wanted = None if status == "all" else cast("Literal['open', 'ended']", status)
        with open_store(settings.store) as store:
            found = Incidents(store, settings.incidents).list_incidents(wall_clock_us(), status=wanted, most=limit)
        if as_json:
            shell.out_json([_plain(one) for one in found])
            return
        if not found:
            shell.out("no incidents" if status == "all" else f"no incidents that are {status}")
            return
        _table(found)


def _register_show(group: typer.Typer) -> None:
    @shell.command(group, "show", example="makegood incidents show INC-7 --config makegood.yaml")
    def show(
        config: shell.Config,
        incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="INC-7, or 7; or one of its alerts.")],
        *,
        limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many alerts at most.")] = 50,
        as_json: shell.Json = False,
    ) -> None:
        """Show an incident: what each feed says, which are silent, whom it touches, who has its alerts in hand."""
        from pipeline.clock import wall_clock_us

        now_us = wall_clock_us()
        with respond.opened(config) as (_settings, lookup, responses):
            number = int(incident) if incident.isdecimal() and len(incident) <= 12 else _number(lookup, incident)
            detail = lookup.incidents.get(number, now_us, most=limit)
            if detail is None:
                msg = f"there is no incident INC-{number}; `makegood incidents list --status all` lists those there are"
                raise shell.UserError(msg, shell.FOUND_WRONG)
            told = {member.change.fingerprint: responses.of(member.change.fingerprint) for member in detail.members}
        if as_json:
            shell.out_json(_plain_detail(detail, told, now_us))
        else:
            _show(detail, told, now_us)


def _number(lookup: Any, name: str) -> int:
    found = answers.find(lookup, name)
    if found.kind == "incident":
        return int(found.name.rpartition("-")[2])
    numbers = {lookup.incidents.of(alert.fingerprint, alert.starts_at_us) for alert in found.alerts} - {None}
    if len(numbers) != 1:
        told = ", ".join(f"INC-{number}" for number in sorted(numbers))
        msg = f"{name}: its alerts are in several incidents: {told}" if told else f"{name} is in no incident"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    return cast("int", numbers.pop())


def _table(found: "list[Incident]") -> None:
    rows = []
    for one in found:
        blind = "".join(f" ({feed} silent)" for feed in dict.fromkeys(each.feed for each in one.blind))
        rows.append(
            (
                one.name,
                one.status,
                one.severity,
                _time(one.first_us),
                f"{one.firing}/{one.alerts}",
                str(one.customers),
                "; ".join(each.feed for each in one.feeds) + blind,
                one.title,
            )
        )
    columns = ("incident", "status", "severity", "since", "alerts", "customers", "feeds", "title")
    shell.out_table(columns, rows, wraps=("title",))


def _show(detail: "IncidentDetail", told: "dict[str, Standing | None]", now_us: int) -> None:
    one = detail.incident
    ended = "" if one.ended_us is None else f" to {_time(one.ended_us)}"
    shell.out(f"{one.name}  {one.status}  {one.severity}  {one.title}")
    shell.out(f"  from {_time(one.first_us)}{ended}; {one.firing} of {one.alerts} alerts fire")
    for label, values in one.touched.items():
        if values:
            shell.out(f"  {label}: {', '.join(values)}")
    if one.customers:
        shell.out(f"  customers touched: {one.customers}")
    shell.out("evidence")
    for line in one.evidence_lines or ("none: no feed that can be seen says anything",):
        shell.out(f"  {line}")
    if one.blind:
        shell.out("cannot be seen")
        for line in one.blind_lines:
            shell.out(f"  {line}")
    if one.linked:
        shell.out(f"linked: {', '.join(f'INC-{number}' for number in one.linked)}")
    shell.out("alerts")
    for member in detail.members:
        change = member.change
        state = "undone" if member.undone else change.status
        who = told[change.fingerprint]
        hand = f"  ({_in_hand(who, change.starts_at_us, now_us)})" if who is not None else ""
        summary = change.annotations.get("summary", "")
        shell.out(f"  {change.fingerprint}  {state}  {_time(change.starts_at_us)}  {summary}{hand}".replace("  ()", ""))
    if len(detail.members) < one.alerts:
        shell.out(f"  and {one.alerts - len(detail.members)} more (--limit)")


def _in_hand(told: "Standing", episode_us: int, now_us: int) -> str:
    if told.current.starts_at_us != episode_us or told.acknowledgement is None or not told.acknowledged(now_us):
        return ""
    return f"acknowledged by {told.acknowledgement.by}"


def _time(time_us: int) -> str:
    from alerts.model import rfc3339

    return rfc3339(time_us)[:19].replace("T", " ") + "Z"


def _plain(one: "Incident") -> dict[str, Any]:
    from alerts.model import rfc3339

    return {
        "incident": one.name,
        "number": one.number,
        "status": one.status,
        "severity": one.severity,
        "title": one.title,
        "about": one.about,
        "touched": {label: list(values) for label, values in one.touched.items()},
        "customers": one.customers,
        "alerts": one.alerts,
        "firing": one.firing,
        "feeds": [{"feed": f.feed, "alerts": f.alerts, "firing": f.firing, "says": f.says} for f in one.feeds],
        "blind": [
            {
                "feed": b.feed,
                "since": rfc3339(b.since_us),
                "until": None if b.until_us is None else rfc3339(b.until_us),
                "says": b.says,
                "fingerprint": b.fingerprint,
            }
            for b in one.blind
        ],
        "first": rfc3339(one.first_us),
        "last": rfc3339(one.last_us),
        "ended": None if one.ended_us is None else rfc3339(one.ended_us),
        "linked": [f"INC-{number}" for number in one.linked],
    }


def _plain_detail(detail: "IncidentDetail", told: "dict[str, Standing | None]", now_us: int) -> dict[str, Any]:
    from alerts.model import to_json

    members = []
    for member in detail.members:
        who = told[member.change.fingerprint]
        hand = "" if who is None else _in_hand(who, member.change.starts_at_us, now_us)
        members.append(
            {
                **to_json(member.change),
                "feed": member.feed,
                "undone": member.undone,
                "acknowledged_by": hand.removeprefix("acknowledged by ") or None,
            }
        )
    return {**_plain(detail.incident), "members": members}
