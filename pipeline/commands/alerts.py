"""``makegood alerts``: what the store knows."""

from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from pipeline.commands import answers, shell

if TYPE_CHECKING:
    from alerts.model import AlertDetail, AlertRecord, NotificationRecord

_STATUSES = ("firing", "resolved", "all")


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(
        app,
        "alerts",
        example="makegood alerts --config makegood.yaml --match 'severity=\"critical\"'\n"
        "makegood alerts --config makegood.yaml 0f3a9c5512de7f80",
    )
    def alerts(
        config: shell.Config,
        alert: Annotated[
            str | None,
            typer.Argument(
                metavar="[ALERT]",
                help="Show this one with its history, what was answered, and every try to tell somebody: its "
                "fingerprint, or how that begins, or its code out of a message (K7F).",
            ),
        ] = None,
        *,
        status: Annotated[str, typer.Option(metavar="STATUS", help="firing, resolved or all.")] = "firing",
        match: Annotated[
            list[str] | None,
            typer.Option(metavar="MATCHER", help='Label matcher, like severity="critical" or team=~"pay.*".'),
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """List alerts, newest first, or show one with its history and deliveries."""
        from alerts.incidents import Incidents
        from alerts.lookup import Lookup
        from alerts.opening import open_store
        from config.matchers import parse_matcher

        if status not in _STATUSES:
            msg = f"--status {status}: expected one of {', '.join(_STATUSES)}"
            raise shell.UserError(msg)
        try:
            matchers = [parse_matcher(text) for text in match or []]
        except ValueError as error:
            msg = f"--match: {error}"
            raise shell.UserError(msg) from error
        settings = shell.load(config)
        with open_store(settings.store) as store:
            if alert is not None:
                found = answers.find(Lookup(store, Incidents(store, settings.incidents)), alert)
                if len(found.alerts) > 1:
                    told = "".join(f"\n  {one.fingerprint}" for one in found.alerts)
                    msg = f"{alert} is about several alerts; name one of them:{told}"
                    raise shell.UserError(msg)
                fingerprint = found.alerts[0].fingerprint
                detail = store.get(fingerprint)
                if detail is None:
                    msg = f"{fingerprint} has expired just now; `makegood alerts --status all` lists those there are"
                    raise shell.UserError(msg, shell.FOUND_WRONG)
                said = answers.of(store, settings, fingerprint)
                _show(detail, said, as_json=as_json)
                return
            wanted = None if status == "all" else cast("Literal['firing', 'resolved']", status)
            _list(store.list_alerts(status=wanted, matchers=matchers), as_json=as_json)


def _list(records: "list[AlertRecord]", *, as_json: bool) -> None:
    from alerts.model import to_json

    if as_json:
        shell.out_json([{**to_json(record.current), "changes": record.changes} for record in records])
        return
    if not records:
        shell.out("no alerts")
        return
    rows = []
    for record in records:
        told = to_json(record.current)
        labels, annotations = told["labels"], told["annotations"]
        since = told["startsAt"][:19].replace("T", " ") + "Z"
        rows.append(
            (
                told["status"],
                labels.get("severity", ""),
                since,
                labels.get("alertname", ""),
                annotations.get("summary", ""),
                told["fingerprint"],
            )
        )
    shell.out_table(("status", "severity", "since", "alert", "summary", "fingerprint"), rows, wraps=("summary",))


def _show(detail: "AlertDetail", said: answers.Answers, *, as_json: bool) -> None:
    from alerts.model import rfc3339, to_json
    from pipeline.explaining.words import clock, moment

    if as_json:
        history = [{**to_json(change), "step": change.step, "at": rfc3339(change.at_us)} for change in detail.history]
        notes = [_note(note) for note in detail.notifications]
        shell.out_json({**to_json(detail.current), **said.plain(), "history": history, "notifications": notes})
        return
    current = to_json(detail.current)
    shell.out(f"{current['status']}  {current['annotations'].get('summary', '')}")
    shell.out(f"  {current['annotations'].get('description', '')}")
    for name, value in sorted(current["labels"].items()):
        shell.out(f"  {name}: {value}")
    for line in said.lines():
        shell.out(line)
    shell.out("history")
    for change in detail.history:
        shell.out(f"  {moment(change.at_us)}  {change.status}  {change.step}")
    shell.out("notifications")
    for note in detail.notifications:
        shell.out(f"  {note.receiver}: {note.status}" + (", undelivered" if note.undelivered else ""))
        for tried in note.tries:
            why = f"  {tried.reason}: {tried.detail}" if tried.reason else ""
            shell.out(f"    {clock(tried.at_us)}  tier {tried.tier}  {tried.channel}  {tried.outcome}{why}")
        for one in note.receipts:
            why = f"  {one.detail}" if one.detail else ""
            shell.out(f"    {clock(one.at_us)}  receipt  {one.channel}  {one.status}, {one.recipient}{why}")


def _note(note: "NotificationRecord") -> dict[str, Any]:
    from alerts.model import rfc3339

    tries = [
        {
            "at": rfc3339(tried.at_us),
            "tier": tried.tier,
            "channel": tried.channel,
            "outcome": tried.outcome,
            "reason": tried.reason,
            "detail": tried.detail,
            "took_us": tried.took_us,
        }
        for tried in note.tries
    ]
    return {
        "key": note.key,
        "kind": note.kind,
        "changes": list(note.changes),
        "group": note.group,
        "receiver": note.receiver,
        "status": note.status,
        "undelivered": note.undelivered,
        "accepted": rfc3339(note.accepted_us),
        "done": None if note.done_us is None else rfc3339(note.done_us),
        "note": note.note,
        "tries": tries,
        "receipts": [
            {
                "at": rfc3339(one.at_us),
                "channel": one.channel,
                "recipient": one.recipient,
                "provider_id": one.provider_id,
                "status": one.status,
                "outcome": one.outcome,
                "reason": one.reason,
                "detail": one.detail,
                "via": one.via,
            }
            for one in note.receipts
        ],
    }
