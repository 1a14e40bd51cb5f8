"""Loads settings with every component registered, and proves that what they describe can be built."""

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import detectors.catalogue  # noqa: F401 - registers every detector
import pipeline.feeds.catalogue  # noqa: F401 - registers every feed
import sinks.channels.catalogue  # noqa: F401 - registers every channel
from config.loader import Loaded, load
from config.problems import PathItems, Problem, SettingsError
from config.settings import Settings, build_settings_model
from config.yamlfile import Document
from detectors.contract import DETECTORS, Context, Detector
from pipeline.feeds.contract import FEEDS, FeedContext, FeedSettings
from pipeline.listening import listener_problems
from pipeline.mapping import compile_mapping
from pipeline.mapping.examples import check_examples
from pipeline.scale.checks import scale_problems
from pipeline.scale.repartition.feeds import repartition_problems
from sinks.contract import CHANNELS

_EXAMPLE = re.compile(r"examples\[(\d+)\]: ")
BuiltT = TypeVar("BuiltT")


@cache
def settings_model() -> type[Settings]:
    """Return the model of the settings file, for all components there are."""
    return build_settings_model(detectors=DETECTORS, channels=CHANNELS, feeds=FEEDS)


def load_settings(path: Path) -> Loaded[Settings]:
    """Load a settings file and build everything in it once, so that contradictions show before anything runs.

    Nothing is opened or connected to.

    Raises:
        SettingsError: with every problem found.
    """
    loaded = load(path, settings_model())
    problems = build_problems(loaded.settings, loaded.document)
    if problems:
        raise SettingsError(path, problems)
    return loaded


def build_problems(settings: Settings, document: Document) -> list[Problem]:
    """Return why parts of the settings cannot be built: detectors, feeds with their mappings, channels."""
    problems: list[Problem] = []
    _detectors(settings, document, problems)
    problems += [Problem(where, document.line(where), told) for where, told in repartition_problems(settings)]
    for name, feed in sorted(settings.feeds.items()):
        path: PathItems = ("feeds", name)
        _attempt(path, document, problems, partial(FEEDS.factory(feed.type), name, feed, FeedContext(recording=True)))
        if isinstance(feed, FeedSettings) and feed.mapping is not None:
            _attempt((*path, "mapping"), document, problems, partial(compile_mapping, feed.mapping, name))
    for name, channel in sorted(settings.channels.items()):
        path = ("channels", name)
        built = _attempt(path, document, problems, partial(CHANNELS.factory(channel.type), name, channel))
        if built is not None:
            built.close()
    return problems


def build_detectors(settings: Settings, document: Document) -> dict[str, Detector]:
    """Return the detectors by name.

    Raises:
        SettingsError: a problem for each detector that cannot be built, with its line.
    """
    problems: list[Problem] = []
    built = _detectors(settings, document, problems)
    if problems:
        raise SettingsError(document.name, problems)
    return built


def example_problems(settings: Settings, document: Document) -> list[Problem]:
    """Return the examples of mappings that do not become what they say."""
    problems: list[Problem] = []
    for name, feed in sorted(settings.feeds.items()):
        if isinstance(feed, FeedSettings) and feed.mapping is not None:
            for told in check_examples(feed.mapping, name):
                found = _EXAMPLE.match(told)
                at: PathItems = () if found is None else ("examples", int(found[1]))
                path = ("feeds", name, "mapping", *at)
                problems.append(Problem(path, document.line(path), told if found is None else told[found.end() :]))
    return problems


def sharing_problems(settings: Settings, document: Document) -> list[Problem]:
    """Return why flow processes could not share the feeds as ``scale`` says. A replay may use the settings though."""
    return [Problem(where, document.line(where), told) for where, told in scale_problems(settings)]


def _detectors(settings: Settings, document: Document, problems: list[Problem]) -> dict[str, Detector]:
    context = Context(calendars=dict(settings.calendars))
    built: dict[str, Detector] = {}
    for name, entry in sorted(settings.detectors.items()):
        build = partial(DETECTORS.factory(entry.type), name, entry, context)
        detector = _attempt(("detectors", name), document, problems, build)
        if detector is not None:
            built[name] = detector
    if len(built) == len(settings.detectors):  # else what is missing may be what another listens to
        for name, problem in listener_problems(built).items():
            problems.append(Problem(("detectors", name), document.line(("detectors", name)), problem))
    return built


def _attempt(
    path: PathItems, document: Document, problems: list[Problem], build: Callable[[], BuiltT]
) -> BuiltT | None:
    """Build something; a ValueError of it, which names the field, becomes a problem."""
    try:
        return build()
    except ValueError as error:
        problems.append(Problem(path, document.line(path), str(error)))
        return None
