"""Loads a settings file: reads, validates, follows references, and reports everything that is wrong at once."""

from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from config.durations import WRITTEN
from config.explain import explain
from config.paths import resolve_paths
from config.problems import Problem, SettingsError
from config.references import broken_references
from config.yamlfile import Document, read_yaml

ModelT = TypeVar("ModelT", bound=BaseModel)


class Loaded(NamedTuple, Generic[ModelT]):
    """A file that was loaded.

    Attributes:
        settings: what it says, validated; written paths are absolute or start at the file's folder.
        document: what was read, to find lines for problems that show later.
    """

    settings: ModelT
    document: Document


def load(path: Path, model: type[ModelT]) -> Loaded[ModelT]:
    """Load a YAML file into a settings model.

    Raises:
        SettingsError: with every problem found: path, line, what was expected, what to do.
    """
    document = read_yaml(path)
    return Loaded(resolve_paths(validate(document, model), path.parent), document)


def validate(document: Document, model: type[ModelT]) -> ModelT:
    """Validate what was read from a file, references included.

    Raises:
        SettingsError: as :func:`load`.
    """
    data = {} if document.data is None else document.data
    if not isinstance(data, dict):
        message = (
            f"must be a mapping of keys to values, but is a {type(data).__name__}; start with a line like 'feeds:'"
        )
        raise SettingsError(document.name, [Problem((), 1, message)])
    try:
        settings = model.model_validate(data, context=WRITTEN)
    except ValidationError as error:
        raise SettingsError(document.name, explain(error, document, model)) from None
    problems = broken_references(settings, document)
    if problems:
        raise SettingsError(document.name, problems)
    return settings
