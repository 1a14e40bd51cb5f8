"""Declared mappings: other people's records become events, as the settings say."""

from pipeline.mapping.compile import Mapped, Mapping

__all__ = ["Mapped", "Mapping"]
