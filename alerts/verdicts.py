"""What people say of an alert: it was useful, or noise. It goes into the log of controls, and changes no alert."""

import msgspec

from alerts.control_log import ControlLog
from detectors.contract import AlertChange
from detectors.control import Verdict, VerdictGiven


def give_verdict(
    log: ControlLog, change: AlertChange, said: Verdict, *, by: str, note: str, now_us: int
) -> VerdictGiven:
    """Keep a verdict about an alert's episode; return it with its number in the log.

    Args:
        log: of controls.
        change: any of the episode.
        said: what they say.
        by: who does.
        note: what else there is to say.
        now_us: microseconds UTC.

    Raises:
        StoreUnavailableError: it may have been written all the same: look into the log before writing it again.
        ChangeError: when it is not said by whom, or when others write all the time.
    """
    given = VerdictGiven(
        fingerprint=change.fingerprint,
        starts_at_us=change.starts_at_us,
        detector=change.labels.get("rule") or change.labels.get("detector", ""),
        verdict=said,
        by=by,
        at_us=now_us,
        note=note,
    )
    written = log.append(lambda _log: given)
    return msgspec.structs.replace(given, number=written.number, log=written.log)
