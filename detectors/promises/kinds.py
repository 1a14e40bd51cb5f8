"""Kinds of promises: which steps start, stop, pause and end each of them, unless the settings say otherwise.

Source: the table of kinds that service desks share (Zendesk, ServiceNow, Jira Service Management and others); see
``docs/explanation/promises.md``. Statuses are compared without regard to case, and with spaces, hyphens and
underscores alike.
"""

from typing import Literal, NamedTuple

Kind = Literal[
    "first_reply", "next_reply", "periodic_update", "pausable_update", "resolution", "requester_wait", "agent_work",
    "handoff", "deadline", "delivery",
]  # fmt: skip
Family = Literal["case", "order"]

RESOLVED_STEPS = ("resolved", "closed")
RESOLVED_STATUSES = ("resolved", "solved", "closed", "done", "completed")
CANCELLED_STATUSES = ("cancelled", "canceled", "spam", "deleted")
PENDING_STATUSES = (
    "pending", "paused", "waiting", "waiting_for_customer", "waiting_on_customer", "awaiting_customer",
)  # fmt: skip
HOLD_STATUSES = ("on_hold", "hold", "waiting_for_vendor", "waiting_on_vendor", "waiting_for_third_party")
HOLD_REASONS = ("hold", "on_hold", "vendor", "supplier", "third_party")


def normal(text: str) -> str:
    """Return a status or a reason in the form in which they are compared.

    >>> normal("Awaiting User-Info")
    'awaiting_user_info'
    """
    return text.strip().casefold().replace(" ", "_").replace("-", "_")


def reasons_after(reasons: set[str] | None, step: str, reason: str | None) -> set[str] | None:
    """Return for which reasons a case is paused after a step ``paused`` or ``resumed``; the set may be the same one.

    >>> reasons_after({"customer"}, "resumed", None)  # whatever it was that the case waited for
    """
    name = "" if reason is None else normal(reason)
    if step == "paused":
        reasons = set() if reasons is None else reasons
        reasons.add(name)
    elif reasons is not None:
        if not name and "" not in reasons:
            return None
        reasons.discard(name)
    return reasons


class KindDefaults(NamedTuple):
    """What a kind of promise does by default.

    Attributes:
        family: what it is about: a case (``crm.case.*``) or an order (``transaction.*``).
        start, stop, end, cancel: steps.
        stop_status, end_status: statuses that mean the same.
        pause_status: statuses in which the clock stands; None for a kind that never pauses.
        ignore_reasons: reasons of explicit pauses that do not stop this clock.
        rolling: a new instance for each start, not one for the subject.
        reopens: which finished instances a reopening takes up again: ``any``; only those that ``ended`` without a
            verdict (a first reply that was given stays given); only those that were stopped by the ``closing`` of the
            case; ``none``.
    """

    family: Family
    start: tuple[str, ...]
    stop: tuple[str, ...]
    end: tuple[str, ...] = ()
    cancel: tuple[str, ...] = ("cancelled",)
    stop_status: tuple[str, ...] = ()
    end_status: tuple[str, ...] = ()
    pause_status: tuple[str, ...] | None = None
    ignore_reasons: tuple[str, ...] = ()
    rolling: bool = False
    reopens: Literal["any", "ended", "closing", "none"] = "any"


def _reply(start: str, *, rolling: bool, pause_status: tuple[str, ...] | None = None) -> KindDefaults:
    return KindDefaults(
        family="case",
        start=(start,),
        stop=("agent_reply",),
        end=RESOLVED_STEPS,
        end_status=RESOLVED_STATUSES,
        pause_status=pause_status,
        rolling=rolling,
        reopens="none" if rolling else "ended",
    )


def _resolution(pause_status: tuple[str, ...] | None, ignore_reasons: tuple[str, ...] = ()) -> KindDefaults:
    return KindDefaults(
        family="case",
        start=("opened",),
        stop=RESOLVED_STEPS,
        stop_status=RESOLVED_STATUSES,
        pause_status=pause_status,
        ignore_reasons=ignore_reasons,
    )


_WAITING = PENDING_STATUSES + HOLD_STATUSES

KINDS: dict[str, KindDefaults] = {
    "first_reply": _reply("opened", rolling=False),
    "next_reply": _reply("customer_message", rolling=True),
    "periodic_update": _reply("agent_reply", rolling=True),
    "pausable_update": _reply("agent_reply", rolling=True, pause_status=_WAITING),
    "resolution": _resolution(_WAITING),
    "requester_wait": _resolution(PENDING_STATUSES, HOLD_REASONS),
    "agent_work": _resolution(_WAITING),
    "handoff": KindDefaults(
        family="case",
        start=("assigned",),
        stop=("accepted", *RESOLVED_STEPS),
        stop_status=RESOLVED_STATUSES,
        end=RESOLVED_STEPS,
        end_status=RESOLVED_STATUSES,
        pause_status=_WAITING,
        rolling=True,
        reopens="closing",
    ),
    "deadline": _resolution(None),
    "delivery": KindDefaults(family="order", start=("purchased",), stop=("delivered",)),
}
"""Every kind, by its name in the settings."""

ORDER_START = ("purchased",)
ORDER_STOP = ("delivered",)
"""Start and stop of a promise about an order whose kind speaks of cases."""
