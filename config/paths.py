"""Paths in a settings file are relative to that file, wherever the program was started."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

ModelT = TypeVar("ModelT", bound=BaseModel)


def resolve_paths(model: ModelT, folder: Path) -> ModelT:
    """Return a copy of a model whose written paths start at ``folder``.

    Defaults stay relative to the working directory. A leading ``~`` is the home directory.
    """
    changed = {}
    for name in model.model_fields_set:
        before = getattr(model, name)
        after = _resolved(before, folder)
        if after is not before:
            changed[name] = after
    return model.model_copy(update=changed) if changed else model


def _resolved(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value.expanduser()
    if isinstance(value, BaseModel):
        return resolve_paths(value, folder)
    if isinstance(value, Mapping):
        entries = {key: _resolved(entry, folder) for key, entry in value.items()}
        return entries if any(entries[key] is not value[key] for key in entries) else value
    if isinstance(value, list | tuple):
        items = [_resolved(item, folder) for item in value]
        return type(value)(items) if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value
