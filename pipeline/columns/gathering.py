"""Lines of a text, and the ids of many events as one text, source by source, as machine code."""

from pipeline.columns.layout import Bytes, Ints
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


@compiled
def gather(
    base: int,
    rows: Ints,
    sources: Ints,
    ats: Ints,
    sizes: Ints,
    ranks: Ints,
    begins: Ints,
    out: Bytes,
    order: Ints,
) -> int:
    """Write the ids of rows, each with a line end behind it, source by source in the order in which these first come.

    Args:
        base: address of the text that ``ats`` and ``sizes`` are places in.
        rows: which records.
        sources: the number of each record's source.
        ats: where the id of each record is.
        sizes: of the ids.
        ranks: by the number of a source, -1: the place of each source in that order is noted there, 0 for the first.
        begins: one more than there can be sources: becomes the number of ids before each source, in that order.
        out: takes the ids.
        order: takes the place among ``rows`` of each id.

    Returns:
        How many sources there are. ``out`` is filled up to the sum of all sizes and line ends.
    """
    found = 0
    for place in range(len(rows)):
        source = sources[rows[place]]
        if ranks[source] < 0:
            ranks[source] = found
            begins[found + 1] = 0
            found += 1
        begins[ranks[source] + 1] += 1
    begins[0] = 0
    for rank in range(found):
        begins[rank + 1] += begins[rank]
    for place in range(len(rows)):
        rank = ranks[sources[rows[place]]]
        order[begins[rank]] = place
        begins[rank] += 1
    for rank in range(found, 0, -1):
        begins[rank] = begins[rank - 1]
    begins[0] = 0
    at = 0
    for place in range(len(rows)):
        row = rows[order[place]]
        at = put_line(base, ats[row], sizes[row], out, at)
    return found
