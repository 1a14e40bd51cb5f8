"""What comes after a resolution: signs that the customer is still unhappy."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from detectors.events import CaseData, Event, SocialData, SocialEvent, SurveyEvent
from detectors.lives import aftermath_words as words
from detectors.lives.beginnings import fits
from detectors.lives.facts import Fact, Who, fact_of
from detectors.lives.life import DORMANT, FAR_US, NO_USE, SEED, STRAY, Life, Open, Script
from detectors.lives.settings import issue_of, label_names, labels_of
from detectors.lives.surveys import Scales
from detectors.promises.kinds import CANCELLED_STATUSES, RESOLVED_STATUSES, RESOLVED_STEPS, normal

if TYPE_CHECKING:
    from detectors.residual_dissatisfaction import ResidualDissatisfactionSettings

NAME = "residual_dissatisfaction"
REMEMBERED = 4
"""How many signs of a recovery the alert lists."""
_STEPS = (
    "opened", "customer_message", "agent_reply", "resolved", "closed", "updated", "reopened", "cancelled", "merged",
)  # fmt: skip
_SEEDS = frozenset({"opened", "reopened", "updated", *RESOLVED_STEPS})
_AGAIN = frozenset({"updated", "reopened", "cancelled", "merged"})
_NEVER_SIGNS = frozenset({"agent_reply", *RESOLVED_STEPS})
_QUIET = frozenset({"opened", "customer_message"})


class Recovered(msgspec.Struct, array_like=True):
    """A case, and what came after its resolution.

    Attributes:
        issue: key of what it is about. issue_name: as people call it.
        resolutions: how often it was resolved.
        signs: those since the last resolution, as people read them, the last few; ``count`` of them in all.
        quiet_us: when the alert ends if nothing more is heard. keep_us: until when the case is kept.
    """

    case_id: str
    issue: str
    issue_name: str
    who: Who
    watched: bool
    opened_us: int | None
    keep_us: int
    is_open: bool = True
    replies: int = 0
    resolved_us: int | None = None
    resolutions: int = 0
    signs: list[str] = msgspec.field(default_factory=list)
    count: int = 0
    quiet_us: int = FAR_US
    open: Open | None = None


class Aftermath(msgspec.Struct, array_like=True):
    """The cases of one customer."""

    cases: dict[str, Recovered] = msgspec.field(default_factory=dict)


class AftermathLife(Life[Aftermath]):
    """What becomes of a customer after resolutions."""

    state_type = Aftermath

    def __init__(self, name: str, settings: "ResidualDissatisfactionSettings") -> None:
        self._name = name
        self._settings = settings
        self._scales = Scales(settings.scales, settings.default_scale)
        self.retention_us = settings.retention
        self.skew_us = settings.skew
        self._signs = frozenset(settings.signs)
        self.quiet_us = min(settings.window, settings.case_retention)
        self.dormant_us = settings.window
        self._labels = label_names(settings.issue) | frozenset(settings.where.labels)
        self.event_types = frozenset({"survey.response", "social.post", *(f"crm.case.{step}" for step in _STEPS)})

    def begin(self, key: str) -> Aftermath:
        """Return a customer without cases."""
        del key
        return Aftermath()

    def read(self, event: Event) -> Fact | str:
        """Return what is kept of an event; answers that cannot be judged are refused with the reason."""
        data: Any = event.data
        if isinstance(event, SurveyEvent):
            refusal = self._scales.refusal(data.score, data.scale)
            return refusal or fact_of(event, self._labels, self._settings.quote)
        if isinstance(event, SocialEvent):
            angry = event.subject and self._is_angry(data)
            return fact_of(event, self._labels, self._settings.quote) if angry else ""
        if event.step == "updated" and not data.status:
            return ""
        return fact_of(event, self._labels, self._settings.quote)

    def use_of(self, event: Event) -> int:
        """A step of a case that is remembered begins something; that it was resolved is waited for what follows."""
        step = event.step
        if step in RESOLVED_STEPS:
            return DORMANT
        data: Any = event.data
        if step == "post":
            return STRAY if event.subject and self._is_angry(data) else NO_USE
        if step == "response":
            return SEED if self._scales.refusal(data.score, data.scale) else STRAY
        if step == "updated" and not data.status:
            return NO_USE
        return SEED if step in _SEEDS else STRAY

    def is_seed(self, fact: Fact) -> bool:
        """Say whether it is a step of a case that is remembered."""
        return fact.step in _SEEDS

    def keeps_quiet(self, facts: Sequence[Fact], fact: Fact) -> bool:
        """Say whether it is no sign: because it is none by itself, or because nothing has been resolved yet."""
        step = fact.step
        if step in _NEVER_SIGNS or (step in _QUIET and not self._is_angry(fact)):
            return True
        if step == "response" and self._scales.verdict(fact.score, fact.scale) != "negative":
            return True
        return step not in _AGAIN and not any(one.step in RESOLVED_STEPS for one in facts)

    def is_empty(self, state: Aftermath) -> bool:
        """Say whether no case is known."""
        return not state.cases

    # -- what happens -------------------------------------------------------------------------------------------------

    def apply(self, state: Aftermath, fact: Fact, script: Script) -> None:
        """See whether something is a sign, and follow the cases."""
        if fact.step == "response":
            self._answer(state, fact, script)
        elif fact.step == "post":
            recovered = self._latest(state, fact.at_us)
            if recovered is not None and "post" in self._signs:
                self._sign(recovered, fact, words.said("posted", fact), script)
        else:
            self._step(state, fact, script)

    def _answer(self, state: Aftermath, fact: Fact, script: Script) -> None:
        scale = self._scales.find(fact.scale)
        if scale is None or fact.score is None:
            return  # refused before
        found = state.cases.get(fact.case_id) if fact.case_id else self._latest(state, fact.at_us)
        verdict = scale.verdict(fact.score)
        if found is None or not self._in_window(found, fact.at_us) or verdict == "neutral":
            return
        scale_name = fact.scale or self._settings.default_scale or ""
        told = words.answered(fact.score, scale_name, scale.band(fact.score), fact)
        if verdict == "negative" and "survey" in self._signs:
            self._sign(found, fact, told, script)
        elif verdict == "positive":
            self._end(found, fact.at_us, script, f"the customer {told}")

    def _step(self, state: Aftermath, fact: Fact, script: Script) -> None:
        status = normal(fact.status) if fact.status and fact.step == "updated" else ""
        case = state.cases.get(fact.case_id)
        if fact.step in {"cancelled", "merged"} or status in CANCELLED_STATUSES:
            if case is not None:
                self._end(case, fact.at_us, script, f"the case was {normal(fact.status or fact.step)}")
                del state.cases[fact.case_id]
            return
        resolved = fact.step in RESOLVED_STEPS or status in RESOLVED_STATUSES
        if case is None:
            if not resolved and fact.step not in {"opened", "reopened"}:
                return  # neither when it began nor that it was resolved is known
            if fact.step == "opened":
                self._elsewhere(state, fact, script)
            case = state.cases[fact.case_id] = self._new(fact)
        if resolved:
            self._resolve(case, fact, script)
            return
        if fact.step == "agent_reply":
            case.replies += 1
        elif fact.step == "customer_message" and self._is_angry(fact) and "message" in self._signs:
            if self._in_window(case, fact.at_us):
                self._sign(case, fact, words.said("wrote", fact), script)
        elif fact.step == "reopened" or (fact.step == "updated" and not case.is_open):
            if self._in_window(case, fact.at_us) and not case.is_open and "reopened" in self._signs:
                self._sign(case, fact, "had the case reopened", script)
            case.is_open = True
        case.keep_us = max(case.keep_us, fact.at_us + self._settings.case_retention) if case.is_open else case.keep_us

    def _elsewhere(self, state: Aftermath, fact: Fact, script: Script) -> None:
        """A case begins: see whether it is about what another one was resolved of."""
        issue, _ = issue_of(fact, self._settings.issue)
        if not self._is_angry(fact) or "contact" not in self._signs:
            return
        same = [
            one
            for one in state.cases.values()
            if one.issue == issue and not one.is_open and self._in_window(one, fact.at_us)
        ]
        if same:
            latest = max(same, key=lambda one: (one.resolved_us or 0, one.case_id))
            self._sign(latest, fact, words.said(f"opened case {fact.case_id}", fact), script)

    def _new(self, fact: Fact) -> Recovered:
        issue, name = issue_of(fact, self._settings.issue)
        opened_us = fact.at_us if fact.step == "opened" else None
        watched = fits(self._settings.where, fact)
        keep_us = fact.at_us + self._settings.case_retention
        return Recovered(fact.case_id, issue, name, fact.who, watched, opened_us, keep_us)

    def _resolve(self, case: Recovered, fact: Fact, script: Script) -> None:
        if not case.is_open and case.resolved_us is not None:
            return  # closed after it was resolved
        self._end(case, fact.at_us, script, "the case was resolved again")
        case.is_open, case.resolved_us = False, fact.at_us
        case.resolutions += 1
        case.signs, case.count = [], 0
        case.keep_us = fact.at_us + self._settings.window

    def _sign(self, case: Recovered, fact: Fact, told: str, script: Script) -> None:
        at_us = fact.at_us
        case.count += 1
        case.signs = [*case.signs, words.dated(told, at_us)][-REMEMBERED:]
        case.quiet_us = at_us + self._settings.window
        if fact.who.tier or fact.who.value is not None:
            case.who = msgspec.structs.replace(fact.who, service=case.who.service, region=case.who.region)
        notes = words.unhappy(case, told, at_us)
        if case.open is not None:
            script.update(at_us, case.open, lambda: notes)
            return
        severity = self._settings.urgency.of(case.who)
        if 0 < self._settings.critical_from <= case.resolutions:
            severity = "critical"
        if self._settings.urgency.is_raised(severity):
            more = {"case_id": case.case_id}
            labels = labels_of(self._name, NAME, "ResidualDissatisfaction", severity, case.who, more)
            case.open = script.fire(at_us, {**self._settings.labels, **labels}, lambda: notes)

    def _end(self, case: Recovered, at_us: int, script: Script, why: str) -> None:
        case.quiet_us = FAR_US
        if case.open is not None:
            episode, case.open = case.open, None
            script.end(at_us, episode, lambda: words.ended(case, why))

    # -- time ---------------------------------------------------------------------------------------------------------

    def next_us(self, state: Aftermath) -> int:
        """Return when the next alert ends by itself, or a case is forgotten."""
        return min((_next_us(case) for case in state.cases.values()), default=FAR_US)

    def pass_deadline(self, state: Aftermath, at_us: int, script: Script) -> None:
        """End alerts of customers of whom nothing more is heard, and forget cases."""
        for case_id, case in list(state.cases.items()):
            if case.open is not None and case.quiet_us <= at_us:
                window = words.span(self._settings.window)
                self._end(case, at_us, script, f"nothing more was heard for {window}")
            if case.open is None and case.keep_us <= at_us:
                del state.cases[case_id]

    # -- pieces -------------------------------------------------------------------------------------------------------

    def _in_window(self, case: Recovered, at_us: int) -> bool:
        return case.watched and case.resolved_us is not None and at_us - case.resolved_us <= self._settings.window

    def _latest(self, state: Aftermath, at_us: int) -> Recovered | None:
        found = [case for case in state.cases.values() if self._in_window(case, at_us)]
        return max(found, key=lambda case: (case.resolved_us or 0, case.case_id), default=None)

    def _is_angry(self, said: Fact | CaseData | SocialData) -> bool:
        return said.sentiment is not None and said.sentiment <= self._settings.angry


def _next_us(case: Recovered) -> int:
    return case.quiet_us if case.open is not None else case.keep_us
