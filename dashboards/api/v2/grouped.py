"""Groups of alerts, as they are answered."""

import msgspec

from dashboards.api.v2.board import Board, Entry
from dashboards.api.v2.wanted import Wanted


def groups(board: Board, what: Wanted, now_us: int) -> bytes:
    """Return the groups of the alerts that are asked for, as a JSON array: by their labels, then by receiver."""
    found: dict[tuple[str, str], list[Entry]] = {}
    labels: dict[tuple[str, str], dict[str, str]] = {}
    for entry in board.select(what, now_us):
        for place in entry.alert.places:
            receiver = place.match.receiver
            if what.receiver is not None and not what.receiver(receiver):
                continue
            key = (receiver, place.group)
            if key not in found:
                found[key] = []
                labels[key] = place.match.group_labels(entry.alert.labels)
            found[key].append(entry)
    order = sorted(found, key=lambda key: (len(labels[key]), list(labels[key].items()), *key))
    parts = [
        b'{"alerts":'
        + board.encoded(found[key], now_us)
        + b","
        + msgspec.json.encode({"labels": labels[key], "receiver": {"name": key[0]}, "routeLabels": {}})[1:]
        for key in order
        if what.muted or not all(entry.mutes for entry in found[key])
    ]
    return b"[" + b",".join(parts) + b"]\n"
