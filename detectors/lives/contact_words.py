"""What people read about a customer who comes back."""

from typing import TYPE_CHECKING

from detectors.lives.facts import Fact
from detectors.lives.life import Open
from detectors.lives.wording import about, capital, customer, moment, ordinal, span

if TYPE_CHECKING:
    from detectors.lives.contact_state import Chain, Contact

__all__ = ["chasing", "chasing_ended", "repeat", "repeat_ended", "span"]


def repeat(chain: "Chain", gap_us: int, window_us: int, *, resolved: bool) -> dict[str, str]:
    """Return the annotations of an alert about a customer who has come back."""
    who = customer(chain.who)
    cases = list(dict.fromkeys(contact.case_id for contact in chain.contacts))
    after = "its resolution" if resolved else "the one before"
    listed = "; ".join(_contact(contact) for contact in chain.contacts)
    left_out = chain.count - len(chain.contacts)
    return {
        "summary": f"{capital(who)} is back about {chain.issue}: {ordinal(chain.count)} contact, "
        f"{span(gap_us)} after {after}",
        "description": f"Contacts: {listed}{f' (and {left_out} more)' if left_out > 0 else ''}. "
        f"Within {span(window_us)} of each other, since {moment(chain.contacts[0].at_us)}.",
        "action": f"Let one person own it until the customer says that it is solved; read {_cases(cases)} first.",
        "count": str(chain.count),
        "cases": ", ".join(cases),
        **about(chain.who),
    }


def repeat_ended(chain: "Chain", why: str) -> dict[str, str]:
    """Return the annotations of the end of such an alert."""
    return {
        "summary": f"{capital(customer(chain.who))} about {chain.issue}: {why}",
        "description": f"{capital(why)}. {chain.count} contacts, the last one {_contact(chain.last)}.",
        "reason": why,
        "count": str(chain.count),
        **about(chain.who),
    }


def chasing(count: int, chain: "Chain", fact: Fact) -> dict[str, str]:
    """Return the annotations of an alert about a customer who asks and is not answered."""
    return {
        "summary": f"{capital(customer(chain.who))} has asked about open case {fact.case_id} {count} times without an "
        "answer",
        "description": f"Case {fact.case_id} about {chain.issue} is open; the latest of {count} messages without an "
        f"answer came {moment(fact.at_us)}{f' by {fact.channel}' if fact.channel else ''}.",
        "action": f"Answer the customer, if only to say when case {fact.case_id} will be looked at.",
        "count": str(count),
        **about(chain.who),
    }


def chasing_ended(episode: Open, why: str) -> dict[str, str]:
    """Return the annotations of the end of such an alert."""
    labels = dict(episode.labels)
    return {
        "summary": f"Customer {labels.get('customer', '')} no longer asks about case {labels['case_id']}: {why}",
        "description": f"{capital(why)}.",
        "reason": why,
        "customer": labels.get("customer", ""),
    }


def _contact(contact: "Contact") -> str:
    by = f" by {contact.channel}" if contact.channel else ""
    return f"{moment(contact.at_us)}{by} (case {contact.case_id})"


def _cases(cases: list[str]) -> str:
    return f"case {cases[0]}" if len(cases) == 1 else f"cases {', '.join(cases[:-1])} and {cases[-1]}"
