"""What people change in a running flow: other settings of a decision, and what they say of alerts.

Controls are events: they are kept in a log, in the order in which they were written, and a flow that gets the same
events and the same controls gives the same alerts, live and in a replay.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar

import msgspec
from pydantic import ValidationError

from config.durations import WRITTEN
from detectors.deciding import Decision

Mode = Literal["live", "shadow", "stopped"]
Verdict = Literal["useful", "noise"]
DecisionT = TypeVar("DecisionT", bound=Decision)


class ThresholdVersion(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="threshold_version"):
    """From a time on a detector decides by other settings, or has them decide in the shadow, or no more.

    Attributes:
        detector: name of its entry in the settings file.
        version: of the detector's settings; 0: as the settings file has them.
        decision: what differs from the settings file, as one would write it there.
        mode: ``live``: alerts go by it. ``shadow``: it decides beside what is live, and that is recorded, never sent.
            ``stopped``: it decides no more in the shadow.
        effective_us: it holds for windows that end after this event time.
        by, why: who changed it, for what reason.
        at_us: when, by the clock of who wrote it.
        backtest: id of the backtest that was attached.
        number: its place in the log, from 1; 0: in none yet.
        log: id of that log. A log that was lost and begun anew has another.
    """

    detector: str
    version: int
    decision: dict[str, Any]
    mode: Mode
    effective_us: int
    by: str
    why: str
    at_us: int
    backtest: str | None = None
    number: int = 0
    log: str = ""


class VerdictGiven(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="verdict_given"):
    """What somebody who had to do with an alert says of it: it was useful, or noise. Changes no alert.

    Attributes:
        fingerprint, starts_at_us: the alert and its episode.
        detector: name of the detector's entry in the settings file.
        verdict: the last one that was given of an episode counts.
        by, at_us, note: who, when, and what else there is to say.
        number, log: see :class:`ThresholdVersion`.
    """

    fingerprint: str
    starts_at_us: int
    detector: str
    verdict: Verdict
    by: str
    at_us: int
    note: str = ""
    number: int = 0
    log: str = ""


Control = ThresholdVersion | VerdictGiven
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Control] = msgspec.json.Decoder(Control)


class ChangeError(ValueError):
    """Settings of a decision cannot be changed so: names the setting, and says what was expected and what to do."""


def encode(control: Control) -> bytes:
    """Return a control as one line of JSON."""
    return _ENCODER.encode(control)


def decode(line: bytes | str) -> Control:
    """Return what :func:`encode` encoded.

    Raises:
        msgspec.DecodeError: when it is something else.
    """
    return _DECODER.decode(line)


_KNOBS = ("alert_budget", "false_discovery_rate")


def changed(base: DecisionT, changes: Mapping[str, Any]) -> DecisionT:
    """Return settings with another decision.

    Args:
        base: all settings of the detector, or those of its decision.
        changes: of the decision, as one would write them in the settings file. Of ``alert_budget``,
            ``false_discovery_rate`` and ``p_value.fire`` the one that is named takes the place of the other two.

    Raises:
        ChangeError: when a setting cannot be changed while the detector runs, or not so.

    >>> changed(Decision(), {"confirm": "2 of 3"}).confirm
    Confirmation(needed=2, of=3)
    """
    unknown = sorted(changes.keys() - Decision.model_fields.keys())
    if unknown:
        msg = (
            f"{unknown[0]} cannot be changed while the detector runs; these can: {', '.join(Decision.model_fields)}. "
            "For anything else give the settings file a new entry, and start the flow again"
        )
        raise ChangeError(msg)
    try:
        # First as people write it, where a duration has a unit; then exactly, with what the others were.
        written = base.model_dump(mode="json", include=set(Decision.model_fields))
        Decision.model_validate(_merged(written, changes), context=WRITTEN)
        return type(base).model_validate(_merged(base.model_dump(exclude_unset=True, by_alias=True), changes))
    except ValidationError as error:
        raise ChangeError("; ".join(map(_told, error.errors(include_url=False, include_input=False)))) from error


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**base, **changes}
    thresholds = changes.get("p_value")
    own = base.get("p_value")
    if isinstance(thresholds, Mapping) and isinstance(own, Mapping):
        merged["p_value"] = {**own, **thresholds}
    fires = isinstance(thresholds, Mapping) and thresholds.get("fire") is not None
    named = {name for name in _KNOBS if changes.get(name) is not None} | ({"p_value.fire"} if fires else set())
    if named:
        for name in _KNOBS:
            if name not in named and name in merged:
                merged[name] = None
        if not fires and isinstance(merged.get("p_value"), Mapping):
            merged["p_value"] = {**merged["p_value"], "fire": None}
    return merged


def _told(details: Any) -> str:
    where = ".".join(str(item) for item in details["loc"])
    told = str(details["msg"]).removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        told = "there is no such setting; see the reference of the settings file"
    return f"{where}: {told}" if where else told


def together(first: Mapping[str, Any], then: Mapping[str, Any]) -> dict[str, Any]:
    """Return changes that do what two do, one after the other.

    >>> together({"alert_budget": "1 per week", "confirm": "2 of 3"}, {"p_value": {"fire": "0.001"}})
    {'confirm': '2 of 3', 'p_value': {'fire': '0.001'}}
    """
    merged = _merged(first, then)
    if isinstance(merged.get("p_value"), Mapping):
        merged["p_value"] = {name: value for name, value in merged["p_value"].items() if value is not None}
    return {name: value for name, value in merged.items() if value is not None and value != {}}
