"""What a digest stands for: read out of the counts that are kept while notifications go into it."""

from collections.abc import Sequence

import msgspec

from alerts.model import Draft

_to_draft = msgspec.json.Decoder(Draft)


def filled(draft: Draft, counts: Sequence[str]) -> Draft:
    """Return a digest with what it stands for.

    Args:
        draft: as it was made.
        counts: field and value of the hash that counts, one after the other.
    """
    fields = dict(zip(counts[::2], counts[1::2], strict=True))
    like = [_to_draft.decode(text) for name, text in fields.items() if name.startswith("like|")]
    shown = tuple(one.alerts[0] for one in like if one.alerts)
    left: dict[str, int] = {}
    for name, count in fields.items():
        state, _, what = name.partition("|")
        if state in {"firing", "resolved"}:
            left[what] = left.get(what, 0) + int(count)
    for one in shown:
        what = one.labels.get("service") or one.labels.get("alertname", "")
        left[what] = left.get(what, 0) - 1
    return msgspec.structs.replace(
        draft,
        alerts=shown,
        truncated={what: count for what, count in left.items() if count > 0},
        absorbed=int(fields.get("notifications", 0)),
    )
