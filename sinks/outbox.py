"""The outbox: what is to be told, leased to one notifier at a time, in order for every group and receiver.

Pending notifications stand in lines, one for each group and receiver. Only the first of a line can be worked on, so a
resolve never overtakes the notice that something fired. A line is leased: a notifier that dies loses its lease after a
while, and another goes on. Every lease has a token that only rises; who has lost the lease is told so before it would
send.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from alerts.connection import Scripts, store_errors
from alerts.groups import HEAD
from alerts.model import Draft, ReceiptRecord, Try
from alerts.store import AlertStore
from alerts.together import Together
from sinks.claims import Claim, read_claim
from sinks.progress import Progress

__all__ = ["Claim", "LeaseLostError", "Outbox"]


class LeaseLostError(Exception):
    """Another notifier has taken the notification over. Leave it."""


class Outbox:
    """The pending notifications of a store. Thread-safe.

    Args:
        store: whose notifications.
        clock_us: None: the clock of Redis, which all notifiers share. Tests inject their own.

    Every method raises :class:`StoreUnavailableError` while Redis is away.
    """

    def __init__(self, store: AlertStore, *, clock_us: Callable[[], int] | None = None) -> None:
        self.store = store
        self._client = store.client
        self._keys = store.keys
        self._clock_us = clock_us
        self._retention_ms = store.settings.retention // 1000
        folder = Path(__file__).parent
        self._scripts = Scripts(store.client, folder, [HEAD, folder / "common.lua"])
        self._together = Together(self._scripts)

    def claim(self, limit: int, lease_us: int) -> list[Claim]:
        """Lease up to ``limit`` notifications, the most urgent first, for ``lease_us``."""
        answer: Any = self._run("claim", _ms(lease_us), limit)
        return [read_claim(*entry) for entry in answer]

    def look(self, key: str) -> Claim | None:
        """Return a notification as it stands, without a lease; None when there is none (any more)."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hgetall(self._keys.note(key))
            pipeline.lrange(self._keys.tries(key), 0, -1)
            pipeline.lrange(self._keys.receipts(key), 0, -1)
            pipeline.hgetall(self._keys.named(f"digest:{key}"))
            fields, tries, receipts, counts = pipeline.execute()
        if not fields:
            return None
        flat = [text for pair in fields.items() for text in pair]
        counted = [text for pair in counts.items() for text in pair]
        return read_claim(fields["line"], "", key, flat, tries, 0, [], receipts, counted)

    def begin(self, claim: Claim, lease_us: int, sending: str) -> None:
        """Write down that the notification is about to be sent, and hold it for ``lease_us`` from now.

        Raises:
            LeaseLostError: do not send.
        """
        self._mine(self._run("begin", claim.line, claim.token, claim.key, _ms(lease_us), sending))

    def tried(
        self, claim: Claim, one: Try, progress: Progress, links: Sequence[tuple[str, str]] = (), over: str = ""
    ) -> None:
        """Record a try; in the same step end the notification, when that is all.

        Args:
            claim: the notification.
            one: the try.
            progress: to go on with.
            links: recipients with what the far side calls their message, where it reports later, or people answer.
            over: how it was delivered; empty: there is more to do.

        Raises:
            LeaseLostError: the try was recorded; what comes next is another notifier's business.
        """
        texts = msgspec.json.encode(one).decode(), msgspec.json.encode(progress).decode()
        names = [text for recipient, id_ in one.provider_ids.items() for text in (f"{one.channel}|{recipient}", id_)]
        linked = msgspec.json.encode(links).decode() if links else ""
        mine = (claim.line, claim.token, claim.key)
        answer = self._run("tried", *mine, *texts, claim.draft.thread, self._retention_ms, linked, over, *names)
        claim.tries.append(one)
        self._mine(answer)

    def later(
        self, claim: Claim, delay_us: int, progress: Progress, *, undelivered: bool, given_up: bool = False
    ) -> None:
        """Let go of the notification for ``delay_us``.

        Args:
            claim: the notification.
            delay_us: not negative.
            progress: to go on with.
            undelivered: every tier has failed.
            given_up: they have for so long that nothing is to wait for it any more: no line for a digest.

        Raises:
            LeaseLostError: nothing was done.
        """
        text = msgspec.json.encode(progress).decode()
        how = "2" if given_up else "1" if undelivered else "0"
        self._mine(self._run("later", claim.line, claim.token, claim.key, _ms(delay_us), text, how))

    def finish(self, claim: Claim, status: str, note: str) -> None:
        """End the notification as ``delivered``; ``note`` says how. Ending it twice has no effect."""
        self._run("finish", claim.line, claim.token, claim.key, status, note, self._retention_ms)

    def receipt(self, one: ReceiptRecord, key: str = "") -> str:
        """Keep a receipt, and wake who waits for it.

        Args:
            one: what was said.
            key: of the notification, where it is known.

        Returns:
            ``taken``; ``repeated``: it was said before; ``early``: no notification is known (yet) that it is about. It
            joins the one whose try is recorded with its id.
        """
        text = msgspec.json.encode(one).decode()
        return str(self._run("receipt", one.provider_id, key, one.status, one.outcome, text, self._retention_ms))

    def waiting(self, receivers: Sequence[str]) -> dict[str, int]:
        """Return how many notifications wait for each receiver."""
        with store_errors():
            pipeline = self._client.pipeline(transaction=False)
            for name in receivers:
                pipeline.zcard(self._keys.named(f"pending:{name}"))
            return dict(zip(receivers, pipeline.execute(), strict=True))

    def digest(self, receiver: str, new: tuple[str, Draft], most: int) -> int:
        """Put up to ``most`` notifications that wait for a receiver into its digest; return how many went there.

        Args:
            receiver: its name.
            new: key and text of a digest, for when none is open.
            most: at once.
        """
        key, draft = new
        body = msgspec.json.encode(draft).decode()
        answer: Any = self._run("digest", receiver, key, body, most, self._retention_ms)
        return int(answer)

    def oldest_pending_us(self) -> int | None:
        """Return when the oldest pending notification was accepted; None when nothing is pending."""
        with store_errors():
            found: Any = self._client.zrange(self._keys.named("pending"), 0, 0, withscores=True)
        return int(found[0][1]) * 1000 if found else None

    def failing_since(self, channel: str, now_us: int) -> int:
        """Return since when a channel fails; ``now_us`` (which is kept) when it did not before."""
        name = self._keys.named("failing")
        with store_errors():
            pipeline = self._client.pipeline(transaction=True)
            pipeline.hsetnx(name, channel, now_us)
            pipeline.hget(name, channel)
            return int(pipeline.execute()[1])

    def failing(self) -> dict[str, int]:
        """Return the channels that fail, and since when."""
        with store_errors():
            found: Any = self._client.hgetall(self._keys.named("failing"))
        return {channel: int(since) for channel, since in found.items()}

    def works_again(self, channel: str) -> None:
        """Forget that a channel fails."""
        with store_errors():
            self._client.hdel(self._keys.named("failing"), channel)

    def _run(self, name: str, *args: str | int) -> object:
        now: str | int = "" if self._clock_us is None else self._clock_us() // 1000
        return self._together.run(name, self._keys.prefix, now, *args)

    def _mine(self, answer: object) -> None:
        if answer != 1:
            msg = "the lease was lost: another notifier has the notification"
            raise LeaseLostError(msg)


def _ms(duration_us: int) -> int:
    """Return milliseconds, rounded up: never earlier than asked."""
    return -(-duration_us // 1000)
