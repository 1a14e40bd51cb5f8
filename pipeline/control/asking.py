"""Asks the store who changed what, for somebody who looks at a finding."""

from collections.abc import Callable

from alerts.connection import StoreError, StoreUnavailableError
from alerts.control_log import ControlLog
from alerts.embedded_redis import EmbeddedRedisError
from alerts.opening import open_store
from alerts.shadow_log import ShadowLog
from config.settings import Settings
from detectors.contract import Finding
from detectors.control import ThresholdVersion
from pipeline.control.history import as_taken, went_live


def who_had_it_live(settings: Settings, finding: Finding, warn: Callable[[str], None]) -> ThresholdVersion | None:
    """Return what made the version live that a window was judged by; None where the store does not tell.

    Args:
        settings: of everything.
        finding: of the window.
        warn: told why the store cannot be asked.
    """
    try:
        with open_store(settings.store) as store:
            controls = as_taken(ControlLog(store).read().controls, ShadowLog(store).taken())
    except (StoreUnavailableError, StoreError, EmbeddedRedisError) as error:
        warn(f"who changed the settings is not known: {error}")
        return None
    return went_live(controls, finding.detector, finding.version, finding.end_us)
