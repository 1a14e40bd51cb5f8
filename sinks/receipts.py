"""Receipts: accepted is not delivered. What a far side says later decides; silence is a failure too.

Pure: what is known and the time in, how a tier stands out. ``sinks.stages.awaiting`` acts on it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal
from urllib.parse import urlencode

import msgspec

from alerts.model import ReceiptOutcome, ReceiptRecord, Try
from config.durations import US_PER_SECOND, DurationUs, format_duration_us
from sinks.contract import ChannelSettings, Failure, Message, Reason

_RANKS: dict[ReceiptOutcome, int] = {"accepted": 0, "failed": 1, "delivered": 2}
_FIRST_ASK_US = 2 * US_PER_SECOND
_LONGEST_ASK_US = 60 * US_PER_SECOND
_PASSED_ON_RANK = 3
PASSED_ON = "passed_on"
"""Status of a receipt: the called person wants somebody else to be told."""


class ReportedSettings(ChannelSettings):
    """Settings of a channel whose far side says later what became of a message.

    Attributes:
        receipt_within: how long after the far side has accepted a message its receipt is waited for: until it comes,
            nothing counts as delivered; when it does not come, the next tier is used. None: accepted is enough.
    """

    receipt_within: DurationUs | None = None

    def reports_to_us(self) -> bool:
        """Whether the far side can prove that a report comes from it, so that it may be told to send some."""
        return True


class Reporting:
    """The addresses to which a far side reports what became of a message, and what people answered.

    Args:
        public_url: how the outside reaches us.
    """

    def __init__(self, public_url: str) -> None:
        self._public_url = public_url

    def addressed(self, message: Message, channel: str) -> Message:
        """Return a message with the addresses for it."""
        report_url = f"{self._public_url}{status_path(channel)}?{urlencode({'key': message.key})}"
        answer_url = self.answer_url(channel, message.key)
        return msgspec.structs.replace(message, report_url=report_url, answer_url=answer_url)

    def answer_url(self, channel: str, key: str) -> str:
        """Return where the digits go that are pressed in a call about a notification."""
        return f"{self._public_url}{answer_path(channel)}?{urlencode({'key': key})}"


def status_path(channel: str) -> str:
    """Return where a channel's far side says what became of a message."""
    return f"/twilio/status/{channel}"


def answer_path(channel: str) -> str:
    """Return where a channel's far side says which digit was pressed in a call."""
    return f"/twilio/voice/{channel}"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a tier stands whose messages were accepted.

    Attributes:
        delivered: recipients of whom it is known. failed: those of whom the contrary is. open: the others.
        failure: of those that failed.
    """

    delivered: frozenset[str]
    failed: tuple[ReceiptRecord, ...]
    open: dict[str, str]

    @property
    def state(self) -> Literal["delivered", "failed", "open"]:
        """One failure is enough to go down a tier; one that is open is enough to wait."""
        if self.failed:
            return "failed"
        return "open" if self.open else "delivered"


def within_us(settings: ChannelSettings) -> int | None:
    """Return how long a channel's receipts are waited for; None: they are not."""
    return settings.receipt_within if isinstance(settings, ReportedSettings) else None


def best(receipts: Iterable[ReceiptRecord]) -> ReceiptRecord | None:
    """Return what holds of several receipts of one message, in whatever order they came.

    That it was delivered outweighs that it was not: a carrier that gave up has sometimes delivered all the same. Who
    has heard it, and wants somebody else to be told, outweighs both.
    """
    return max(receipts, key=_rank, default=None)


def delivered_to(receipts: Sequence[ReceiptRecord], channel: str) -> set[str]:
    """Return whom a channel has reached, by what its far side said."""
    messages: dict[str, list[ReceiptRecord]] = {}
    for one in receipts:
        if one.channel == channel:
            messages.setdefault(one.provider_id, []).append(one)
    known = [best(said) for said in messages.values()]
    return {one.recipient for one in known if one is not None and one.outcome == "delivered"}


def arrived(tries: Sequence[Try], receipts: Sequence[ReceiptRecord], channel: str) -> set[str]:
    """Return whom a channel has reached, with what it was to say (not by plain words), as far as is known."""
    known = {name for one in tries if one.channel == channel and not one.plain for name in one.reached}
    if not receipts:
        return known
    plain = {id_ for one in tries if one.plain for id_ in one.provider_ids.values()}
    return known | delivered_to([one for one in receipts if one.provider_id not in plain], channel)


def still_said(tries: Sequence[Try], receipts: Sequence[ReceiptRecord]) -> bool:
    """Return whether plain words went out, and were not said to be undelivered since."""
    undone = {one.provider_id for one in receipts if one.outcome == "failed"}
    undone -= {one.provider_id for one in receipts if one.outcome == "delivered"}
    return any(one.plain and name and one.provider_ids.get(name) not in undone for one in tries for name in one.reached)


def judge(awaiting: Mapping[str, str], receipts: Sequence[ReceiptRecord], channel: str) -> Standing:
    """Return how messages stand that were accepted.

    Args:
        awaiting: recipients, with what the far side calls their message.
        receipts: of the notification, all of them.
        channel: of the tier.
    """
    delivered = delivered_to(receipts, channel) & awaiting.keys()
    failed: list[ReceiptRecord] = []
    open_: dict[str, str] = {}
    for recipient, id_ in awaiting.items():
        if recipient in delivered:
            continue
        found = best(one for one in receipts if one.channel == channel and one.provider_id == id_)
        if found is not None and found.outcome == "failed":
            failed.append(found)
        else:
            open_[recipient] = id_
    return Standing(delivered=frozenset(delivered), failed=tuple(failed), open=open_)


def unrecorded(tries: Sequence[Try], receipts: Sequence[ReceiptRecord], channel: str) -> dict[str, ReceiptRecord]:
    """Return, by recipient, what is known of messages whose try was not recorded: its notifier died after the send."""
    known = {id_ for one in tries for id_ in one.provider_ids.values()}
    orphans: dict[str, list[ReceiptRecord]] = {}
    for one in receipts:
        if one.channel == channel and one.provider_id not in known and one.via != "phone":
            orphans.setdefault(one.recipient, []).append(one)
    found = {recipient: best(group) for recipient, group in orphans.items()}
    return {recipient: one for recipient, one in found.items() if one is not None}


def _rank(one: ReceiptRecord) -> int:
    return _PASSED_ON_RANK if one.status == PASSED_ON else _RANKS[one.outcome]


def failure_of(failed: Sequence[ReceiptRecord], channel: str) -> Failure:
    """Return why messages that were accepted did not arrive."""
    first = failed[0]
    passed_on = first.status == PASSED_ON
    reason = Reason(first.reason) if first.reason in set(Reason) else Reason.REJECTED
    details = "; ".join(dict.fromkeys(one.detail or f"{channel} says {one.status}" for one in failed))
    return Failure(reason=reason, permanent=not passed_on, detail=details)


def none_came(within: int) -> Failure:
    """Return the failure of a message that was accepted, and of which nothing was heard."""
    detail = f"accepted, but no receipt within {format_duration_us(within)}"
    return Failure(reason=Reason.NO_RECEIPT, permanent=False, detail=detail, ambiguous=True)


def next_ask_us(since_us: int, asked: int, within: int, *, told: bool) -> int:
    """Return when to ask the far side next: at growing intervals, and at the end in any case.

    Args:
        since_us: when the message was accepted.
        asked: how often it was asked.
        within: how long the receipt is waited for.
        told: the far side sends reports: then it is asked only at the end, in case one got lost.
    """
    end_us = since_us + within
    if told:
        return end_us
    due_us, wait_us = since_us, _FIRST_ASK_US
    for _ in range(min(asked, 10_000) + 1):
        due_us += wait_us
        wait_us = min(wait_us * 2, _LONGEST_ASK_US)
        if due_us >= end_us:
            return end_us
    return due_us
