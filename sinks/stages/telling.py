"""What is told of a try: in the message, and in its record."""

from collections.abc import Iterable, Mapping

from alerts.model import Try, TryOutcome
from sinks.progress import Progress
from sinks.receipts import ReportedSettings
from sinks.stages.contract import Attempt, Outcome


def awaited_of(outcome: Outcome, within: int | None) -> dict[str, str]:
    """Return recipients whose message was accepted, and whose receipt is to be waited for, with its id."""
    if within is None or outcome.plain:
        return {}
    return {one.recipient: one.provider_id for one in outcome.receipts if one.outcome == "accepted"}


def links_of(attempt: Attempt, one: Try) -> Iterable[tuple[str, str]]:
    """Return recipients with what the far side calls their message, where it reports later."""
    return one.provider_ids.items() if isinstance(attempt.settings, ReportedSettings) else ()


def notes_of(progress: Progress, number: int, channel: str) -> tuple[str, ...]:
    """Return what the text says about the way so far."""
    notes: list[str] = []
    if progress.causes:
        notes.append(f"Sent by tier {number} ({channel}) because {'; '.join(progress.causes)}.")
    if progress.ambiguous:
        notes.append(f"It may have reached you already by {progress.ambiguous}.")
    return tuple(notes)


def try_of(attempt: Attempt, outcome: Outcome, awaited: Mapping[str, str], began_us: int, ended_us: int) -> Try:
    """Return the record of a try that began and ended at these times, with who is waited for."""
    receipts = outcome.receipts
    good = [receipt for receipt in receipts if receipt.outcome != "failed"]
    said: TryOutcome
    if good and len(good) == len(receipts) and not outcome.plain:
        said = "accepted" if any(receipt.outcome == "accepted" for receipt in good) else "delivered"
    else:
        said = "partly" if good and not outcome.plain else "failed"
    failure = outcome.failure
    return Try(
        tier=attempt.tier_number,
        channel=attempt.channel.name,
        outcome=said,
        reason="" if failure is None else str(failure.reason),
        detail="" if failure is None else failure.detail,
        permanent=failure is not None and failure.permanent,
        at_us=began_us,
        took_us=ended_us - began_us,
        recipients=attempt.recipients,
        reached=tuple(receipt.recipient for receipt in good if receipt.recipient not in awaited),
        provider_ids={receipt.recipient: receipt.provider_id for receipt in good if receipt.provider_id},
        plain=outcome.plain,
    )
