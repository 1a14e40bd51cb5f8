"""What a channel can be asked without sending anything: whether it would work, and what became of a message.

Every channel answers ``check`` (the contract suite asks each). Which of its ways is used stands on the channel's page.
"""

import time
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from sinks.contract import Channel, DeliveryError, Failure, Reason, Receipt


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one part of a channel.

    Attributes:
        subject: a recipient, a server, an account; never a secret.
        said: what the far side said, or what was looked at, in words.
        failure: why nothing would be delivered; None when all is well.
    """

    subject: str
    said: str = ""
    failure: Failure | None = None


@runtime_checkable
class Checkable(Protocol):
    """A channel that can be checked."""

    def check(self, timeout_s: float) -> list[Checked]:
        """Find out whether messages would be taken, as far as can be known without sending one; at least one result.

        Args:
            timeout_s: for all of it, in seconds.

        Raises:
            DeliveryError: when nothing could be asked, for one reason (a secret is missing).
        """
        ...


@runtime_checkable
class ReportsLater(Protocol):
    """A channel whose provider takes a message over, and says what became of it when it is asked later."""

    def result(self, recipient: str, provider_id: str, timeout_s: float) -> Receipt:
        """Ask what became of a message: ``accepted`` as long as it is not known.

        Args:
            recipient: of the receipt of ``send``.
            provider_id: of the same.
            timeout_s: for the answer, in seconds.

        Raises:
            DeliveryError: when the provider does not say; that means nothing about the delivery itself.
        """
        ...


def check_channel(channel: Channel, timeout_s: float) -> list[Checked]:
    """Return what a channel's check says, or why it could not be made. It never raises.

    Args:
        channel: of any kind.
        timeout_s: for all of it, in seconds.
    """
    if not isinstance(channel, Checkable):
        return [Checked(subject=channel.name, said="there is no way to check it without sending")]
    subject = channel.recipients[0] if len(channel.recipients) == 1 else channel.name
    try:
        return channel.check(timeout_s)
    except DeliveryError as error:
        return [Checked(subject=subject, failure=error.failure)]
    except Exception as error:  # a defect of one channel must not hide the others; its text can hold secrets
        detail = f"defect in the channel's check: {type(error).__name__}"
        failure = Failure(reason=Reason.INTERNAL, permanent=True, detail=detail)
        return [Checked(subject=subject, failure=failure)]


def each_checked(subjects: Sequence[str], timeout_s: float, check: Callable[[str, float], str]) -> list[Checked]:
    """Return a result for each subject: all are asked, whatever the others say.

    Args:
        subjects: whom to ask, one after the other.
        timeout_s: for all, in seconds; each has an equal share of what is left.
        check: ``check(subject, seconds) -> what it said``; raises :class:`DeliveryError`.
    """
    end_s = time.monotonic() + timeout_s
    found = []
    for number, subject in enumerate(subjects):
        share_s = max(0.001, (end_s - time.monotonic()) / (len(subjects) - number))
        try:
            found.append(Checked(subject=subject, said=check(subject, share_s)))
        except DeliveryError as error:
            found.append(Checked(subject=subject, failure=error.failure))
    return found
