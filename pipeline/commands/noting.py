"""What is changed by command line is in the audit log as well, under the name of the user of the machine."""

from typing import TYPE_CHECKING, Any

from pipeline.commands import controls, shell

if TYPE_CHECKING:
    from alerts.store import AlertStore
    from config.settings import Settings


def note(
    store: "AlertStore",
    action: str,
    thing: str,
    *,
    by: str | None = None,
    before: Any = None,
    after: Any = None,
    why: str = "",
    count: int = 1,
) -> None:
    """Write to the audit log what a command has changed. Call it when it has been changed.

    Args:
        store: of the alerts.
        action: what was done, like ``silence.create``.
        thing: to what, like ``silence:<id>``.
        by: who; None: the user of this machine.
        before: the thing as it was.
        after: the thing as it is now.
        why: the reason that was given.
        count: of the things that it changed.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    from alerts.trail import Trail
    from alerts.trail_model import Draft
    from pipeline.clock import wall_clock_us

    user = controls.who(None) if by is None else by
    Trail(store).append(
        Draft(
            at_us=wall_clock_us(),
            who=user,
            via="cli",
            address=machine(),
            action=action,
            object=thing,
            before=before,
            after=after,
            why=why,
            count=count,
        )
    )


def note_beside(settings: "Settings", action: str, thing: str, *, after: Any = None, count: int = 1) -> None:
    """Do the same for a command that needs no store: where there is none now, it is said, and the command goes on."""
    from alerts.connection import StoreError, StoreUnavailableError
    from alerts.embedded_redis import EmbeddedRedisError
    from alerts.opening import open_store
    from config.secret import SecretMissingError

    try:
        with open_store(settings.store) as store:
            note(store, action, thing, after=after, count=count)
    except (StoreError, StoreUnavailableError, EmbeddedRedisError, SecretMissingError) as error:
        shell.warn(f"this is not in the audit log: {error}")


def machine() -> str:
    """Return on which machine the command was given."""
    import socket

    return socket.gethostname()
