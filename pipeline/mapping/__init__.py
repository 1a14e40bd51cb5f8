"""Declared mappings: other people's records become events, as the settings say."""

from pipeline.mapping.compile import Mapped, Mapper, compile_mapping
from pipeline.mapping.examples import check_examples

__all__ = ["Mapped", "Mapper", "check_examples", "compile_mapping"]
