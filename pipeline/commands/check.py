"""``makegood check``: is this settings file right, and what does it describe?"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pipeline.commands import shell, times

if TYPE_CHECKING:
    from config.mapping import MappingSettings
    from config.problems import Problem
    from config.settings import Settings
    from config.yamlfile import Document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @shell.command(app, "check", example="makegood check --config makegood.yaml")
    def check(config: shell.Config, *, at: shell.At = None, as_json: shell.Json = False) -> None:
        """Check a settings file: read it, build everything in it, run the examples of its mappings.

        Nothing is connected to. Exit status 2 when the file cannot be used, 1 when it can but an example fails, feeds
        that several processes cannot share stand beside `scale`, a route is never reached, an escalation has nobody
        on duty at some time in the next 14 days, or nobody could log in to a console that others reach. Warnings tell
        what should be looked at: receivers that nothing leads to, detectors without an owner, owners to be reviewed,
        windows that never take place again, receivers without a failover, or with one that shares a point of failure
        with what it stands in for, links that nobody answers or that can be read on their way, answers that are
        refused. Notes tell what may be meant so: a secret that is not there on this machine, settings that watch
        nothing, nobody outside who notices when all of this is gone.
        """
        from config.problems import SettingsError, render
        from pipeline.assembly import example_problems, load_settings, sharing_problems

        clock_us = time.time_ns() // 1_000
        now_us = clock_us if at is None else times.time_us("--at", at, clock_us)

        try:
            settings, document = load_settings(config)
        except SettingsError as error:
            if as_json:
                shell.out_json({"file": str(config), "usable": False, "problems": [_plain(p) for p in error.problems]})
                raise typer.Exit(shell.UNUSABLE_INPUT) from None
            raise
        wrong, doubtful = delivery_problems(settings, document, now_us)
        problems = [*example_problems(settings, document), *sharing_problems(settings, document), *wrong]
        if as_json:
            told = [_plain(problem) for problem in problems]
            shell.out_json(
                {
                    "file": str(config),
                    "usable": True,
                    "problems": told,
                    "warnings": [_plain(problem) for problem in doubtful],
                    "notes": notes_on(settings),
                    **describe(settings),
                }
            )
        else:
            _tree(config, settings)
            for problem in doubtful:
                shell.out(f"warning: {render(document.name, problem)}")
            for note in notes_on(settings):
                shell.out(f"note: {note}")
        if problems:
            if not as_json:
                shell.fail(str(SettingsError(config, problems)), shell.FOUND_WRONG)
            raise typer.Exit(shell.FOUND_WRONG)
        if not as_json:
            count = len(doubtful)
            warned = f"no errors, {count} warning{'' if count == 1 else 's'}"
            shell.out(warned if count else "no problems found")


def delivery_problems(settings: "Settings", document: "Document", now_us: int) -> "tuple[list[Problem], list[Problem]]":
    """Return what is wrong with who is told, and what is doubtful, as of a time; calendars are read."""
    from alerts.checks import delivery_doubts
    from alerts.console_doubts import console_doubts
    from alerts.duty_files import DutyFiles
    from config.problems import Problem
    from sinks.doubts import channel_doubts
    from sinks.drill.cases import shared_doubts

    files = DutyFiles(settings)
    duty = files.current()
    doubts = delivery_doubts(settings, duty, now_us, calendars=files.calendars, problems=files.problems)
    doubts += [*shared_doubts(settings), *channel_doubts(settings), *console_doubts(settings.console)]
    found: dict[str, list[Problem]] = {"error": [], "warning": []}
    for doubt in doubts:
        found[doubt.level].append(Problem(doubt.path, document.line(doubt.path), doubt.message))
    return found["error"], found["warning"]


def notes_on(settings: "Settings") -> list[str]:
    """Return what is no problem by itself, but should be known before the settings are used."""
    from config.secret import missing_secrets

    notes = [
        f"{path}: {missing} (needed where the notifier runs)"
        for path, missing in missing_secrets(settings)
        if path.partition(".")[0]
        in settings.model_fields_set  # what a section that is not there would use is not needed
    ]
    empty = [section for section in ("feeds", "detectors") if not getattr(settings, section)]
    if settings.receivers and settings.audit.heartbeat_url is None and _reaches_out(settings):
        what = "nobody outside notices when Makegood itself is gone"
        notes.append(f"{what}: a dead-man's switch at `audit.heartbeat_url` would (docs/how-to/audit.md)")
    if empty:
        notes.append(f"there are no {' and no '.join(empty)}: nothing is watched")
    return notes


def _reaches_out(settings: "Settings") -> bool:
    """Return whether somebody elsewhere is told: who tries things out on a terminal needs no dead-man's switch."""
    from sinks.doubts import LOCAL

    return any(
        settings.channels[tier.channel].type not in LOCAL
        for receiver in settings.receivers.values()
        for tier in receiver.tiers
    )


def describe(settings: "Settings") -> dict[str, Any]:
    """Return what the settings describe, as plain data without secrets."""
    from pipeline.feeds.contract import FeedSettings

    feeds: dict[str, Any] = {}
    for name, feed in sorted(settings.feeds.items()):
        feeds[name] = {"type": feed.type}
        if isinstance(feed, FeedSettings) and feed.mapping is not None:
            feeds[name] |= _mapping(feed.mapping)
    return {
        "feeds": feeds,
        "detectors": {name: {"type": entry.type} for name, entry in sorted(settings.detectors.items())},
        "calendars": sorted(settings.calendars),
        "channels": {name: {"type": entry.type} for name, entry in sorted(settings.channels.items())},
        "receivers": {
            name: [tier.channel for tier in receiver.tiers] for name, receiver in sorted(settings.receivers.items())
        },
        "route": None if settings.route is None else settings.route.receiver,
    }


def _mapping(mapping: "MappingSettings") -> dict[str, Any]:
    """Return the types of the events that a mapping makes, and how many examples show it."""
    from config.shipped import shipped_mapping

    types: list[str] = []
    for entry in mapping.events:
        types += (
            [entry.type] if isinstance(entry.type, str) else map(str, filter(None, (entry.type.map or {}).values()))
        )
    told = {"events": list(dict.fromkeys(types)), "examples": len(mapping.examples)}
    if mapping.use is None:
        return told
    return {**told, "use": mapping.use, "shipped_examples": len(shipped_mapping(mapping.use).mapping.examples)}


def _plain(problem: "Problem") -> dict[str, Any]:
    from config.problems import dotted

    return {"path": dotted(problem.path), "line": problem.line, "message": problem.message}


def _tree(config: Path, settings: "Settings") -> None:
    from rich.tree import Tree

    from pipeline.commands.drawing import Terminal

    told = describe(settings)
    tree = Tree(str(config))
    feeds = tree.add("feeds")
    for name, feed in told["feeds"].items():
        feeds.add(f"{name} ({feed['type']}){_mapped(feed)}")
    detectors = tree.add("detectors")
    for name, detector in told["detectors"].items():
        detectors.add(f"{name} ({detector['type']})")
    receivers = tree.add("receivers")
    for name, channels in told["receivers"].items():
        kinds = [f"{channel} ({told['channels'][channel]['type']})" for channel in channels]
        default = ", takes what no other route takes" if name == told["route"] else ""
        receivers.add(f"{name}: {', then '.join(kinds)}{default}")
    # As wide as the longest line: a tree is cut, not wrapped.
    Terminal(soft_wrap=True, width=10_000).print(tree)


def _mapped(feed: dict[str, Any]) -> str:
    if "events" not in feed:
        return ""
    made = ", ".join(feed["events"])
    if "use" not in feed:
        return f": {made}; {feed['examples']} example(s)"
    return f": {feed['use']} ({made}); {feed['examples']} example(s), {feed['shipped_examples']} shipped"
