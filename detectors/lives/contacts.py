"""What becomes of a customer's contacts: chains about one issue, and the cases that they are made on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from detectors.events import Event
from detectors.lives import contact_words as words
from detectors.lives.contact_rules import ContactRules
from detectors.lives.contact_state import CaseNow, Chain, Contact, Contacts
from detectors.lives.facts import Fact, fact_of
from detectors.lives.life import FAR_US, NO_USE, SEED, STRAY, Life, Script
from detectors.lives.settings import OUTBOUND, issue_of, label_names, labels_of
from detectors.promises.kinds import CANCELLED_STATUSES, RESOLVED_STATUSES, RESOLVED_STEPS, normal

if TYPE_CHECKING:
    from detectors.repeat_contact import RepeatContactSettings

NAME = "repeat_contact"
REMEMBERED = 6
"""How many contacts of a chain the alert lists."""
_TURNS = frozenset({"agent_reply", "paused"})
_STATES = frozenset({"resolved", "closed", "cancelled", "merged", "reopened", "updated"})


class ContactLife(Life[Contacts]):
    """What becomes of a customer's contacts."""

    state_type = Contacts

    def __init__(self, name: str, settings: "RepeatContactSettings") -> None:
        self._name = name
        self._settings = settings
        self._rules = ContactRules(settings)
        self.retention_us = settings.retention
        self.skew_us = settings.skew
        self._labels = frozenset({"direction", "transferred_from", *label_names(settings.issue)})
        self._contacts = frozenset(settings.contacts)
        self.quiet_us = min((settings.window, *settings.window_by_issue.values()))
        self.dormant_us = 0
        self._steps = self._contacts | _TURNS | _STATES
        self.event_types = frozenset(f"crm.case.{step}" for step in self._steps)

    def begin(self, key: str) -> Contacts:
        """Return a customer without contacts."""
        del key
        return Contacts()

    def read(self, event: Event) -> Fact | str:
        """Return what is kept of a step of a case."""
        data: Any = event.data
        if event.step not in self._steps or (event.step == "updated" and not data.status):
            return ""
        return fact_of(event, self._labels, 0)

    def use_of(self, event: Event) -> int:
        """A contact begins something."""
        step = event.step
        if step in self._contacts:
            return SEED
        data: Any = event.data
        return STRAY if step in self._steps and (step != "updated" or data.status) else NO_USE

    def is_seed(self, fact: Fact) -> bool:
        """Say whether it may be a contact."""
        return fact.step in self._contacts

    def keeps_quiet(self, facts: Sequence[Fact], fact: Fact) -> bool:
        """Say whether it goes on a plain conversation: one case is opened, answered and asked in turns, resolved."""
        step = fact.step
        if fact.labels and (fact.label("direction") or fact.label("transferred_from")):
            return False
        if not facts:
            return step == "opened" and step in self._contacts
        last = facts[-1]
        if last.case_id != fact.case_id:
            return False
        if last.step in RESOLVED_STEPS:
            return step in RESOLVED_STEPS
        if step == "customer_message" and step in self._contacts:
            return last.step == "agent_reply"
        return step == "agent_reply" or step in RESOLVED_STEPS

    def is_empty(self, state: Contacts) -> bool:
        """Say whether no contact and no case is known."""
        return not state.chains and not state.cases

    def apply(self, state: Contacts, fact: Fact, script: Script) -> None:
        """Classify a contact, or follow what becomes of a case."""
        case = state.cases.get(fact.case_id)
        status = normal(fact.status) if fact.status and fact.step == "updated" else ""
        if fact.step in self._contacts:
            self._contact(state, case, fact, script)
        elif case is None:
            return  # nothing was asked about it that is still known
        elif fact.step in RESOLVED_STEPS or status in RESOLVED_STATUSES:
            if case.is_open:
                self._resolve(state, case, fact, script)
        elif fact.step in {"cancelled", "merged"} or status in CANCELLED_STATUSES:
            self._cancel(state, case, fact, script)
        elif fact.step in _TURNS:
            case.answered = True
            case.keep_us = fact.at_us + self._settings.case_retention
            if fact.step == "agent_reply":  # what is said last, by either side, is the end of a contact
                chain = state.chains.get(case.issue)
                if chain is not None and chain.last.case_id == fact.case_id:
                    chain.anchor_us = fact.at_us
            self._stop_chasing(case, fact, script, "the customer was answered")
        else:
            self._open(state, case, fact)

    def _contact(self, state: Contacts, case: CaseNow | None, fact: Fact, script: Script) -> None:
        outbound = fact.label("direction").casefold() in OUTBOUND
        if case is None:
            key, _ = issue_of(fact, self._settings.issue)
            case = state.cases[fact.case_id] = CaseNow(key, 0, is_open=False)
            if outbound:
                self._open(state, case, fact)
        chain = state.chains.get(case.issue)
        if outbound:
            self._saw(script, "outbound", fact, chain)
            case.answered = True
        elif not case.is_open and fact.step != "opened" and self._rules.is_thanks(fact):
            self._saw(script, "thanks", fact, chain)
        else:
            self._inbound(state, case, chain, fact, script)

    def _inbound(self, state: Contacts, case: CaseNow, chain: Chain | None, fact: Fact, script: Script) -> None:
        contact = Contact(fact.id, fact.at_us, fact.channel, fact.case_id)
        answers_us = case.is_open and case.answered
        if chain is None:
            if not answers_us:  # an answer to what the company began is no contact
                state.chains[case.issue] = self._chain(fact, contact)
        else:
            kind = self._rules.kind(chain, case, fact)
            if kind not in {"first", "reply", "continued"}:
                self._saw(script, kind, fact, chain)
            if kind == "first":
                self._over(chain, fact.at_us, script)
                state.chains[case.issue] = self._chain(fact, contact)
            elif kind == "repeat":
                self._repeat(chain, fact, contact, script)
            else:
                chain.last, chain.anchor_us, chain.resolved = contact, fact.at_us, False
            if kind == "chaser":
                self._chase(case, chain, fact, script)
        self._open(state, case, fact)
        case.answered = False

    def _repeat(self, chain: Chain, fact: Fact, contact: Contact, script: Script) -> None:
        gap_us, at_us = fact.at_us - chain.anchor_us, fact.at_us
        chain.count += 1
        chain.last = contact
        chain.contacts.append(contact)
        if len(chain.contacts) > REMEMBERED:
            del chain.contacts[1]
        was_resolved = chain.resolved
        chain.anchor_us, chain.resolved = at_us, False
        if fact.who.customer or not chain.who.customer:
            chain.who = fact.who
        if chain.count < self._settings.alert_from:
            return
        severity = self._settings.urgency.of(chain.who)
        if 0 < self._settings.critical_from <= chain.count:
            severity = "critical"
        told = words.repeat(chain, gap_us, self._rules.window_us(chain), resolved=was_resolved)
        if chain.open is not None and chain.severity == severity:
            script.update(at_us, chain.open, lambda: told)
            return
        if chain.open is not None:
            self._end(chain, at_us, script, f"more urgent now: {severity}")
        if self._settings.urgency.is_raised(severity):
            labels = labels_of(self._name, NAME, "RepeatContact", severity, chain.who, {"issue": chain.issue})
            chain.severity = severity
            chain.open = script.fire(at_us, {**self._settings.labels, **labels}, lambda: told)

    def _chase(self, case: CaseNow, chain: Chain, fact: Fact, script: Script) -> None:
        case.chasers += 1
        if not self._settings.chasers or case.chasers < self._settings.chasers:
            return
        told = words.chasing(case.chasers, chain, fact)
        if case.chasing is not None:
            script.update(fact.at_us, case.chasing, lambda: told)
            return
        severity = self._settings.urgency.of(chain.who)
        if self._settings.urgency.is_raised(severity):
            more = {"issue": chain.issue, "case_id": fact.case_id}
            labels = labels_of(self._name, NAME, "CustomerChasing", severity, chain.who, more)
            case.chasing = script.fire(fact.at_us, {**self._settings.labels, **labels}, lambda: told)

    def _open(self, state: Contacts, case: CaseNow, fact: Fact) -> None:
        case.is_open = True
        case.keep_us = fact.at_us + self._settings.case_retention
        chain = state.chains.get(case.issue)
        if chain is not None and chain.last.case_id == fact.case_id:
            chain.resolved = False

    def _resolve(self, state: Contacts, case: CaseNow, fact: Fact, script: Script) -> None:
        case.is_open, case.answered = False, True
        case.keep_us = fact.at_us
        self._stop_chasing(case, fact, script, "the case was resolved")
        chain = state.chains.get(case.issue)
        if chain is None or chain.last.case_id != fact.case_id:
            return
        came_us = chain.last.at_us
        chain.anchor_us, chain.resolved = fact.at_us, True
        if fact.at_us > came_us:  # a contact that was resolved when it came says nothing: so was the one before
            self._end(chain, fact.at_us, script, f"case {fact.case_id} was resolved")

    def _cancel(self, state: Contacts, case: CaseNow, fact: Fact, script: Script) -> None:
        self._stop_chasing(case, fact, script, f"the case was {fact.step}")
        chain = state.chains.get(case.issue)
        if chain is not None and chain.last.case_id == fact.case_id:
            self._end(chain, fact.at_us, script, f"case {fact.case_id} was {normal(fact.status or fact.step)}")
        case.is_open, case.keep_us = False, fact.at_us

    # -- time ---------------------------------------------------------------------------------------------------------

    def next_us(self, state: Contacts) -> int:
        """Return when the next alert ends, or a chain or a case is forgotten."""
        next_us, rules, chains = FAR_US, self._rules, state.chains
        keep_us = {key: rules.keep_us(state, key) for key in chains}
        for key, chain in chains.items():
            due_us = keep_us[key] if chain.open is None else rules.quiet_us(chain)
            next_us = min(next_us, due_us)
        for case in state.cases.values():
            next_us = min(next_us, max(case.keep_us, keep_us.get(case.issue, 0)))
        return next_us

    def pass_deadline(self, state: Contacts, at_us: int, script: Script) -> None:
        """End alerts of customers who have not come back, and forget what is over."""
        for chain in state.chains.values():
            if chain.open is not None and self._rules.quiet_us(chain) <= at_us:
                self._over(chain, at_us, script)
        over = [key for key in state.chains if self._rules.keep_us(state, key) <= at_us]
        for case_id, case in list(state.cases.items()):
            if max(case.keep_us, self._rules.keep_us(state, case.issue)) <= at_us:
                if case.chasing is not None:
                    self._end_chasing(case, at_us, script, "nothing was heard of the case any more")
                del state.cases[case_id]
        for key in over:
            chain = state.chains.pop(key)
            last = chain.last
            script.saw(last.at_us, at_us, "no_repeat", self._group(chain, last.id), chain.count)

    # -- pieces -------------------------------------------------------------------------------------------------------

    def _chain(self, fact: Fact, contact: Contact) -> Chain:
        return Chain(issue_of(fact, self._settings.issue)[1], 1, [contact], contact, fact.at_us, fact.who)

    def _over(self, chain: Chain, at_us: int, script: Script) -> None:
        self._end(
            chain, at_us, script, f"the customer has not come back for {words.span(self._rules.window_us(chain))}"
        )

    def _end(self, chain: Chain, at_us: int, script: Script, why: str) -> None:
        if chain.open is not None:
            episode, chain.open = chain.open, None
            script.end(at_us, episode, lambda: words.repeat_ended(chain, why))

    def _stop_chasing(self, case: CaseNow, fact: Fact, script: Script, why: str) -> None:
        case.chasers = 0
        self._end_chasing(case, fact.at_us, script, why)

    def _end_chasing(self, case: CaseNow, at_us: int, script: Script, why: str) -> None:
        if case.chasing is not None:
            episode, case.chasing = case.chasing, None
            script.end(at_us, episode, lambda: words.chasing_ended(episode, why))

    def _saw(self, script: Script, verdict: str, fact: Fact, chain: Chain | None) -> None:
        group = {"customer": fact.who.customer, "issue": issue_of(fact, self._settings.issue)[1], "contact": fact.id}
        if chain is not None:
            group |= {"issue": chain.issue, "of": chain.last.id}
        count = 1 if chain is None else chain.count + (verdict == "repeat")
        script.saw(fact.at_us if chain is None else min(chain.anchor_us, fact.at_us), fact.at_us, verdict, group, count)

    def _group(self, chain: Chain, contact: str) -> dict[str, str]:
        return {"customer": chain.who.customer, "issue": chain.issue, "contact": contact}
