"""What becomes of a customer's answers to surveys: bad ones, edits, and who was followed up."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from detectors.events import Event, SurveyEvent
from detectors.lives import wording
from detectors.lives.facts import Fact, Who, fact_of
from detectors.lives.life import DORMANT, FAR_US, NO_USE, SEED, STRAY, Life, Open, Script
from detectors.lives.settings import DAY_US, RECOVERY_LABEL, labels_of
from detectors.lives.surveys import Scales

if TYPE_CHECKING:
    from detectors.negative_survey import NegativeSurveySettings

NAME = "negative_survey"
ALERT = "NegativeSurvey"


class Answer(msgspec.Struct, array_like=True):
    """An answer as it stands.

    Attributes:
        first_us: when it was given first; at_us: when it was given as it stands.
        ends_us: when its alert ends, if nobody follows up. forget_us: until when it is kept.
        edits: how often it was changed.
    """

    id: str
    event: str
    first_us: int
    at_us: int
    score: float
    scale: str
    verdict: str
    band: str
    case_id: str
    who: Who
    text: str
    channel: str
    forget_us: int
    ends_us: int = FAR_US
    edits: int = 0
    open: Open | None = None


class Answers(msgspec.Struct, array_like=True):
    """The answers of one customer, by response id, and when the bad ones among them were given."""

    answers: dict[str, Answer] = msgspec.field(default_factory=dict)
    bad_us: list[int] = msgspec.field(default_factory=list)


class SurveyLife(Life[Answers]):
    """What becomes of a customer's answers."""

    state_type = Answers

    def __init__(self, name: str, settings: "NegativeSurveySettings") -> None:
        self._name = name
        self._settings = settings
        self.scales = Scales(settings.scales, settings.default_scale)
        self.retention_us = settings.retention
        self.skew_us = settings.skew
        self._labels = frozenset({settings.response, RECOVERY_LABEL})
        self._follow_up = frozenset(settings.follow_up)
        self.quiet_us = max(settings.edit_window, settings.retention)
        self.dormant_us = self.quiet_us
        self.dormant_by_case = False

    def begin(self, key: str) -> Answers:
        """Return a customer without answers."""
        del key
        return Answers()

    def read(self, event: Event) -> Fact | str:
        """Return an answer or a follow-up; an answer that cannot be judged is refused with the reason."""
        if isinstance(event, SurveyEvent):
            data = event.data
            refusal = self.scales.refusal(data.score, data.scale)
            if refusal:
                return refusal
            fact = fact_of(event, self._labels, self._settings.quote)
            # A revision that was written too long after the answer does not count; the answer stands as it was.
            late = fact.rev and fact.edited_us > fact.at_us + self._settings.edit_window
            return "edited_too_late" if late else fact
        if event.step in self._follow_up or self._marks_contact(event):
            return fact_of(event, self._labels, 0)
        return ""

    def apply(self, state: Answers, fact: Fact, script: Script) -> None:
        """Judge an answer, or see who is followed up."""
        if fact.step != "response":
            why = f"followed up: {fact.step.replace('_', ' ')}"
            for answer in state.answers.values():
                if not answer.case_id or answer.case_id == fact.case_id:
                    self._end(answer, fact.at_us, why, script)
            return
        id_ = self._id_of(fact)
        known = state.answers.get(f"{fact.source}|{id_}")
        if known is None:
            self._add(state, id_, fact, script)
        elif fact.at_us <= known.first_us + self._settings.edit_window:
            self._edit(state, known, fact, script)
        else:
            script.saw(fact.at_us, fact.at_us, "edited_too_late", {"response": id_, "customer": fact.who.customer})

    def _judge(self, answer: Answer, fact: Fact) -> None:
        scale = self.scales.find(fact.scale)
        if scale is None or fact.score is None:
            return  # refused before
        answer.at_us, answer.score, answer.text = fact.at_us, fact.score, fact.text
        answer.scale = fact.scale or self._settings.default_scale or ""
        answer.verdict, answer.band = scale.verdict(fact.score), scale.band(fact.score)

    def _add(self, state: Answers, id_: str, fact: Fact, script: Script) -> None:
        answer = Answer(
            id_, fact.id, fact.at_us, fact.at_us, 0.0, "", "", "", fact.case_id, fact.who, "", fact.channel,
            fact.at_us + max(self._settings.edit_window, self.retention_us),
        )  # fmt: skip
        self._judge(answer, fact)
        if answer.verdict == "negative":
            self._fire(state, answer, fact.at_us, script)
        elif answer.verdict == "positive":
            why = f"a later answer was {_shown(answer)}"
            for earlier in state.answers.values():
                if not (earlier.case_id and answer.case_id and earlier.case_id != answer.case_id):
                    self._end(earlier, fact.at_us, why, script)
        state.answers[f"{fact.source}|{id_}"] = answer

    def _edit(self, state: Answers, answer: Answer, fact: Fact, script: Script) -> None:
        was_bad, before = answer.verdict == "negative", _shown(answer)
        since_us = answer.at_us
        self._judge(answer, fact)
        answer.edits += 1
        is_bad = answer.verdict == "negative"
        if was_bad and not is_bad:
            if since_us in state.bad_us:
                state.bad_us.remove(since_us)
            if answer.open is not None:
                episode, answer.open, answer.ends_us = answer.open, None, FAR_US
                why = f"retracted: the customer changed the answer from {before} to {_shown(answer)}"
                script.retract(fact.at_us, episode, lambda: self._ended(answer, why))
        elif is_bad and not was_bad:
            self._fire(state, answer, fact.at_us, script)
        elif is_bad and answer.open is not None and before != _shown(answer):
            count = len(state.bad_us)
            script.update(fact.at_us, answer.open, lambda: self._words(answer, count, f"changed from {before}"))

    def _fire(self, state: Answers, answer: Answer, at_us: int, script: Script) -> None:
        state.bad_us.append(at_us)
        answer.forget_us = max(answer.forget_us, at_us + self._settings.remember)
        severity = self._settings.urgency.of(answer.who)
        if not self._settings.urgency.is_raised(severity):
            return
        more = {"response": answer.id, "case_id": answer.case_id, "scale": answer.scale, "band": answer.band}
        labels = labels_of(self._name, NAME, ALERT, severity, answer.who, more)
        count = len(state.bad_us)
        answer.open = script.fire(at_us, {**self._settings.labels, **labels}, lambda: self._words(answer, count, ""))
        answer.ends_us = at_us + self._settings.open_for

    def _end(self, answer: Answer, at_us: int, why: str, script: Script) -> None:
        if answer.open is not None:
            episode, answer.open, answer.ends_us = answer.open, None, FAR_US
            script.end(at_us, episode, lambda: self._ended(answer, why))

    def next_us(self, state: Answers) -> int:
        """Return when the next alert ends by itself, or an answer is forgotten."""
        return min((_next_us(answer) for answer in state.answers.values()), default=FAR_US)

    def pass_deadline(self, state: Answers, at_us: int, script: Script) -> None:
        """End alerts that nobody has followed up, and forget answers."""
        for key, answer in list(state.answers.items()):
            if answer.ends_us == at_us:
                self._end(answer, at_us, f"nobody followed up within {wording.span(self._settings.open_for)}", script)
            if answer.open is None and answer.forget_us <= at_us:
                del state.answers[key]
        remembered_us = at_us - self._settings.remember
        state.bad_us = [bad_us for bad_us in state.bad_us if bad_us > remembered_us] if state.answers else []

    def is_empty(self, state: Answers) -> bool:
        """Say whether no answer is kept."""
        return not state.answers

    def use_of(self, event: Event) -> int:
        """An answer begins something; one that is not bad waits for another to the same invitation, or a bad one."""
        step = event.step
        if step == "response":
            data: Any = event.data
            is_good = not data.labels and self.scales.verdict(data.score, data.scale) in {"neutral", "positive"}
            return DORMANT if is_good else SEED
        return STRAY if step in self._follow_up or self._marks_contact(event) else NO_USE

    def is_seed(self, fact: Fact) -> bool:
        """Say whether it is an answer."""
        return fact.step == "response"

    def keeps_quiet(self, facts: Sequence[Fact], fact: Fact) -> bool:
        """Say whether it is an answer of its own that is not bad, or a follow-up when there is nothing to follow up."""
        if fact.step != "response":
            return True
        if self.scales.verdict(fact.score, fact.scale) not in {"neutral", "positive"}:
            return False
        id_ = self._id_of(fact)
        return all(one.step != "response" or self._id_of(one) != id_ for one in facts)

    def _id_of(self, fact: Fact) -> str:
        return fact.label(self._settings.response) or fact.id

    def _marks_contact(self, event: Event) -> bool:
        return event.data.labels.get(RECOVERY_LABEL) == "customer_contacted"

    # -- what people read ---------------------------------------------------------------------------------------------

    def _words(self, answer: Answer, count: int, note: str) -> dict[str, str]:
        who = answer.who
        told = f"{_shown(answer)}{f' ({note})' if note else ''}"
        times = f"; the {wording.ordinal(count)} bad answer of this customer" if count > 1 else ""
        of = f" about case {answer.case_id}" if answer.case_id else ""
        by = f" by {answer.channel}" if answer.channel else ""
        said = f' They wrote: "{answer.text}"' if answer.text else ""
        return {
            "summary": f"{wording.capital(wording.customer(who))} answered {told}{of}",
            "description": f"Answered {told}{of}{by} on {wording.moment(answer.at_us)}{times}.{said}",
            "action": f"Call the customer within {wording.span(2 * DAY_US)}"
            + (f", with case {answer.case_id} at hand" if answer.case_id else "")
            + "; write down what went wrong.",
            "score": wording.number(answer.score),
            "count": str(count),
            **wording.about(who),
        }

    def _ended(self, answer: Answer, why: str) -> dict[str, str]:
        of = f" about case {answer.case_id}" if answer.case_id else ""
        return {
            "summary": f"Bad answer of {wording.customer(answer.who)}{of}: {why}",
            "description": f"{wording.capital(why)}. First answered on {wording.moment(answer.first_us)}.",
            "reason": why,
            "score": wording.number(answer.score),
            **wording.about(answer.who),
        }


def _shown(answer: Answer) -> str:
    return f"{wording.number(answer.score)} on {answer.scale} ({answer.band})"


def _next_us(answer: Answer) -> int:
    return answer.ends_us if answer.open is not None else answer.forget_us
