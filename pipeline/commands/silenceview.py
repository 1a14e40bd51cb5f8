"""How ``makegood silence`` shows silences, and what they hide."""

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.model import AlertRecord
    from alerts.preview import Episode, Preview
    from alerts.silences import Silence

_SHOWN = 20


def listed(silences: "Sequence[Silence]", now_us: int, *, as_json: bool) -> None:
    """List silences."""
    if as_json:
        shell.out_json([plain(silence, now_us) for silence in silences])
        return
    if not silences:
        shell.out("no silences")
        return
    from pipeline.commands.times import told

    rows = []
    for one in silences:
        when = (told(one.starts_us), told(one.ends_us))
        rows.append((one.id, one.state(now_us), *when, one.author, ", ".join(one.matchers), one.comment))
    columns = ("silence", "state", "starts", "ends", "by", "matchers", "comment")
    shell.out_table(columns, rows, wraps=("matchers", "comment"))


def show(
    silence: "Silence", hidden: "Sequence[AlertRecord]", now_us: int, *, preview: "Preview | None" = None, as_json: bool
) -> None:
    """Show a silence, and the alerts that fire and match it."""
    from alerts.model import rfc3339, to_json
    from pipeline.commands.times import told

    state = silence.state(now_us)
    if as_json:
        found = plain(silence, now_us)
        found["edits"] = [{"at": rfc3339(one.at_us), "by": one.by, "what": one.what} for one in silence.edits]
        found["firing"] = [to_json(one.current) for one in hidden]
        if preview is not None:
            found["preview"] = {"hidden": len(preview.hidden), "total": preview.total, "from": rfc3339(preview.from_us)}
        shell.out_json(found)
        return
    shell.out(f"silence {silence.id} ({state}, version {silence.version})")
    shell.out(f"  matchers  {', '.join(silence.matchers)}")
    shell.out(f"  from      {told(silence.starts_us)}")
    shell.out(f"  until     {told(silence.ends_us)}")
    shell.out(f"  by        {silence.author}")
    shell.out(f"  comment   {silence.comment}")
    for edit in silence.edits if len(silence.edits) > 1 or silence.replaces is not None else ():
        shell.out(f"  {told(edit.at_us)}  {edit.by}: {edit.what}")
    if state != "expired":
        _hidden("hides" if state == "active" else "would hide", hidden)
    if preview is not None:
        shell.out(_counted(preview))


def previewed(
    found: "Preview", *, firing: "Sequence[AlertRecord] | None", unseen: Sequence[str] = (), as_json: bool
) -> None:
    """Say what would have been hidden.

    Args:
        found: of the last days.
        firing: what it would hide now; None: that was not asked.
        unseen: doubts about the matchers.
        as_json: for machines.
    """
    from alerts.model import rfc3339, to_json

    if as_json:
        shell.out_json(
            {
                "firing": None if firing is None else [to_json(one.current) for one in firing],
                "unseen": list(unseen),
                "from": rfc3339(found.from_us),
                "to": rfc3339(found.to_us),
                "total": found.total,
                "hidden": [_plain_episode(one) for one in found.hidden],
                "late": [_plain_episode(one) for one in found.late],
            }
        )
        return
    if firing is not None:
        _hidden("would hide", firing, elsewhere={one.fingerprint for one in found.hidden[-_SHOWN:]})
    shell.out(_counted(found))
    _episodes(found.hidden)
    for doubt in unseen:
        shell.out(f"note: {doubt}")
    if found.late:
        shell.out(f"would have told {_alerts(len(found.late))} late, when the window had ended")
        _episodes(found.late)


def plain(silence: "Silence", now_us: int) -> dict[str, Any]:
    """Return a silence as JSON for machines."""
    from alerts.model import rfc3339

    return {
        "id": silence.id,
        "state": silence.state(now_us),
        "matchers": list(silence.matchers),
        "startsAt": rfc3339(silence.starts_us),
        "endsAt": rfc3339(silence.ends_us),
        "createdBy": silence.author,
        "comment": silence.comment,
        "createdAt": rfc3339(silence.created_us),
        "updatedAt": rfc3339(silence.updated_us),
        "version": silence.version,
        "replaces": silence.replaces,
    }


def _hidden(verb: str, hidden: "Sequence[AlertRecord]", elsewhere: Container[str] = ()) -> None:
    """Tell what is hidden now; not again what the lines after this list anyway."""
    from pipeline.commands.times import told

    shell.out(f"{verb} {_alerts(len(hidden))} that fire{'s' if len(hidden) == 1 else ''} now")
    listed = [record.current for record in hidden if record.current.fingerprint not in elsewhere]
    for change in listed[:_SHOWN]:
        shell.out(f"  {told(change.starts_at_us)}  {change.fingerprint}  {change.annotations.get('summary', '')}")
    _more(len(listed))


def _counted(found: "Preview") -> str:
    from pipeline.commands.times import told

    days = (found.to_us - found.from_us) // 86_400_000_000
    span = f"in the last {days} days" if days != 1 else "in the last day"
    return f"would have hidden {len(found.hidden)} of {_alerts(found.total)} {span} (since {told(found.from_us)})"


def _episodes(found: "Sequence[Episode]") -> None:
    from pipeline.commands.times import told

    for one in found[-_SHOWN:]:
        until = "still fires" if one.ends_us is None else f"until {told(one.ends_us)}"
        shell.out(f"  {told(one.told_us)}  {until}  {one.fingerprint}  {one.summary}")
    _more(len(found))


def _plain_episode(one: "Episode") -> dict[str, Any]:
    from alerts.model import rfc3339

    return {
        "fingerprint": one.fingerprint,
        "labels": one.labels,
        "summary": one.summary,
        "toldAt": rfc3339(one.told_us),
        "startsAt": rfc3339(one.starts_us),
        "endsAt": None if one.ends_us is None else rfc3339(one.ends_us),
    }


def _alerts(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"


def _more(count: int) -> None:
    if count > _SHOWN:
        shell.out(f"  and {count - _SHOWN} more; --json has them all")
