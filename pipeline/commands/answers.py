"""What people have answered to an alert, as commands show it; and finding the alert that they mean."""

from typing import TYPE_CHECKING, Any

from pipeline.commands import shell

if TYPE_CHECKING:
    from alerts.lookup import Found, Lookup
    from alerts.response_model import Response, Standing
    from alerts.store import AlertStore
    from config.settings import Settings


class Answers:
    """What people have said of an alert, for who looks at it."""

    def __init__(self, standing: "Standing | None", code: str, incident: int | None, now_us: int) -> None:
        self._standing = standing
        self._code = code
        self._incident = None if incident is None else f"INC-{incident}"
        self._now_us = now_us

    def plain(self) -> dict[str, Any]:
        """Return it as JSON for machines."""
        from alerts.model import rfc3339

        told, acknowledged = self._standing, None
        if told is not None and told.acknowledgement is not None and told.acknowledged(self._now_us):
            one = told.acknowledgement
            ends = None if one.until_us is None else rfc3339(one.until_us)
            acknowledged = {"by": one.by, "via": one.via, "at": rfc3339(one.at_us), "until": ends}
        assigned = None if told is None or told.assignment is None else told.assignment.to
        responses = [] if told is None else [plain_response(one) for one in told.responses]
        return {
            "code": self._code,
            "incident": self._incident,
            "acknowledged": acknowledged,
            "assigned": assigned,
            "responses": responses,
        }

    def lines(self) -> list[str]:
        """Return it as text."""
        from pipeline.commands.times import told

        plain = self.plain()
        lines = [f"code {self._code}" + (f", incident {self._incident}" if self._incident else "")]
        held = plain["acknowledged"]
        if held is not None:
            lines.append(
                f"acknowledged by {held['by']}"
                + (f" until {held['until'][:19].replace('T', ' ')}Z" if held["until"] else "")
            )
        if plain["assigned"] is not None:
            lines.append(f"assigned to {plain['assigned']}")
        if self._standing is not None and self._standing.responses:
            lines.append("responses")
        for one in () if self._standing is None else self._standing.responses:
            more = f" until {told(one.until_us)}" if one.until_us is not None else ""
            more += f" to {one.to}" if one.to else ""
            text = f": {one.text}" if one.text else ""
            lines.append(f"  {told(one.at_us)}  {one.by}, by {one.via}: {one.kind}{more}{text}")
        return lines


def of(store: "AlertStore", settings: "Settings", fingerprint: str) -> Answers:
    """Return what people have said of an alert."""
    from alerts.codes import ShortCodes
    from alerts.incidents import Incidents
    from alerts.responses import Responses
    from pipeline.clock import wall_clock_us

    return Answers(
        Responses(store, settings.responses).of(fingerprint),
        ShortCodes(store).short_code(fingerprint),
        Incidents(store, settings.incidents).of(fingerprint),
        wall_clock_us(),
    )


def plain_response(response: "Response") -> dict[str, Any]:
    """Return a response as JSON for machines."""
    from alerts.model import rfc3339

    return {
        "number": response.number,
        "kind": response.kind,
        "id": response.id,
        "by": response.by,
        "via": response.via,
        "at": rfc3339(response.at_us),
        "episode": rfc3339(response.episode_us),
        "until": None if response.until_us is None else rfc3339(response.until_us),
        "to": response.to or None,
        "text": response.text,
    }


def find(lookup: "Lookup", name: str) -> "Found":
    """Return what is called so.

    Raises:
        UserError: nothing or several are; names what may have been meant.
    """
    from alerts.lookup import NotFoundError

    try:
        return lookup.find(name)
    except NotFoundError as error:
        near = "".join(
            f"\n  {alert.fingerprint}  {alert.status}  {alert.annotations.get('summary', '')}" for alert in error.near
        )
        msg = f"{error}" + (f". Is it one of these?{near}" if near else "")
        raise shell.UserError(msg, shell.FOUND_WRONG) from error
