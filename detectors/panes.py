"""Panes: partial aggregates by slice of time and group, on their way from combining to assembling.

Inside a process they are plain lists. Between processes they travel as bytes that say how they were made, so that two
processes with different settings notice.
"""

import msgspec

from config.durations import format_duration_us

Group = tuple[str, ...]
"""Values of the ``group_by`` labels, in their order; an empty string where an event has none."""
Vector = list[int]
"""Figures that add up; what they mean is the detector's matter. The first is the number of events."""
Pane = tuple[int, Group, Vector]
"""Number of the pane (its start is the number times the length of a pane), group, and the sums of the events in it."""
Panes = list[Pane]
_FORMAT = 1


class _Sent(msgspec.Struct, array_like=True, frozen=True):
    version: int
    pane_us: int
    panes: Panes


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_Sent)


class PaneLayout(msgspec.Struct, frozen=True):
    """How the panes of a detector are made.

    Attributes:
        pane_us: length of a pane in microseconds.
        width: figures in a vector.
        hop_us: time from one window to the next.
    """

    pane_us: int
    width: int
    hop_us: int

    def first_end_us(self, pane: int) -> int:
        """Return the end of the first window that holds pane number ``pane``: what comes later is late for it."""
        return -(-(pane + 1) * self.pane_us // self.hop_us) * self.hop_us

    def encode(self, panes: Panes) -> bytes:
        """Return panes as the bytes that :meth:`decode` takes."""
        return _ENCODER.encode((_FORMAT, self.pane_us, panes))

    def decode(self, batch: bytes) -> Panes:
        """Return what :meth:`encode` encoded.

        Raises:
            ValueError: when the batch was made for other panes or vectors (processes run with different settings), or
                is none at all.
        """
        try:
            sent = _DECODER.decode(batch)
        except msgspec.DecodeError as error:
            msg = f"not a batch of panes: {error}"
            raise ValueError(msg) from error
        if sent.version != _FORMAT or sent.pane_us != self.pane_us:
            msg = (
                f"panes of format {sent.version} and length {format_duration_us(sent.pane_us)} came where format "
                f"{_FORMAT} and length {format_duration_us(self.pane_us)} is expected: run all processes with the same "
                "settings file"
            )
            raise ValueError(msg)
        for pane, group, vector in sent.panes:
            if len(vector) != self.width:
                msg = f"pane {pane} of group {group} has {len(vector)} figures, expected {self.width}"
                raise ValueError(msg)
        return sent.panes
