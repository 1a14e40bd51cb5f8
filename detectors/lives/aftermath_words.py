"""What people read about a customer who is still unhappy."""

from typing import TYPE_CHECKING

from detectors.lives.facts import Fact
from detectors.lives.wording import about, capital, customer, moment, number, ordinal, span

if TYPE_CHECKING:
    from detectors.lives.aftermath import Recovered

__all__ = ["answered", "dated", "ended", "said", "span", "unhappy"]


def answered(score: float, scale: str, band: str, fact: Fact) -> str:
    """Return that somebody answered a survey."""
    return f"answered {number(score)} on {scale} ({band}){_quote(fact)}"


def said(how: str, fact: Fact) -> str:
    """Return that somebody wrote something."""
    by = f" by {fact.channel}" if fact.channel else ""
    mood = "" if fact.sentiment is None else f" (sentiment {fact.sentiment:+.2f})"
    return f"{how}{by}{mood}{_quote(fact)}"


def dated(told: str, at_us: int) -> str:
    """Return what happened, with its time."""
    return f"{moment(at_us)}: {told}"


def unhappy(case: "Recovered", told: str, at_us: int) -> dict[str, str]:
    """Return the annotations of an alert about a customer who is still unhappy."""
    since_us = 0 if case.resolved_us is None else case.resolved_us
    left_out = case.count - len(case.signs)
    signs = "; ".join(case.signs)
    return {
        "summary": f"{capital(customer(case.who))} is still unhappy {span(at_us - since_us)} after case {case.case_id} "
        f"was resolved: {told}",
        "description": f"{recovery(case)} Since then: {signs}{f' (and {left_out} more before)' if left_out else ''}.",
        "action": f"Reopen case {case.case_id} with somebody who has not handled it yet, and call the customer.",
        "recovery": recovery(case),
        "count": str(case.count),
        **about(case.who),
    }


def recovery(case: "Recovered") -> str:
    """Return the recovery that did not hold."""
    about_ = "" if case.issue_name == f"case {case.case_id}" else f" about {case.issue_name}"
    resolved = "" if case.resolved_us is None else f" was resolved {moment(case.resolved_us)}"
    took = ""
    if case.opened_us is not None and case.resolved_us is not None:
        took = f", {span(case.resolved_us - case.opened_us)} after it was opened"
    replies = (
        "without a reply" if not case.replies else f"with {case.replies} repl{'y' if case.replies == 1 else 'ies'}"
    )
    again = f" (for the {ordinal(case.resolutions)} time)" if case.resolutions > 1 else ""
    return f"Case {case.case_id}{about_}{resolved}{again}{took}, {replies}."


def ended(case: "Recovered", why: str) -> dict[str, str]:
    """Return the annotations of the end of such an alert."""
    return {
        "summary": f"{capital(customer(case.who))} after case {case.case_id}: {why}",
        "description": f"{capital(why)}. {recovery(case)}",
        "reason": why,
        "count": str(case.count),
        **about(case.who),
    }


def _quote(fact: Fact) -> str:
    return f': "{fact.text}"' if fact.text else ""
