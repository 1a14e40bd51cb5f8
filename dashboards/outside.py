"""Acknowledgements that other programs write down as silences: karma has no other way to say who has it in hand.

karma silences what somebody acknowledges for a quarter of an hour, and the comment begins with ``ACK!``; kthxbye makes
such a silence last as long as the alert does. On screens that is what it means: in hand, and not hidden.
"""

from collections.abc import Iterable, Mapping, Sequence

from alerts.muting import Mute
from alerts.silencing import Silence

BEGINS = "ACK!"


def acknowledging(silences: Iterable[Silence]) -> dict[str, str]:
    """Return who has made each silence that is an acknowledgement, by its id."""
    return {one.id: one.author for one in silences if one.comment.startswith(BEGINS)}


def in_hand_of(mutes: Sequence[Mute], acknowledgements: Mapping[str, str]) -> str:
    """Return who has an alert in hand by another program; empty: nobody, or something else hides it as well.

    Args:
        mutes: everything that hides the alert now.
        acknowledgements: see :func:`acknowledging`.
    """
    if not mutes or any(one.kind != "silenced" or one.by not in acknowledgements for one in mutes):
        return ""
    return acknowledgements[mutes[0].by]
