"""What the commands have in common: options, exit statuses, and errors that people can act on."""

import errno
import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar, cast, get_args

import msgspec
import typer
from typer.core import TyperCommand

from config.problems import SettingsError
from config.secret import SecretMissingError
from config.tidying import tidy, tidy_json
from pipeline.logging import Format, Level, set_up_logging

if TYPE_CHECKING:
    from config.settings import Settings

FOUND_WRONG = 1
_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE}
UNUSABLE_INPUT = 2
LEVELS = get_args(Level)
FORMATS = get_args(Format)

Config = Annotated[
    Path,
    typer.Option("--config", "-c", metavar="FILE", envvar="MAKEGOOD_CONFIG", help="Settings file (YAML)."),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="As of this time, a date, or like +2h.  [default: now]"),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout, for machines.")]
CommandT = TypeVar("CommandT", bound=Callable[..., Any])


class UserError(Exception):
    """Something that the user can put right: the message says what, and what to do."""

    def __init__(self, message: str, status: int = UNUSABLE_INPUT) -> None:
        super().__init__(message)
        self.status = status


def command(
    app: typer.Typer, name: str, *, example: str, cls: type[TyperCommand] | None = None
) -> Callable[[CommandT], CommandT]:
    """Register a command whose help ends in an example, and whose errors are messages, not tracebacks."""

    def register(function: CommandT) -> CommandT:
        epilog = "**Example:**\n\n" + "\n\n".join(f"`$ {line}`" for line in example.splitlines())
        app.command(name, epilog=epilog, cls=cls)(_guarded(function))
        return function

    return register


def alone(group: typer.Typer, *, example: str) -> Callable[[CommandT], CommandT]:
    """Register what a group of commands does when none of them is named; see :func:`command`."""

    def register(function: CommandT) -> CommandT:
        epilog = "**Example:**\n\n" + "\n\n".join(f"`$ {line}`" for line in example.splitlines())
        group.callback(invoke_without_command=True, epilog=epilog)(_guarded(function))
        return function

    return register


def load(config: Path) -> "Settings":
    """Load a settings file, with every component registered.

    Raises:
        SettingsError: with every problem found.
    """
    from pipeline.assembly import load_settings

    return load_settings(config).settings


def chosen(kind: str, known: Sequence[str], wanted: str | None) -> list[str]:
    """Return the one name that is wanted, or all there are.

    Raises:
        UserError: when there is none of that name.
    """
    from config.explain import suggestion

    if wanted is None:
        return list(known)
    if wanted not in known:
        there = f"There are: {', '.join(known)}" if known else "The settings have none"
        msg = f"there is no {kind} {wanted!r}.{suggestion(wanted, known)} {there}"
        raise UserError(msg)
    return [wanted]


def out(text: str) -> None:
    """Write a line of result to stdout."""
    sys.stdout.write(tidy(text) + "\n")


def out_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, wraps: Sequence[str] = ()) -> None:
    """Write a table to stdout. Where no terminal sets the width, a row is one line, for grep and less.

    Args:
        columns: their titles.
        rows: of cells.
        wraps: titles of columns that are broken into lines on a narrow terminal; empty: all.
    """
    from rich.table import Table

    from pipeline.commands.drawing import draw

    table = Table(box=None, pad_edge=False)
    for column in columns:
        narrow = column in wraps if wraps else sys.stdout.isatty()
        table.add_column(column, overflow="fold", no_wrap=not narrow)
    for row in rows:
        table.add_row(*map(tidy, row))
    draw(table, wide=10_000)


def out_json(value: object) -> None:
    """Write a JSON object as one line to stdout."""
    sys.stdout.write(tidy_json(msgspec.json.encode(value).decode()) + "\n")


def warn(message: str) -> None:
    """Write a message to stderr, and go on."""
    sys.stderr.write(f"makegood: {tidy(message)}\n")


def fail(message: str, status: int) -> NoReturn:
    """Write a message to stderr and end with ``status``."""
    sys.stdout.flush()
    for line in tidy(message).splitlines():
        sys.stderr.write(f"makegood: {line}\n")
    raise typer.Exit(status)


def user_errors() -> dict[type[Exception], int]:
    """Return the errors that are told without a traceback, with their exit status.

    Only modules that are loaded already can have raised one: ``--help`` stays fast.
    """
    known: dict[type[Exception], int] = {
        UserError: UNUSABLE_INPUT,
        SettingsError: UNUSABLE_INPUT,
        SecretMissingError: UNUSABLE_INPUT,
    }
    late = {
        ("pipeline.server", "ListenError"): UNUSABLE_INPUT,
        ("pipeline.ingest.folder", "SpoolInUseError"): FOUND_WRONG,
        ("pipeline.replay", "UnknownFeedError"): UNUSABLE_INPUT,
        ("pipeline.control.steering", "ControlsUnreadableError"): UNUSABLE_INPUT,
        ("detectors.control", "ChangeError"): UNUSABLE_INPUT,
        ("pipeline.backtest.tuning", "NotTunableError"): UNUSABLE_INPUT,
        ("pipeline.backtest.running", "EmptyRecordingError"): UNUSABLE_INPUT,
        ("pipeline.backtest.inputs", "SpanError"): UNUSABLE_INPUT,
        ("pipeline.backtest.result", "BacktestFileError"): UNUSABLE_INPUT,
        ("pipeline.feeds.contract", "FeedError"): UNUSABLE_INPUT,
        ("pipeline.profiles", "ProfilesError"): UNUSABLE_INPUT,
        ("pipeline.sentiment_learning", "NotLearningError"): UNUSABLE_INPUT,
        ("pipeline.sentiment_versions", "VersionStoreError"): UNUSABLE_INPUT,
        ("pipeline.scale.keys", "ScaleError"): UNUSABLE_INPUT,
        ("pipeline.snapshots", "SnapshotsUnreadableError"): UNUSABLE_INPUT,
        ("pipeline.findings.query", "NotFoundError"): UNUSABLE_INPUT,
        ("pipeline.findings.query", "UnreadableError"): UNUSABLE_INPUT,
        ("pipeline.deadletters", "DeadLettersError"): UNUSABLE_INPUT,
        ("pipeline.deadletters", "DeadLettersUnwritableError"): FOUND_WRONG,
        ("pipeline.failures", "FlowEndedError"): FOUND_WRONG,
        ("pipeline.failures", "RecoveryDamagedError"): UNUSABLE_INPUT,
        ("pipeline.failures", "RecoveryVersionError"): UNUSABLE_INPUT,
        ("pipeline.recovery", "RecoveryFolderInUseError"): FOUND_WRONG,
        ("dashboards.access.passwords", "NoLoginError"): UNUSABLE_INPUT,
        ("alerts.silences", "UnknownSilenceError"): FOUND_WRONG,
        ("alerts.silences", "SilenceConflictError"): FOUND_WRONG,
        ("alerts.silencing", "SilenceError"): UNUSABLE_INPUT,
        ("alerts.connection", "StoreError"): FOUND_WRONG,
        ("alerts.connection", "StoreUnavailableError"): FOUND_WRONG,
        ("alerts.embedded_redis", "EmbeddedRedisError"): FOUND_WRONG,
    }
    for (module, name), status in late.items():
        kind = getattr(sys.modules.get(module), name, None)
        if isinstance(kind, type) and issubclass(kind, Exception):
            known[kind] = status
    return known


def _guarded(function: CommandT) -> CommandT:
    @functools.wraps(function)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            fail(str(error), error.status)
        except OSError as error:
            if error.filename is None:
                raise
            # What may pass by itself is no reason for a supervisor to give up.
            fail(f"{error.filename}: {error.strerror}", FOUND_WRONG if error.errno in _PASSING else UNUSABLE_INPUT)
        except Exception as error:
            known = user_errors()
            # The engine wraps what a part of it raised.
            cause: BaseException | None = error
            while cause is not None:
                for kind, status in known.items():
                    if isinstance(cause, kind):
                        fail(str(cause), status)
                cause = cause.__cause__
            raise

    return guarded  # type: ignore[return-value]


def set_up(log_level: str, log_format: str) -> None:
    """Set up logging from the common options.

    Raises:
        typer.BadParameter: for a level or format that there is not.
    """
    for option, value, known in (("--log-level", log_level, LEVELS), ("--log-format", log_format, FORMATS)):
        if value not in known:
            msg = f"{value!r} is not one of {', '.join(known)}"
            raise typer.BadParameter(msg, param_hint=option)
    set_up_logging(cast("Level", log_level), cast("Format", log_format))
