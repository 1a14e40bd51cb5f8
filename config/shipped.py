"""The mappings that are shipped with the product: files in ``config/mappings``, one a provider."""

from functools import cache

from config.loader import validate
from config.mapping import ShippedMapping
from config.using import FOLDER, known_name, shipped_names
from config.yamlfile import read_yaml

__all__ = ["shipped_mapping", "shipped_names"]


@cache
def shipped_mapping(name: str) -> ShippedMapping:
    """Return a shipped mapping, by the name of its file without ``.yaml``.

    Raises:
        ValueError: naming the mappings there are, for a name that is none of theirs.
        SettingsError: with every problem of the file.
    """
    return validate(read_yaml(FOLDER / f"{known_name(name)}.yaml"), ShippedMapping)
