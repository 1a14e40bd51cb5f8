"""What people read about a recovery that stands still, or was closed without a word to the customer."""

from typing import TYPE_CHECKING

from detectors.lives.wording import about, capital, customer, moment, span
from detectors.promises.openhours import OpenHours
from detectors.promises.wording import span as open_span

if TYPE_CHECKING:
    from detectors.lives.recovery_state import Recovery
    from detectors.stalled_recovery import StalledRecoverySettings

_ACTIONS = {
    "idle": "Take the next step and tell the customer about it.",
    "customer_wait_cap": "Do not wait any longer: call the customer, or decide without the answer.",
    "promise_overdue": "Deliver what was promised, or tell the customer when it comes.",
    "no_owner": "Give it to one person.",
}


def stalled(state: "Recovery", at_us: int, hours: OpenHours, settings: "StalledRecoverySettings") -> dict[str, str]:
    """Return the annotations of an alert about a recovery that stands still."""
    reasons = [_reason(name, state, at_us, hours, settings) for name in state.holding]
    began = "" if state.began_us is None else moment(state.began_us, hours)
    moved = f"Last progress: {_name(state.moved_by)}, {moment(state.moved_us, hours)}." if state.moved_by else ""
    owner = f" Queue: {state.queue}." if state.queue else ""
    return {
        "summary": f"Recovery of case {state.case_id} for {customer(state.who)} stands still: {reasons[-1]}",
        "description": f"{capital('; '.join(reasons))}. It began {began} with {state.cause}. "
        f"{moved or 'No progress since.'}{owner}",
        "action": _ACTIONS[list(state.holding)[-1]],
        "stalled_by": ", ".join(state.holding),
        "since": began,
        **about(state.who),
    }


def moves_again(state: "Recovery", stalled_us: int, at_us: int, why: str) -> dict[str, str]:
    """Return the annotations of the end of such an alert."""
    return {
        "summary": f"Recovery of case {state.case_id} for {customer(state.who)}: {why}",
        "description": f"{capital(why)}, after it had stood still for {span(at_us - stalled_us)}.",
        "reason": why,
        **about(state.who),
    }


def without_contact(state: "Recovery", hours: OpenHours) -> dict[str, str]:
    """Return the annotations of an alert about a recovery that was closed without contact."""
    began = "" if state.began_us is None else moment(state.began_us, hours)
    ended = "" if state.ended_us is None else moment(state.ended_us, hours)
    return {
        "summary": f"Recovery of case {state.case_id} was closed without contact with {customer(state.who)}",
        "description": f"It began {began} with {state.cause} and was closed {ended}; nobody spoke to the customer in "
        "between. This is no success.",
        "action": f"Call the customer; reopen case {state.case_id} if it is not solved.",
        "since": began,
        **about(state.who),
    }


def flag_ended(state: "Recovery", why: str) -> dict[str, str]:
    """Return the annotations of the end of such an alert."""
    return {
        "summary": f"Recovery of case {state.case_id}, closed without contact: {why}",
        "description": f"{capital(why)}.",
        "reason": why,
        **about(state.who),
    }


def _reason(name: str, state: "Recovery", at_us: int, hours: OpenHours, settings: "StalledRecoverySettings") -> str:
    if name == "idle":
        unit_us = 60_000_000 if settings.unit == "minutes" else 3_600_000_000
        since = max(state.moved_us, state.began_us or 0)
        spent = open_span(round(settings.idle_limit * unit_us))
        return f"no progress for {spent} of open time, since {moment(since, hours)}"
    if name == "customer_wait_cap":
        unit = settings.max_customer_wait_unit.replace("_", " ")
        return f"it has waited for the customer for more than {settings.max_customer_wait} {unit}"
    if name == "promise_overdue":
        due_us = state.promised_us if state.promised_us is not None else at_us
        return f"what was promised for {moment(due_us, hours)} is overdue"
    since_us = state.unowned_us if state.unowned_us is not None else at_us
    return f"nobody has owned it since {moment(since_us, hours)}"


def _name(step: str) -> str:
    return step.replace("_", " ")
