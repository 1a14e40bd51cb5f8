"""``use: NAME`` in a mapping: the shipped mapping of that name, with what the settings say in its place.

This works on plain data, before validation, so that everything behind it sees one whole mapping. What a person wrote
keeps its place (``where[0]`` stays ``where[0]``), so that errors point at their file and not at the shipped one.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from config.explain import suggestion
from config.yamlfile import read_yaml

FOLDER = Path(__file__).parent / "mappings"
REPLACED = ("missing", "formats", "zone", "subject")
"""What the settings say of these holds in place of what the shipped mapping says."""


@cache
def shipped_names() -> tuple[str, ...]:
    """Return the names of the mappings that are shipped, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def shipped_data(name: str) -> dict[str, Any]:
    """Return a shipped file as plain data, which must not be changed.

    Raises:
        SettingsError: when the file is not YAML.
    """
    return dict(read_yaml(FOLDER / f"{name}.yaml").data)


def known_name(name: str) -> str:
    """Return ``name``, the name of a shipped mapping.

    Raises:
        ValueError: naming the mappings there are.
    """
    names = shipped_names()
    if name in names:
        return name
    msg = f"no mapping {name!r} is shipped.{suggestion(name, names)} There are: {', '.join(names)}"
    raise ValueError(msg)


def taken(written: Any) -> Any:
    """Return a mapping as settings say it, with the shipped one that it uses filled in; anything else as it is.

    >>> taken({"use": "zendesk", "zone": "UTC"})["zone"]
    'UTC'
    """
    if not isinstance(written, Mapping) or written.get("use") not in shipped_names() or written.get("events"):
        return written
    shipped = shipped_data(written["use"])["mapping"]
    whole = {**shipped, **written, "examples": written.get("examples", [])}
    for name in REPLACED:
        if written.get(name) is None and name in shipped:
            whole[name] = shipped[name]
    where, own = written.get("where", []), written.get("data", {})
    if isinstance(where, list):
        whole["where"] = [*where, *shipped.get("where", [])]
    if isinstance(own, Mapping):
        whole["data"] = _over(shipped.get("data", {}), own)
        without = frozenset(own) - {"labels"}
        subject = written.get("subject") is not None
        whole["events"] = [_without(event, without, own.get("labels"), subject=subject) for event in shipped["events"]]
    return whole


def _over(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    data = {**shipped, **own}
    labels = own.get("labels")
    if isinstance(labels, Mapping) and "labels" in shipped:
        data["labels"] = {**shipped["labels"], **labels}
    return data


def _without(event: Mapping[str, Any], names: frozenset[str], labels: Any, *, subject: bool) -> dict[str, Any]:
    """Return an event without what is said for all events."""
    left = {name: value for name, value in event.items() if not (subject and name == "subject")}
    data = {name: value for name, value in event.get("data", {}).items() if name not in names}
    if "labels" in data and isinstance(labels, Mapping):
        data["labels"] = {name: value for name, value in data["labels"].items() if name not in labels}
    return {**left, "data": data}
