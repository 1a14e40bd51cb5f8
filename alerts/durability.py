"""What a Redis promises about writes that it has acknowledged, and whether it is still the same process."""

from typing import Any

import redis

from alerts.connection import StoreError, store_errors

_ADVICE = {
    ("appendonly", "no"): "it keeps no append-only file: when it restarts, alerts and their notifications are gone; "
    "set `appendonly yes` and `appendfsync always`",
    ("appendfsync", "everysec"): "it writes to disk once a second: when its machine loses power, the last second of "
    "acknowledged changes is gone; set `appendfsync always`",
    ("appendfsync", "no"): "it leaves writing to disk to the operating system: when its machine loses power, half a "
    "minute of acknowledged changes is gone; set `appendfsync always`",
}


def doubts(client: "redis.Redis") -> list[str]:
    """Return why writes that this Redis acknowledges may be lost, each with what to do; nothing when all is well.

    What it does not tell (a managed Redis may refuse ``CONFIG``) is not doubted.

    Raises:
        StoreUnavailableError: when it cannot be asked now.
    """
    found = {name: _setting(client, name) for name in ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy")}
    told = []
    if found["appendonly"] == "no":
        told.append(_ADVICE["appendonly", "no"])
    elif ("appendfsync", found["appendfsync"]) in _ADVICE:
        told.append(_ADVICE["appendfsync", found["appendfsync"]])
    if found["maxmemory"] not in {"", "0"} and found["maxmemory-policy"] not in {"", "noeviction"}:
        policy = found["maxmemory-policy"]
        told.append(f"it deletes keys when its memory is full ({policy}): set `maxmemory-policy noeviction`")
    return told


def run_id(client: "redis.Redis") -> str:
    """Return what names the server process: another one after a restart or a failover. Empty when it does not tell.

    Raises:
        StoreUnavailableError: when it cannot be asked now.
    """
    try:
        with store_errors():
            answer: Any = client.info("server")
    except StoreError:
        return ""
    return str(answer.get("run_id", ""))


def _setting(client: "redis.Redis", name: str) -> str:
    try:
        with store_errors():
            answer: Any = client.config_get(name)
    except StoreError:
        return ""
    return str(answer.get(name, ""))
