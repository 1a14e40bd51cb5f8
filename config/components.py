"""Registries of components: one file, one registered name, one settings model each.

``detectors``, ``sinks.channels`` and ``pipeline.feeds`` fill a registry each when their files are imported. The loader
builds the settings model out of whatever is registered, so adding a component means adding one file.
"""

import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from config.base import ComponentSettings

FactoryT = TypeVar("FactoryT", bound=Callable[..., Any])


class DuplicateComponentError(Exception):
    """Two files registered the same name in one registry."""


class UnknownComponentError(Exception):
    """A name that no file has registered."""


class Registry(Generic[FactoryT]):
    """Components of one kind, by name: the settings model, and the factory that builds one from its settings.

    Args:
        kind: what the entries are, for error messages (``detector``, ``channel``, ``feed``).
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, tuple[type[ComponentSettings], FactoryT]] = {}

    def register(self, name: str, settings: type[ComponentSettings]) -> Callable[[FactoryT], FactoryT]:
        """Return a decorator that registers a factory (usually a class) under ``name``.

        Raises:
            DuplicateComponentError: when the name is taken. It stops the program: two files would answer to one name.
        """

        def decorate(factory: FactoryT) -> FactoryT:
            if name in self._entries:
                msg = f"{self.kind} {name!r} is registered twice: {self._entries[name][1]!r} and {factory!r}"
                raise DuplicateComponentError(msg)
            self._entries[name] = (settings, factory)
            return factory

        return decorate

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._entries)

    def settings(self, name: str) -> type[ComponentSettings]:
        """Return the settings model registered under ``name``."""
        return self._entry(name)[0]

    def factory(self, name: str) -> FactoryT:
        """Return the factory registered under ``name``."""
        return self._entry(name)[1]

    def _entry(self, name: str) -> tuple[type[ComponentSettings], FactoryT]:
        try:
            return self._entries[name]
        except KeyError:
            msg = f"no {self.kind} is called {name!r}; there are: {', '.join(self.names()) or 'none'}"
            raise UnknownComponentError(msg) from None


def import_siblings(package_name: str, package_path: list[str]) -> None:
    """Import every module of a package, so that each registers what it holds."""
    for module in sorted(info.name for info in pkgutil.iter_modules(package_path)):
        importlib.import_module(f"{package_name}.{module}")
