"""What people answer to alerts, as an entry of the audit log: one, however many alerts were meant."""

from collections.abc import Sequence

from alerts.response_model import Answer, Kind, Response
from alerts.trail_model import Draft, Via


def answers_entry(
    kind: Kind, answers: Sequence[Answer], *, by: str, via: Via, at_us: int, text: str = "", address: str = ""
) -> Draft | None:
    """Return the entry; None when nothing was done that had not been done before."""
    done = [answer for answer in answers if answer.result == "done"]
    if not done:
        return None
    response = done[0].response
    after = {} if response is None else _plain(response)
    if len(done) > 1:
        after["fingerprints"] = [answer.fingerprint for answer in done]
    return Draft(
        at_us=at_us,
        who=by,
        via=via,
        address=address,
        action=f"alert.{kind}",
        object=f"alert:{done[0].fingerprint}" if len(done) == 1 else "alerts",
        after=after,
        why=text,
        count=len(done),
    )


def _plain(response: Response) -> dict[str, object]:
    found: dict[str, object] = {}
    if response.until_us is not None:
        found["until_us"] = response.until_us
    if response.to:
        found["to"] = response.to
    return found
