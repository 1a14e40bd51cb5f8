"""A notification in words: by which way it went, why not by those before, every try, every receipt."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from alerts.model import NotificationRecord, ReceiptRecord, Try
from config.base import ComponentSettings
from config.durations import US_PER_SECOND
from pipeline.explaining.notes import NoteTold
from pipeline.explaining.words import ahead, clock, listed, span, way

_Channels = Mapping[str, ComponentSettings]
_KINDS = {
    "group": "what changed",
    "repeat": "again, because nothing had changed for long (repeat_interval)",
    "escalation": "an escalation",
    "digest": "a digest",
    "test": "a test",
}
_RECEIPT_WAYS = {"callback": "it reported", "asked": "it was asked", "phone": "the called person pressed a digit"}


def note_lines(note: NoteTold, channels: _Channels, now_us: int) -> Iterator[str]:
    """Yield a notification, line by line: a head, and indented what there is to say of it."""
    record = note.record
    yield f"{clock(record.accepted_us)}  to {record.receiver}: {_KINDS[record.kind]}  ({record.key})"
    yield f"  {sentence(note, channels, now_us)}"
    if note.draft is not None:
        for line in note.draft.notes:
            yield f'  it says: "{line}"'
        left = sum(note.draft.truncated.values())
        if left:
            yield f"  {len(note.draft.alerts)} alerts are listed in it, {left} more are counted"
    for _at_us, line in sorted([*_tries(record.tries), *_receipts(record.receipts)], key=lambda one: one[0]):
        yield f"  {line}"
    if note.digest is not None:
        for line in note_lines(note.digest, channels, now_us):
            yield f"    {line}"


def sentence(note: NoteTold, channels: _Channels, now_us: int) -> str:
    """Return what became of a notification, in a sentence or two."""
    record = note.record
    if note.digest is not None:
        absorbed = 0 if note.digest.draft is None else note.digest.draft.absorbed
        stands = f"A digest of {absorbed} notifications stands for it"
        return f"{stands} (too many were waiting): {sentence(note.digest, channels, now_us)}"
    if record.status == "digested":
        return f"A digest stands for it, which is no longer kept: {record.note}."
    if record.status == "pending":
        return _pending(note, channels, now_us)
    after = ""
    if record.done_us is not None:
        since = "there was something to tell" if record.kind == "group" else "it was decided"
        after = f"; {span(max(0, record.done_us - record.accepted_us))} after {since}{_waited(record)}"
    return f"{_went(record, channels)}{after}."


def _waited(record: NotificationRecord) -> str:
    """Return how much of the time was over before anything was tried: its group waited, or no notifier was there."""
    waited_us = min((one.at_us for one in record.tries), default=record.accepted_us) - record.accepted_us
    return f" ({span(waited_us)} of them before the first try)" if waited_us >= US_PER_SECOND else ""


def _went(record: NotificationRecord, channels: _Channels) -> str:
    """Return by which way it went, and why not by those before."""
    arrived = [one for one in record.receipts if one.outcome == "delivered"]
    good = [one for one in record.tries if one.outcome in {"delivered", "accepted", "partly"}]
    if not good and not arrived:
        return f"{record.status.capitalize()}: {record.note}" if record.note else record.status.capitalize()
    last = good[-1] if good else None
    channel = arrived[-1].channel if last is None else last.channel
    tier = 0 if last is None else last.tier
    by = way(channel, channels)
    name = f"tier {tier}, {channel}" if tier else channel
    head = f"By {by} ({name})"
    causes = _causes(record, tier)
    if last is not None:
        head += _before(record, last)
    if causes:
        head += f", because {'; '.join(causes)}"
    if last is not None and last.plain:
        head += "; in standard words, because the template could not be used"
    if any(one.channel == channel for one in arrived):
        return f"{head}; it has arrived, says the receipt"
    if last is not None and last.outcome == "accepted":
        return f"{head}; accepted there, whether it arrived is not known"
    return head


def _causes(record: NotificationRecord, below: int) -> list[str]:
    """Return why the tiers above one were left, a text each."""
    tries = [one for one in record.tries if below == 0 or one.tier < below]
    found = []
    for tier, group in groupby(sorted(tries, key=lambda one: (one.tier, one.at_us)), key=lambda one: one.tier):
        made = list(group)
        failed = [one for one in made if one.outcome in {"failed", "partly"}]
        if not failed:
            continue
        last = failed[-1]
        sent = [one for one in made if one.reason != "breaker_open" and not _by_receipt(one, made)]
        took_us = max(one.at_us + one.took_us for one in made) - made[0].at_us
        tried = f"; after {span(took_us)}" if sent else ""
        tried = f"; {len(sent)} tries in {span(took_us)}" if len(sent) > 1 else tried
        found.append(f"tier {tier} ({last.channel}) failed: {last.reason}: {last.detail}{tried}")
    return found


def _by_receipt(one: Try, made: Sequence[Try]) -> bool:
    """Return whether a failure was no try, but what became of a message that had been accepted before."""
    taken = {name for before in made if before.at_us <= one.at_us for name in before.provider_ids}
    return (
        one.outcome == "failed" and not one.provider_ids and bool(one.recipients) and taken.issuperset(one.recipients)
    )


def _before(record: NotificationRecord, last: Try) -> str:
    """Return what had failed before in the tier by which it went, and below."""
    failed = [one for one in record.tries if one.outcome == "failed" and one.at_us <= last.at_us and one is not last]
    if any(one.tier > last.tier for one in failed):
        return "; before that every tier had failed"
    own = sum(one.tier == last.tier for one in failed)
    return f", at try {own + 1}" if own else ""


def _pending(note: NoteTold, channels: _Channels, now_us: int) -> str:
    record, progress = note.record, note.progress
    if note.behind:
        other = "1 other notification" if note.behind == 1 else f"{note.behind} other notifications"
        return f"Not yet: {other} of its group to {record.receiver} must go before it."
    if note.after_digest:
        return f"Not yet: the digest {note.after_digest}, which tells what was before it, must go first."
    if progress is not None and progress.awaiting:
        since = progress.awaiting_since_us or now_us
        channel = record.tries[-1].channel if record.tries else "the far side"
        waits = f"{way(channel, channels)} was accepted {span(max(0, now_us - since))} ago, its receipt is waited for"
        return f"Not known yet: {waits}."
    why = _causes(record, 0)
    then = "a notifier works on it now" if note.held else "a notifier takes it next, if one runs"
    if note.waits_until_us is not None:
        then = f"it is tried again at {ahead(note.waits_until_us, now_us)}"
    if note.sending:
        then = f"it was being sent by {note.sending} when its notifier was last heard of; {then}"
    head = "Not delivered so far: every tier has failed" if record.undelivered else "Not delivered so far"
    return f"{head}{': ' + '; '.join(why) if why else ''}; {then}."


def _tries(tries: Sequence[Try]) -> Iterator[tuple[int, str]]:
    for one in tries:
        names = listed(list(one.recipients)) if one.recipients else "nobody"
        ids = ", ".join(one.provider_ids.values())
        took = f" in {span(one.took_us)}" if one.took_us else ""
        text = f"{clock(one.at_us)}  tier {one.tier}  {one.channel}  {one.outcome}{took}"
        if one.reason:
            again = "trying again is useless" if one.permanent else "may pass by itself"
            text += f": {one.reason}: {one.detail} ({again})"
        elif one.detail:
            text += f": {one.detail}"
        text += f"; for {names}"
        if one.outcome == "partly":
            text += f", reached {listed(list(one.reached)) if one.reached else 'nobody'}"
        yield one.at_us, text + (f", as {ids}" if ids else "") + (", in standard words" if one.plain else "")


def _receipts(receipts: Sequence[ReceiptRecord]) -> Iterator[tuple[int, str]]:
    for one in receipts:
        why = f": {one.reason}: {one.detail}" if one.reason else ""
        how = _RECEIPT_WAYS[one.via]
        yield one.at_us, f"{clock(one.at_us)}  receipt {one.channel}  {one.status}{why}; for {one.recipient} ({how})"
