"""What a contact is, and for how long it counts."""

from typing import TYPE_CHECKING

from detectors.lives.contact_state import CaseNow, Chain, Contacts
from detectors.lives.facts import Fact

if TYPE_CHECKING:
    from detectors.repeat_contact import RepeatContactSettings


class ContactRules:
    """The rules of the settings."""

    def __init__(self, settings: "RepeatContactSettings") -> None:
        self._settings = settings

    def kind(self, chain: Chain, case: CaseNow, fact: Fact) -> str:
        """Return what a contact is, next to the latest one of its chain: ``repeat``, ``chaser``, ``transfer``, ...

        ``reply`` and ``continued`` are parts of a conversation; with ``first`` another chain begins.
        """
        settings = self._settings
        gap_us = fact.at_us - chain.anchor_us
        if fact.label("transferred_from"):
            return "transfer"
        close = gap_us < settings.transfer_within
        if case.is_open:
            if case.answered:
                return "reply"
            return "continued" if close else "chaser"
        if close:
            return "continued" if chain.last.case_id == fact.case_id else "transfer"
        return "repeat" if gap_us <= self.window_us(chain) else "first"

    def quiet_us(self, chain: Chain) -> int:
        """Return until when another contact is a repeat."""
        return chain.anchor_us + self.window_us(chain)

    def keep_us(self, state: Contacts, key: str) -> int:
        """Return until when a chain is kept: while its case is open, a contact on it is none of a new chain."""
        chain = state.chains.get(key)
        if chain is None:
            return 0
        quiet_us = self.quiet_us(chain)
        case = state.cases.get(chain.last.case_id)
        return case.keep_us if case is not None and case.is_open and case.keep_us > quiet_us else quiet_us

    def window_us(self, chain: Chain) -> int:
        """Return within which time after a contact of a chain another one is a repeat."""
        return self._settings.window_by_issue.get(chain.issue, self._settings.window)

    def is_thanks(self, fact: Fact) -> bool:
        """Say whether a message to a resolved case is no contact but thanks."""
        least = self._settings.thanks_from
        return least is not None and fact.sentiment is not None and fact.sentiment >= least
