"""A notification as a notifier holds it, and how it is read out of the store."""

import msgspec

from alerts.model import Draft, ReceiptRecord, Try
from sinks.contract import Notification
from sinks.digests import filled
from sinks.progress import Progress

_to_draft = msgspec.json.Decoder(Draft)
_to_progress = msgspec.json.Decoder(Progress)
_to_try = msgspec.json.Decoder(Try)
_to_receipt = msgspec.json.Decoder(ReceiptRecord)


class Claim(msgspec.Struct, kw_only=True):
    """A notification, leased.

    Attributes:
        urgency: 0 and 1 are most urgent, then 2 and 3, and so on to 7; odd: not the first word about something.
        receipts: what far sides said of what they had accepted, in order of arrival.
        earlier: what the far sides call the first message of the thread, by channel and recipient.
        sending: what was about to be sent when its notifier was last heard of; empty when nothing was.
        claimed_us: when, by the clock of the outbox.
    """

    line: str
    token: str
    key: str
    receiver: str
    draft: Draft
    urgency: int
    accepted_us: int
    claimed_us: int
    progress: Progress
    sending: str
    tries: list[Try]
    receipts: list[ReceiptRecord] = []
    earlier: dict[str, dict[str, str]] = {}


def read_claim(
    line: str,
    token: str,
    key: str,
    fields: list[str],
    tries: list[str],
    now_ms: int,
    thread: list[str],
    receipts: list[str],
    counts: list[str],
) -> Claim:
    """Return a notification out of what ``claim.lua`` answers of it; pairs of field and value follow each other."""
    note = dict(zip(fields[::2], fields[1::2], strict=True))
    draft = _to_draft.decode(note["body"])
    earlier: dict[str, dict[str, str]] = {}
    for name, provider_id in zip(thread[::2], thread[1::2], strict=True):
        channel, _, recipient = name.partition("|")
        earlier.setdefault(channel, {})[recipient] = provider_id
    return Claim(
        line=line,
        token=token,
        key=key,
        receiver=note["receiver"],
        draft=filled(draft, counts) if draft.kind == "digest" else draft,
        urgency=int(note.get("urgency", 7)),
        accepted_us=int(note["accepted_ms"]) * 1000,
        claimed_us=now_ms * 1000,
        progress=_to_progress.decode(note["progress"]) if "progress" in note else Progress(),
        sending=note.get("sending", ""),
        tries=[_to_try.decode(text) for text in tries],
        receipts=[_to_receipt.decode(text) for text in receipts],
        earlier=earlier,
    )


def notification_of(claim: Claim, receiver: str) -> Notification:
    """Return what a claim is about, for the channels."""
    draft = claim.draft
    return Notification(
        key=claim.key,
        receiver=receiver,
        alerts=draft.alerts,
        group_labels=draft.group_labels,
        accepted_us=claim.accepted_us,
        thread=draft.thread,
        kind=draft.kind,
        truncated=sum(draft.truncated.values()),
        left_out=draft.truncated,
        notes=draft.notes,
        incident=draft.incident,
        urgency=draft.urgency,
        absorbed=draft.absorbed,
    )
