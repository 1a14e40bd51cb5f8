"""Groups as they stand in the store, for who decides about them, and for who only wants to know."""

from typing import Any

import msgspec

from alerts.connection import store_errors
from alerts.grouping import Group, Member, News, Told
from alerts.store import AlertStore
from detectors.contract import AlertChange

_ORDER_DIGITS = 59
"""An order ends with the id of its change, after these (:func:`alerts.model.order_key`)."""
_to_change = msgspec.json.Decoder(AlertChange)
_to_told = msgspec.json.Decoder(Told)
_to_labels = msgspec.json.Decoder(dict[str, str])


class GroupNow(msgspec.Struct, frozen=True, kw_only=True):
    """A group, read without a lease.

    Attributes:
        due_us: when it is looked at next, for whatever reason; None: when something comes.
        held: a notifier is looking at it now.
    """

    group: Group
    due_us: int | None
    held: bool


def group_of(key: str, flat: list[str], told: str, members: list[str], news: list[str]) -> Group:
    """Return a group out of what the store holds of it.

    Args:
        key: in the store.
        flat: fields of its hash, each followed by its value.
        told: what its receiver was told last; empty: nothing.
        members: of each, one after the other: fingerprint, order and current change; when that was accepted, while it
            is not in the news yet and that is known, else empty.
        news: fingerprint, change id and time of acceptance, in one text each.
    """
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    texts = (text.split("|") for text in news)
    return Group(
        key=key,
        route=fields["route"],
        receiver=fields["receiver"],
        labels=_to_labels.decode(fields["labels"]),
        origin_us=int(fields["origin"]) * 1000,
        tick_us=int(fields["tick"]) * 1000 if "tick" in fields else None,
        told=_to_told.decode(told) if told else None,
        members=tuple(
            Member(change=_to_change.decode(change), order=order, coming_us=int(coming) * 1000 if coming else None)
            for order, change, coming in zip(members[1::4], members[2::4], members[3::4], strict=True)
        ),
        news=tuple(
            News(fingerprint=print_, change_id=change_id, accepted_us=int(accepted) * 1000)
            for print_, change_id, accepted in texts
        ),
        escalation=fields.get("escalation", ""),
        assigned_us=int(fields.get("assigned", "0")),
    )


def groups_with(store: AlertStore, fingerprint: str) -> list[GroupNow]:
    """Return the groups that an alert is in now, by their receivers and names.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    client: Any = store.client
    with store_errors():
        keys = client.smembers(store.keys.named(f"groups_of:{fingerprint}"))
        found = [_read(store, client, key) for key in keys]
    return sorted((one for one in found if one is not None), key=lambda one: (one.group.receiver, one.group.name))


def unrouted(store: AlertStore, change_ids: list[str]) -> list[str]:
    """Return those of some changes that no notifier has put into a group yet.

    Raises:
        StoreUnavailableError: Redis is away.
    """
    if not change_ids:
        return []
    client: Any = store.client
    with store_errors():
        texts = client.hmget(store.keys.named("unrouted"), change_ids)
    return [change_id for change_id, text in zip(change_ids, texts, strict=True) if text is not None]


def _read(store: AlertStore, client: Any, key: str) -> GroupNow | None:
    named = store.keys.named
    pipeline = client.pipeline(transaction=True)
    pipeline.hgetall(named(f"group:{key}"))
    pipeline.get(named(f"told:{key}"))
    pipeline.smembers(named(f"members:{key}"))
    pipeline.lrange(named(f"news:{key}"), 0, -1)
    pipeline.zscore(named("groups:due"), key)
    pipeline.zscore(named("groups:leased"), key)
    fields, told, prints, news, due, leased = pipeline.execute()
    if not fields:
        return None
    pipeline = client.pipeline(transaction=False)
    for print_ in sorted(prints):
        pipeline.hmget(store.keys.alert(print_), "order", "current")
    known = [(print_, *texts) for print_, texts in zip(sorted(prints), pipeline.execute(), strict=True) if texts[1]]
    for _print, order, _current in known:
        pipeline.hget(named("unrouted"), (order or "")[_ORDER_DIGITS:])
    members: list[str] = []
    for (print_, order, current), coming in zip(known, pipeline.execute(), strict=True):
        members += [print_, order or "", current, "" if coming is None else coming.partition("|")[0]]
    flat = [text for pair in fields.items() for text in pair]
    return GroupNow(
        group=group_of(key, flat, told or "", members, news),
        due_us=None if due is None else int(due) * 1000,
        held=leased is not None,
    )
