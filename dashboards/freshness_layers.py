"""What is known of the store, feeds, detectors, notifiers and channels, each as a layer of freshness. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from alerts.statuses import Status
from config.settings import Settings
from dashboards.freshness_model import (
    FEED_LATE,
    FEED_STALE,
    PROOF_US,
    RANKS,
    STORE_LATE_US,
    STORE_STALE_US,
    Layer,
    Proof,
    Sign,
    State,
    aged,
    ago,
    believed,
)
from detectors.contract import AlertChange

_LISTED = 3
_NOT_A_PART = frozenset({"alertname", "detector", "rule", "severity"})


def store_layer(heard_us: int, away: str, *, complete: bool, now_us: int) -> Layer:
    """Return how fresh what is known of the store is."""
    if not complete or not heard_us:
        return Layer(name="store", state="never", says=away or "the store has not been read yet")
    state = aged(now_us - heard_us, STORE_LATE_US, STORE_STALE_US)
    if away and state == "fresh":
        state = "late"
    heard = f"store read {ago(now_us - heard_us)} ago"
    return Layer(name="store", state=state, says=f"{heard}: {away}" if away else heard)


def feeds_layer(settings: Settings, flows: Sequence[Status], now_us: int, silent: Sequence[Sign] = ()) -> Layer:
    """Return how fresh each feed of the settings is, by what flow processes say of it.

    Args:
        settings: name them.
        flows: what flow processes said last.
        now_us: microseconds UTC.
        silent: parts of feeds of which a detector says that they are: :func:`silent_parts`.
    """
    own = _worst_first([_feed(name, settings, flows, now_us) for name in settings.feeds])
    signs = _worst_first([*own, *silent])
    says = _counted(own, "feed", "live")
    if silent:  # one count, the one of the truth bar and of the wall
        says = _counted(own, "feed", "live", all_of=len(signs))
        says += f"; silent: {', '.join(sign.name for sign in silent[:_LISTED])}"
        says += f" and {len(silent) - _LISTED} more" if len(silent) > _LISTED else ""
    return Layer(name="feeds", state=_worst(signs), says=says, signs=signs)


def silent_parts(firing: Iterable[AlertChange]) -> list[Sign]:
    """Return the parts of feeds that alerts which fire say are silent: what nothing is known of."""
    return [
        Sign(
            name=", ".join(value for name, value in sorted(one.labels.items()) if name not in _NOT_A_PART) or "a feed",
            state="stale",
            says=one.annotations.get("summary", "it is silent"),
        )
        for one in firing
        if one.labels.get("detector") == "feed_silence"
    ]


def detectors_layer(settings: Settings, flows: Sequence[Status], now_us: int) -> Layer:
    """Return whether each detector of the settings judges, by what flow processes say of it."""
    heard = [one for one in flows if believed(one, now_us)]
    hops = {name: int(getattr(entry, "hop", 0) or 0) for name, entry in settings.detectors.items()}
    signs = _worst_first([_detector(name, hops[name], flows, heard, now_us) for name in settings.detectors])
    return Layer(name="detectors", state=_worst(signs), says=_counted(signs, "detector", "judging"), signs=signs)


def notifier_layer(statuses: Sequence[Status], now_us: int) -> Layer:
    """Return whether a notifier runs: without one nobody is told."""
    signs = _worst_first([_process(one, now_us) for one in statuses if one.kind == "notifier"])
    alive = [sign for sign in signs if sign.state == "fresh"]
    if alive:
        return Layer(name="notifier", state="fresh", says="notifier runs", signs=signs)
    if not signs:
        return Layer(name="notifier", state="never", says="no notifier runs: nobody is told")
    return Layer(name="notifier", state=signs[0].state, says=f"no notifier runs: {signs[0].says}", signs=signs)


def channels_layer(settings: Settings, proofs: Mapping[str, Proof] | None, now_us: int) -> Layer:
    """Return of which channels it has been proved lately that they work."""
    if not settings.channels:
        return Layer(name="channels", state="never", says="no channels: nobody will be told")
    if proofs is None:
        return Layer(name="channels", state="unknown", says="what channels proved could not be read")
    signs = _worst_first([_channel(name, proofs.get(name, Proof()), now_us) for name in settings.channels])
    return Layer(name="channels", state=_worst(signs), says=_counted(signs, "channel", "proved"), signs=signs)


def _feed(name: str, settings: Settings, flows: Sequence[Status], now_us: int) -> Sign:
    told = [(one, one.report["by_feed"][name]) for one in flows if name in one.report.get("by_feed", {})]
    if not told:
        said = "no flow has read it so far" if any(believed(one, now_us) for one in flows) else "no flow runs"
        return Sign(name=name, state="never" if said.startswith("no flow has") else "unknown", says=said)
    last: list[int] = [by["last_at_us"] for _, by in told if by.get("last_at_us")]
    newest: list[int] = [by["newest_us"] for _, by in told if by.get("newest_us") is not None]
    expected_us = max([by.get("idle_after_us") or 0 for _, by in told]) or settings.time.idle_after
    silent = [one for one, _ in told if not believed(one, now_us)]
    why = next((by["why"] for _, by in told if by.get("why")), "")
    heard_us = max(last, default=None)
    state, says = _feed_state(heard_us, expected_us, silent, why, now_us)
    return Sign(
        name=name,
        state=state,
        says=says,
        heard_us=heard_us,
        expected_us=expected_us,
        newest_us=max(newest, default=None),
    )


def _feed_state(
    heard_us: int | None, expected_us: int, silent: Sequence[Status], why: str, now_us: int
) -> tuple[State, str]:
    if silent:
        last = max(one.at_us for one in silent)
        return "unknown", f"its flow was heard of last {ago(now_us - last)} ago"
    if heard_us is None:
        return "never", "nothing since the flow began"
    age_us = now_us - heard_us
    state = aged(age_us, FEED_LATE * expected_us, FEED_STALE * expected_us)
    says = f"last event {ago(age_us)} ago"
    if state != "fresh":
        says += f" (expected every {ago(expected_us)})"
    if why:
        return ("late" if state == "fresh" else state), f"{says}; {why}"
    return state, says


def _detector(name: str, hop_us: int, flows: Sequence[Status], heard: Sequence[Status], now_us: int) -> Sign:
    if not heard:
        last = max((one.at_us for one in flows), default=None)
        says = "no flow runs" if last is None else f"its flow was heard of last {ago(now_us - last)} ago"
        return Sign(name=name, state="never" if last is None else "unknown", says=says, heard_us=last)
    bad = next((one for one in heard if one.report.get("flow") != "running"), None)
    at_us = min(one.at_us for one in heard)
    if bad is not None:
        return Sign(name=name, state="stale", says=f"flow {bad.name} is {bad.report.get('flow')}", heard_us=at_us)
    behind_us = max((_behind_us(one.report, name) for one in heard), default=0)
    state: State = aged(behind_us, FEED_LATE * hop_us, FEED_STALE * hop_us) if hop_us else "fresh"
    says = "judging" if state == "fresh" else f"judges {ago(behind_us)} behind the events (every {ago(hop_us)})"
    return Sign(name=name, state=state, says=says, heard_us=at_us, expected_us=hop_us or None)


def _behind_us(report: Mapping[str, Any], detector: str) -> int:
    """Return how far, in event time, a window detector is behind what its flow has seen."""
    window = report.get("windows", {}).get(detector)
    upto, seen = None if window is None else window.get("judged_until"), report.get("watermark")
    return 0 if upto is None or seen is None else max(0, int((seen - upto) * 1e6))


def _process(status: Status, now_us: int) -> Sign:
    age = ago(now_us - status.at_us)
    if not believed(status, now_us):
        return Sign(name=status.name, state="stale", says=f"heard of last {age} ago", heard_us=status.at_us)
    state: State = "fresh" if status.well else "late"
    return Sign(name=status.name, state=state, says=f"heard of {age} ago", heard_us=status.at_us)


def _channel(name: str, proof: Proof, now_us: int) -> Sign:
    if proof.failing_since_us is not None:
        says = f"fails since {ago(now_us - proof.failing_since_us)}"
        return Sign(name=name, state="stale", says=says, heard_us=proof.failing_since_us)
    if proof.breaker_open:
        return Sign(name=name, state="stale", says="left alone for now: its breaker is open", heard_us=proof.tried_us)
    if proof.worked_us is not None and proof.worked_us >= (proof.tried_us or 0):
        age_us = now_us - proof.worked_us
        state: State = "fresh" if age_us <= PROOF_US else "late"
        return Sign(name=name, state=state, says=f"took a message {ago(age_us)} ago", heard_us=proof.worked_us)
    return _tested(name, proof, now_us)


def _tested(name: str, proof: Proof, now_us: int) -> Sign:
    if proof.tried_us is None:
        return Sign(name=name, state="never", says="no proof that it works: it was never tried")
    age_us = now_us - proof.tried_us
    if not proof.works:
        return Sign(
            name=name, state="stale", says=f"test failed {ago(age_us)} ago: {proof.says}", heard_us=proof.tried_us
        )
    if age_us > PROOF_US:
        return Sign(name=name, state="late", says=f"no proof for {ago(age_us)}", heard_us=proof.tried_us)
    return Sign(name=name, state="fresh", says=f"tested {ago(age_us)} ago", heard_us=proof.tried_us)


def _worst_first(signs: Sequence[Sign]) -> tuple[Sign, ...]:
    return tuple(sorted(signs, key=lambda one: (-RANKS[one.state], one.name)))


def _worst(signs: Sequence[Sign]) -> State:
    return max((sign.state for sign in signs), key=RANKS.__getitem__, default="never")


def _counted(signs: Sequence[Sign], noun: str, well: str, all_of: int = 0) -> str:
    if not signs:
        return f"no {noun}s"
    total = all_of or len(signs)
    fresh = sum(sign.state == "fresh" for sign in signs)
    bad = [sign.name for sign in signs if sign.state != "fresh"]
    count = f"{fresh} of {total} {noun}{'s' if total != 1 else ''} {well}"
    if not bad:
        return count
    more = f" and {len(bad) - _LISTED} more" if len(bad) > _LISTED else ""
    return f"{count}; not {', '.join(bad[:_LISTED])}{more}"
