"""Lines of a text, as machine code."""

from pipeline.columns.layout import Bytes
from pipeline.columns.machine import byte, compiled


@compiled
def put_line(base: int, begin: int, size: int, out: Bytes, at: int) -> int:
    """Write some bytes of a text and a line end to ``at``; return where they end.

    Args:
        base: address of the text.
        begin: of the bytes in it.
        size: how many they are.
        out: takes them.
        at: where.
    """
    for number in range(size):
        out[at] = byte(base, begin + number)
        at += 1
    out[at] = 10
    return at + 1
