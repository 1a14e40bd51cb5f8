"""Why an alert is not told now, although it fires."""

from typing import Literal

import msgspec

MuteKind = Literal["inhibited", "silenced", "maintenance", "rerouted"]


class Mute(msgspec.Struct, frozen=True, kw_only=True):
    """One reason why a firing alert is not told.

    Attributes:
        by: what hides it: the place of the inhibition rule from 1, the id of the silence, the name of the window; of
            ``rerouted``, which is about one group: whom the routes of now tell in place of its receiver.
        until_us: when it will have ended, microseconds UTC; None where that depends on others.
        detail: in words, for people.
        source: of ``inhibited``: fingerprint of an alert that does it.
    """

    kind: MuteKind
    by: str
    detail: str
    until_us: int | None = None
    source: str = ""
