"""Whom alerts and incidents can be given to: the people and the schedules of the settings."""

from config.settings import Settings
from dashboards.errors import Refused


def must_be_known(settings: Settings, name: str) -> None:
    """Refuse a name that is neither a person nor a schedule.

    Raises:
        Refused: 422; it says which there are.
    """
    if name not in settings.people and name not in settings.schedules:
        known = ", ".join(sorted([*settings.people, *settings.schedules])) or "none"
        raise Refused(422, f"there is no person or schedule {name!r}; there are: {known}")
