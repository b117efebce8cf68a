"""Log lines: an event name and its fields, as JSON or for a terminal, each through the mask before it is written.

Everything that logs goes this one way, the standard library's loggers too. Nothing here is called at import, and no
module of ours writes to the stream by itself.
"""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TextIO

import orjson
import structlog
from aiohttp.http_exceptions import HttpProcessingError
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.masking import mask, masked

_CORRELATION = re.compile(r"[0-9A-Za-z_-]{8,64}")

# Libraries that write request lines or bodies, with what our payers and vendors' keys are in them.
_QUIET = ("aiosmtpd", "alembic", "asyncio", "httpcore", "httpx", "mail.log", "telegram", "twilio")


def configure(level: str = "info", *, json: bool | None = None, stream: TextIO | None = None) -> None:
    """Sends every log line of this process to `stream` (standard error), from `level` up.

    `json` None means: JSON unless the stream is a terminal. May be called again; the last call holds.
    Raises ValueError on an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is not a log level: debug, info, warning, error or critical")
    stream = stream or sys.stderr
    as_json = not stream.isatty() if json is None else json
    render: Processor = _render_json if as_json else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    enrich: list[Processor] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    finish: list[Processor] = [structlog.processors.format_exc_info, _masked_line, render]
    structlog.configure(
        processors=[*enrich, *finish],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[*enrich, structlog.stdlib.add_logger_name],
            processors=[ProcessorFormatter.remove_processors_meta, *finish],
        )
    )
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(number)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(number, logging.WARNING))
    wire = logging.getLogger("aiohttp.server")
    wire.filters = [one for one in wire.filters if not isinstance(one, _Garbage)] + [_Garbage()]
    logging.captureWarnings(True)


@contextlib.contextmanager
def correlated(correlation_id: str | None = None) -> Iterator[str]:
    """Every line logged inside carries this `correlation_id`; a fresh one unless it is 8 to 64 plain characters."""
    if correlation_id is None or not _CORRELATION.fullmatch(correlation_id) or mask(correlation_id) != correlation_id:
        correlation_id = secrets.token_hex(8)
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
        yield correlation_id


class _Garbage(logging.Filter):
    """Bytes that are no HTTP come to every open port: no fault of ours, and nobody knows what is in them."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            return True
        record.msg, record.args, record.exc_info = "http.garbage", (), None
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return logging.getLogger(record.name).isEnabledFor(logging.DEBUG)


class _Handler(logging.StreamHandler[TextIO]):
    """Our handler on the root logger, told apart from others' by its class."""


def _masked_line(logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    line: EventDict = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": fields.pop("level", method),
        "event": mask(str(fields.pop("event", ""))),
    }
    for name, value in fields.items():
        line[name] = masked(value, name)
    return line


def _render_json(logger: WrappedLogger, method: str, fields: EventDict) -> str:
    return orjson.dumps(fields, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
