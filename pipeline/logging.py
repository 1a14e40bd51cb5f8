"""How the program logs: structlog to stderr, for people on a terminal, as JSON lines elsewhere."""

import io
import logging
import sys
from typing import Any, Literal

import structlog

from config.tidying import tidy

Format = Literal["auto", "console", "json"]
Level = Literal["debug", "info", "warning", "error"]


def set_up_logging(level: Level = "info", format_: Format = "auto") -> None:
    """Send every log line, of libraries too, to stderr. stdout is for results.

    Args:
        level: lines below it are dropped.
        format_: ``auto``: for people when stderr is a terminal, else JSON.
    """
    people = format_ == "console" or (format_ == "auto" and sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[structlog.types.Processor] = [structlog.processors.JSONRenderer()]
    if people:
        colours = sys.stderr.isatty()
        renderers = [_one_line, structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=_traceback)]
    else:
        shared.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Clients log addresses, which may hold tokens; matplotlib, the first time on a machine, that it has found fonts.
    for noisy in ("httpx", "httpcore", "urllib3", "twilio", "matplotlib"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _one_line(_logger: Any, _name: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Keep texts of others from writing a line of their own, or to the terminal; JSON does that by itself."""
    return {key: tidy(value).replace("\n", "\\n") if isinstance(value, str) else value for key, value in event.items()}


def _traceback(out: Any, error: Any) -> None:
    # Not the rich one: it prints local variables, and there may be secrets among them.
    written = io.StringIO()
    structlog.dev.plain_traceback(written, error)
    out.write(tidy(written.getvalue()))
