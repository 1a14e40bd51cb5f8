"""References between parts of the settings file: a receiver names a channel, a promise names a calendar.

A field says what its text refers to: ``channel: Annotated[str, Reference("channels")]``, also as the item of a list, or
the key or the value of a mapping. The loader follows every reference, wherever it stands.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from config.describe import bare, is_model, key_of
from config.explain import suggestion
from config.problems import PathItems, Problem
from config.yamlfile import Document


class Reference(NamedTuple):
    """Marks text that must be the name of an entry of a section of the settings file.

    Attributes:
        section: ``calendars``, ``channels``, ``receivers``, ``feeds``, ``detectors``, ``people``, ``schedules``,
            ``escalations``.
        or_section: where the name may also be; empty: nowhere else.
    """

    section: str
    or_section: str = ""

    def known(self, settings: BaseModel) -> list[str]:
        """Return the names that there are."""
        return sorted({*getattr(settings, self.section, {}), *getattr(settings, self.or_section, {})})

    def __str__(self) -> str:
        return f"{self.section!r} or {self.or_section!r}" if self.or_section else repr(self.section)


CalendarName = Annotated[str, Reference("calendars")]
ChannelName = Annotated[str, Reference("channels")]
ReceiverName = Annotated[str, Reference("receivers")]
FeedName = Annotated[str, Reference("feeds")]
EscalationName = Annotated[str, Reference("escalations")]
ScheduleName = Annotated[str, Reference("schedules")]
PersonName = Annotated[str, Reference("people")]
DetectorName = Annotated[str, Reference("detectors")]
OwnerName = Annotated[str, Reference("people", "schedules")]


def broken_references(settings: BaseModel, document: Document) -> list[Problem]:
    """Return a problem for each reference to an entry that is not there."""
    problems = []
    for path, reference, name in references(settings):
        known = reference.known(settings)
        if name not in known:
            there = f"There are: {', '.join(known)}" if known else f"There are no entries of {reference}"
            message = f"no entry of {reference} is called {name!r}.{suggestion(name, known)} {there}"
            problems.append(Problem(path, document.line(path), message))
    return problems


def references(model: BaseModel, path: PathItems = ()) -> Iterator[tuple[PathItems, Reference, str]]:
    """Yield every reference below a model, with its path."""
    for name, field in type(model).model_fields.items():
        here = (*path, key_of(name, field))
        marked = [item for item in field.metadata if isinstance(item, Reference)]
        value = getattr(model, name)
        if marked and isinstance(value, str):
            yield here, marked[0], value
        else:
            yield from _below(value, field.annotation, here)


def _below(value: Any, annotation: Any, path: PathItems) -> Iterator[tuple[PathItems, Reference, str]]:
    if isinstance(value, BaseModel):
        yield from references(value, path)
    elif isinstance(value, str):
        reference = _reference(annotation)
        if reference is not None:
            yield path, reference, value
    elif isinstance(value, Mapping):
        arguments = get_args(bare(annotation)) or (Any, Any)
        named = _reference(arguments[0])
        for key, entry in value.items():
            if named is not None:
                yield (*path, key), named, key
            yield from _below(entry, arguments[-1], (*path, key))
    elif isinstance(value, list | tuple):
        arguments = get_args(bare(annotation)) or (Any,)
        for position, entry in enumerate(value):
            yield from _below(entry, arguments[0], (*path, position))


def _reference(annotation: Any) -> Reference | None:
    """Return the mark of a type, also where it is the text branch of a union."""
    if get_origin(annotation) is Annotated:
        for item in get_args(annotation)[1:]:
            if isinstance(item, Reference):
                return item
        return _reference(get_args(annotation)[0])
    if is_model(annotation):
        return None
    for member in get_args(annotation):
        found = _reference(member)
        if found is not None:
            return found
    return None
