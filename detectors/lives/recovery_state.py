"""What is known of a case, as far as its recovery goes."""

import msgspec

from detectors.lives.facts import NOBODY, Who
from detectors.lives.life import FAR_US, Open

IDLE, WAIT, OVERDUE, UNOWNED = "idle", "customer_wait_cap", "promise_overdue", "no_owner"
"""Why a recovery stands still."""
WITHOUT_CONTACT = "closed_without_contact"


class Recovery(msgspec.Struct, array_like=True):
    """A case, as far as its recovery goes.

    Attributes:
        began_us: when the recovery began; None: it is none (yet).
        cause: why. queue: who had the case then.
        is_open: it is not over. has_case: its case is open too (after a survey it is usually closed).
        contacted: the customer was, since it began.
        used_us, run_us: open time without progress before ``run_us``, and since when it counts on.
        waiting_us: since when it waits for the customer; None: it does not.
        unowned_us: since when nobody owns it; None: somebody does, or nobody knows.
        promised_us: when a promised step is due. deadline_us: that of a case that is no recovery.
        moved_us, moved_by: the last progress.
        dues: by reason, when it will stand still if nothing happens. holding: why it does, and since when.
        ended_us: when it was closed; None while open. flag: the alert that it was without contact.
        flag_us, flag_ends_us: when that begins, or ends. heard_us: the last event.
        outcome: how it ended.
    """

    began_us: int | None = None
    cause: str = ""
    case_id: str = ""
    queue: str = ""
    who: Who = NOBODY
    is_open: bool = False
    has_case: bool = False
    contacted: bool = False
    used_us: int = 0
    run_us: int = 0
    waiting_us: int | None = None
    unowned_us: int | None = None
    promised_us: int | None = None
    deadline_us: int | None = None
    moved_us: int = 0
    moved_by: str = ""
    dues: dict[str, int] = msgspec.field(default_factory=dict)
    holding: dict[str, int] = msgspec.field(default_factory=dict)
    open: Open | None = None
    ended_us: int | None = None
    flag: Open | None = None
    flag_us: int = FAR_US
    flag_ends_us: int = FAR_US
    heard_us: int = 0
    outcome: str = ""


def forget(state: Recovery) -> None:
    """Make a case one of which nothing is known."""
    fresh = Recovery(case_id=state.case_id)
    for name in Recovery.__struct_fields__:
        setattr(state, name, getattr(fresh, name))
