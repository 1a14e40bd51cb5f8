"""Cases of ``negative_survey``: answers on a scale, their edits, and rates of them."""

from collections.abc import Mapping
from typing import Any

from detectors.contract import Context
from detectors.events import Event, SurveyData
from detectors.lives.answers import Answer
from detectors.lives.surveys import NpsEstimate, Scales, nps_estimate
from detectors.negative_survey import NegativeSurvey, NegativeSurveySettings
from pipeline.lifecases import common, living
from pipeline.lifecases.common import Calendars, EventSettings, LifeCase

_KNOWN = {"scale", "direction", "aggregate", *common.with_units("edit_window")}
_OWN = "own"
_REFERENCES = {"reference", "baseline", "benchmark", "target"}


def run(case: LifeCase, calendars: Calendars) -> dict[str, Any]:
    """Return what the last answer means, whether it alerts, and what became of earlier alerts.

    Raises:
        UnknownPartError: for a part that is not known.
        ValueError: for a value that cannot be used.
    """
    del calendars
    common.check_known(case.promise, _KNOWN)
    detector = NegativeSurvey("negative_survey", _settings(case.promise), Context())
    events = [found for event in case.events if (found := _event(case, event)) is not None]
    as_of_us = common.as_of_us(case)
    lives = list(living.lives(detector.life, detector.key, events, as_of_us))
    computed: dict[str, Any] = {"negative": False, "alert": False}
    answers = [answer for lived in lives for answer in lived.state.answers.values()]
    if answers:
        computed |= _of(max(answers, key=lambda answer: (answer.at_us, answer.event)))
    computed["alert"] = any(answer.open is not None for answer in answers)
    quarantined = {name: why for lived in lives for name, why in lived.quarantined.items()}
    if quarantined:
        computed["quarantined"] = sorted(quarantined)
        computed["negative"] = computed["negative"] if answers else None
        computed["reason"] = "; ".join(sorted(set(quarantined.values())))
    retracted = _retracted(detector, events, lives)
    if retracted:
        computed["retracts"] = f"alert on {retracted[-1]}"
    if "aggregate" in case.promise or any(event.type == "survey_batch" for event in case.events):
        computed |= _rate(case, answers, as_of_us)
    return computed


def _of(answer: Answer) -> dict[str, Any]:
    score: float | int = int(answer.score) if answer.score.is_integer() else answer.score
    return {
        "negative": answer.verdict == "negative",
        "band": answer.band,
        "score": score,
        "final_score": score,
        "edits": answer.edits,
    }


def _settings(promise: Mapping[str, Any]) -> NegativeSurveySettings:
    scale = promise.get("scale")
    edit_us = common.duration_us(promise, "edit_window")
    own: dict[str, Any] = {}
    if isinstance(scale, dict):
        names = {"min": "lowest", "max": "highest"}
        own = {_OWN: {names.get(name, name): value for name, value in scale.items() if name != "name"}}
        scale = _OWN
    elif scale is not None:
        scale = _directed(str(scale), promise.get("direction"))
        if Scales({}, None).find(scale) is None:
            msg = f"scale {scale} is not known"
            raise common.UnknownPartError(msg)
    return NegativeSurveySettings.model_validate(
        {
            "scales": own,
            "default_scale": scale,
            **({} if edit_us is None else {"edit_window": edit_us}),
            "remember": common.YEARS,
            "retention": common.YEARS,
            "open_for": common.YEARS,
        }
    )


def _directed(scale: str, direction: Any) -> str:
    """Return the scale: effort from 1 to 5 goes the other way than agreement."""
    down = str(direction or "").casefold() in {"lower_is_better", "high_is_bad", "descending", "effort"}
    return "ces_effort" if down and scale.startswith("ces") else scale


def _event(case: LifeCase, event: EventSettings) -> Event | None:
    customer = event.text("customer", "subject")
    case_id = event.text("case", "case_id")
    if event.type == "survey_batch":
        return None
    if event.type in {"agent_reply", "customer_contacted", "follow_up", "followed_up"}:
        return common.case_event(event, "agent_reply", case_id or case.name, customer=customer)
    if event.type not in {"survey_response", "response", "survey.response", "survey_edited"}:
        msg = f"an event of type {event.type!r} is not known"
        raise common.UnknownPartError(msg)
    score = event.more.get("score")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
        msg = f"score: expected a number, not {score!r}"
        raise ValueError(msg)
    scale = event.text("scale")
    response = event.text("response", "response_id")
    return common.survey_event(
        event,
        customer or (f"who answered {response}" if response else ""),
        SurveyData(
            score=None if score is None else float(score),
            scale=_directed(scale, event.more.get("direction")) if scale else None,
            case_id=case_id or None,
            labels={"response": response} if response else {},
        ),
    )


def _retracted(detector: NegativeSurvey, events: list[Event], lives: list[living.Lived]) -> list[str]:
    """Return the events whose alert was taken back: by an edit, or by what became known later."""
    fired = {
        dict(entry.episode.labels)["response"]: entry.at_us
        for lived in lives
        for entry in lived.script.entries
        if entry.what == "retract"
    }
    found = [
        next(event.id for event in events if event.time_us <= at_us and _response(event) == response)
        for response, at_us in fired.items()
    ]
    now_bad = {key for lived in lives for key, answer in lived.state.answers.items() if answer.verdict == "negative"}
    for moment_us in sorted({living.known_us(event) for event in events}):
        for lived in living.lives(detector.life, detector.key, events, moment_us):
            found += [
                answer.event
                for key, answer in lived.state.answers.items()
                if answer.verdict == "negative" and key not in now_bad
            ]
    return list(dict.fromkeys(found))


def _response(event: Event) -> str:
    return event.data.labels.get("response") or event.id


def _rate(case: LifeCase, answers: list[Answer], as_of_us: int | None) -> dict[str, Any]:
    """Return the net promoter score of the sample, and whether it says something."""
    aggregate: Mapping[str, Any] = case.promise.get("aggregate") or {}
    totals = {"promoters": 0, "passives": 0, "detractors": 0}
    for event in case.events:
        if event.type == "survey_batch" and (as_of_us is None or event.known_us <= as_of_us):
            for name in totals:
                totals[name] += int(event.more.get(name) or 0)
    for name, verdict in (("promoters", "positive"), ("passives", "neutral"), ("detractors", "negative")):
        totals[name] += sum(answer.verdict == verdict for answer in answers)
    estimate = nps_estimate(**totals, confidence=_share(aggregate.get("confidence", 0.95)))
    reference = next(
        (float(value) for name, value in sorted(aggregate.items()) if name.split("_")[0] in _REFERENCES), None
    )
    reason = _why_no_alert(estimate, int(aggregate.get("min_n", 30)), reference)
    return {
        "aggregate_alert": not reason,
        "reason": reason or None,
        "n": estimate.answers,
        "nps": round(estimate.score, 6),
        "interval": [round(estimate.low, 3), round(estimate.high, 3)],
    }


def _share(confidence: Any) -> float:
    """Return a confidence as a share: 0.95 and 95 are the same.

    Raises:
        ValueError: for what is none.
    """
    share = float(confidence) / (100 if float(confidence) > 1 else 1)
    if not 0 < share < 1:
        msg = f"promise.aggregate.confidence: expected a share like 0.95, not {confidence}"
        raise ValueError(msg)
    return share


def _why_no_alert(estimate: NpsEstimate, least: int, reference: float | None) -> str:
    if estimate.answers < least:
        return f"n {estimate.answers} below {least}"
    if reference is None:
        return "no reference to compare with"
    if estimate.high < reference:
        return ""
    if estimate.low > reference:
        return f"above reference {reference:g}"
    return f"interval {estimate.low:.1f} to {estimate.high:.1f} includes reference {reference:g}"
