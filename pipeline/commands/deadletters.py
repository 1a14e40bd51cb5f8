"""``makegood deadletters``: records that could not become events: look at them, and try them again."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from pipeline.commands import noting, shell

if TYPE_CHECKING:
    from pipeline.deadletters import DeadLetters
    from pipeline.letters import LetterFilter, StoredLetter

_SHOWN_BYTES = 2000
MaybeConfig = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", envvar="MAKEGOOD_CONFIG", help="Settings file of the flow."),
]
File = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="The dead letters of a replay: ALERTS.jsonl.deadletters.db."),
]
Feed = Annotated[str | None, typer.Option(help="Only of this feed.")]
Why = Annotated[str | None, typer.Option("--reason", help="Only with this reason.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, help="Records that could not become events: list, show, replay, prune.")
    app.add_typer(group, name="deadletters")
    _register_list(group)
    _register_show(group)
    _register_replay(group)
    _register_prune(group)


def _register_list(group: typer.Typer) -> None:
    @shell.command(group, "list", example="makegood deadletters list --config makegood.yaml --reason invalid_time")
    def list_(
        *,
        config: MaybeConfig = None,
        file: File = None,
        feed: Feed = None,
        reason: Why = None,
        status: Annotated[str | None, typer.Option(help="Only new, requeued or replayed ones.")] = None,
        limit: Annotated[int, typer.Option(min=1, max=10_000, help="Length of the page.")] = 50,
        before: Annotated[int | None, typer.Option(metavar="ID", help="The page that follows this id.")] = None,
        as_json: shell.Json = False,
    ) -> None:
        """List dead letters, the newest first, and count them by feed and reason."""
        chosen = _filter(feed, reason, status)
        with _opened(config, file) as letters:
            page = letters.page(chosen, before_id=before, limit=limit)
            counts = letters.counts(chosen)
            pruned = letters.pruned()
        if as_json:
            shell.out_json({"counts": counts, "pruned": pruned, "letters": [_plain(letter) for letter in page]})
            return
        for letter in page:
            shell.out(
                f"{letter.id}  {letter.feed}/{letter.partition}@{letter.offset}  {letter.reason}  {letter.status}"
                f"  {letter.detail}"
            )
        for name, reasons in counts.items():
            told = ", ".join(f"{count} {why}" for why, count in reasons.items())
            shell.out(f"{name}: {told}")
        if not counts:
            shell.out("no dead letters")
        gone = sum(count for reasons in pruned.values() for count in reasons.values())
        if gone:
            shell.out(f"{gone} older ones have been deleted (settings: dead_letters)")


def _register_show(group: typer.Typer) -> None:
    @shell.command(group, "show", example="makegood deadletters show 17 --config makegood.yaml")
    def show(
        letter: Annotated[int, typer.Argument(metavar="ID", help="As `list` shows it.")],
        *,
        config: MaybeConfig = None,
        file: File = None,
        raw: Annotated[bool, typer.Option("--raw", help="Only the record's bytes, as they came.")] = False,
        as_json: shell.Json = False,
    ) -> None:
        """Show one dead letter with its record."""
        with _opened(config, file) as letters:
            found = letters.get(letter)
        if found is None:
            msg = f"there is no dead letter {letter}; `makegood deadletters list` shows those there are"
            raise shell.UserError(msg, shell.FOUND_WRONG)
        record = found.raw or b""
        if raw:
            sys.stdout.flush()
            sys.stdout.buffer.write(record)
        elif as_json:
            shell.out_json({**_plain(found), "record": record.decode("utf-8", "backslashreplace")})
        else:
            shell.out(f"{found.reason}: {found.detail}")
            shell.out(f"  feed {found.feed}, partition {found.partition}, offset {found.offset}, {found.status}")
            shown = record[:_SHOWN_BYTES].decode("utf-8", "backslashreplace")
            more = f" ... ({found.size} bytes; --raw gives all)" if found.size > _SHOWN_BYTES else ""
            shell.out(shown + more)


def _register_replay(group: typer.Typer) -> None:
    @shell.command(
        group,
        "replay",
        example="makegood deadletters replay --config makegood.yaml --feed orders --reason unmapped_value\n"
        "makegood deadletters replay --config makegood.yaml 17 18",
    )
    def replay(
        ids: Annotated[list[int] | None, typer.Argument(metavar="[ID...]", help="Only these.")] = None,
        *,
        config: MaybeConfig = None,
        file: File = None,
        feed: Feed = None,
        reason: Why = None,
        everything: Annotated[bool, typer.Option("--all", help="All new ones.")] = False,
        as_json: shell.Json = False,
    ) -> None:
        """Send dead letters through the flow again, by their feed's mapping as it is now.

        The running flow takes them up, or the next one that is started. Letters that were sent again before are left
        out. Those that fail again are new dead letters. Where processes share the work, each reads again what came from
        its own partitions; nothing is sent where a letter is of a partition that no process here has.
        """
        from pipeline.clock import wall_clock_us
        from pipeline.scale.requeued import why_not_read

        if not (ids or feed or reason or everything):
            msg = "say which: ids, --feed, --reason, or --all"
            raise shell.UserError(msg)
        chosen = _filter(feed, reason, None, tuple(ids) if ids else None)
        with _opened(config, file) as letters:
            problems = [] if config is None else why_not_read(shell.load(config), letters.places(chosen))
            if problems:
                told = "\n  ".join(problems)
                msg = (
                    f"nothing was sent again, as no process would read all of it:\n  {told}\nwrite these records to "
                    "their topics again (`makegood deadletters show ID --raw` gives the bytes); send the others by id"
                )
                raise shell.UserError(msg)
            count = letters.requeue(chosen, wall_clock_us())
        if count and config is not None:
            wanted = {"ids": ids, "feed": feed, "reason": reason, "all": everything}
            noting.note_beside(shell.load(config), "deadletters.replay", "deadletters", after=wanted, count=count)
        if as_json:
            shell.out_json({"requeued": count})
        else:
            shell.out(f"{count} dead letters wait to be read again")


def _register_prune(group: typer.Typer) -> None:
    @shell.command(group, "prune", example="makegood deadletters prune --config makegood.yaml --keep 7d")
    def prune(
        config: shell.Config,
        *,
        keep: Annotated[
            str | None, typer.Option(metavar="DURATION", help="Keep those of the last 7d, 12h, ...")
        ] = None,
        max_bytes: Annotated[
            int | None, typer.Option(min=0, metavar="BYTES", help="Keep the newest that have room in this.")
        ] = None,
        as_json: shell.Json = False,
    ) -> None:
        """Delete dead letters that are older, or more, than the settings or the options say.

        The running flow does so by itself, by the settings (`dead_letters`). What is deleted is counted; nothing brings
        it back.
        """
        from config.durations import parse_duration_us
        from pipeline.clock import wall_clock_us

        settings = shell.load(config)
        try:
            keep_us = settings.dead_letters.keep if keep is None else parse_duration_us(keep)
        except ValueError as error:
            msg = f"--keep: {error}"
            raise shell.UserError(msg) from error
        limit = settings.dead_letters.max_bytes if max_bytes is None else max_bytes
        with _opened(config, None) as letters:
            gone = letters.prune(wall_clock_us() - keep_us, max_bytes=limit)
        if gone.letters:
            wanted = {"keep_us": keep_us, "max_bytes": limit}
            noting.note_beside(settings, "deadletters.prune", "deadletters", after=wanted, count=gone.letters)
        if as_json:
            shell.out_json({"deleted": gone.letters, "bytes": gone.bytes})
        else:
            shell.out(f"{gone.letters} dead letters deleted ({gone.bytes} bytes)")


@contextmanager
def _opened(config: Path | None, file: Path | None) -> "Iterator[DeadLetters]":
    from pipeline.deadletters import DeadLetters, DeadLettersError

    if (config is None) == (file is None):
        msg = "say whose dead letters: --config FILE (of a running flow) or --file FILE (of a replay)"
        raise shell.UserError(msg)
    path = file
    if config is not None:
        settings = shell.load(config)

        from pipeline.work import deadletters_path

        path = deadletters_path(settings)
    if path is None or not path.exists():
        msg = f"there are no dead letters at {path}: the flow has not run there yet, or nothing went wrong"
        raise shell.UserError(msg, shell.FOUND_WRONG)
    try:
        with DeadLetters(path) as letters:
            yield letters
    except DeadLettersError as error:
        raise shell.UserError(str(error)) from error


def _filter(feed: str | None, reason: str | None, status: Any, ids: tuple[int, ...] | None = None) -> "LetterFilter":
    from pipeline.letters import LetterFilter, LetterStatus
    from pipeline.reasons import Reason

    for option, value, known in (
        ("--reason", reason, [kind.value for kind in Reason]),
        ("--status", status, list(get_args(LetterStatus))),
    ):
        if value is not None and value not in known:
            msg = f"{option} {value}: expected one of {', '.join(known)}"
            raise shell.UserError(msg)
    return LetterFilter(feed=feed, reason=reason, status=status, ids=ids)


def _plain(letter: "StoredLetter") -> dict[str, Any]:
    from alerts.model import rfc3339

    return {
        "id": letter.id,
        "feed": letter.feed,
        "partition": letter.partition,
        "offset": letter.offset,
        "part": letter.part,
        "reason": letter.reason,
        "detail": letter.detail,
        "bytes": letter.size,
        "seen": rfc3339(letter.seen_at_us) if letter.seen_at_us else None,
        "status": letter.status,
    }
