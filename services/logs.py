"""
Structured logs without secrets: a JSON object a line on standard error, plain lines on a terminal.

The standard library's logging (dramatiq, pika, httpx, alembic) goes through the same formatter. Every
string of a record is redacted last, after tracebacks have become text. Nothing is ever written to
standard output: it belongs to the commands' answers, and a Dramatiq worker's is a pipe that concurrent
writers corrupt.
"""

from __future__ import annotations

import base64
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import date, datetime
from typing import Any, TextIO
from urllib.parse import quote

import structlog

MASK = "***"

MIN_SECRET_LENGTH = 4
"""Characters; a shorter value is not looked for, since every other word of a log would contain it."""

MAX_DEPTH = 8
"""Levels of nested lists and tables that are logged as such; what lies deeper becomes text first."""

SECRET_NAMES = frozenset(
    {
        "access_token",
        "api_key",
        "authorization",
        "client_secret",
        "client_secret_sign",
        "encryption_key",
        "password",
        "refresh_token",
        "secret",
        "token",
    }
)
"""Keys whose value is never shown, whatever it looks like."""

LEVELS = {"pika": "CRITICAL", "httpx": "WARNING", "httpcore": "WARNING", "alembic": "WARNING", "periodiq": "WARNING"}
"""pika writes an ERROR with a traceback for each reconnection that its caller handles; httpx writes URLs."""

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    # An application secret is a bcrypt salt and a signature a bcrypt hash; in a form body `$` is %24.
    (re.compile(r"(?:\$|%24)2[aby](?:\$|%24)\d\d(?:\$|%24)(?:[./A-Za-z0-9]|%2F){22,53}", re.IGNORECASE), MASK),
    # Either of them in base64: "$2a$", "$2b$" and "$2y$" begin so.
    (re.compile(r"JDJ[hi5]JD[A-Za-z0-9+/_-]{20,}=*"), MASK),
    (re.compile(r"\b(bearer|basic)(\s+|%20|\+)[^\s\"',;]+", re.IGNORECASE), rf"\1\2{MASK}"),
    # The password of a URL, `@` and `/` in it included, as lenient parsers allow.
    (re.compile(r"://([^\s:/@]*):(?:[^\s/]*@|[^\s@]*@)"), rf"://\1:{MASK}@"),
    (
        re.compile(
            r"\b(access_token|refresh_token|client_secret_sign|client_secret|encryption_key|password)"
            r"(\\?[\"']?\s*[:=]\s*\\?[\"']?)[^\s\"'&,;}\\]+",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
)


class Redactor:
    """Takes secrets out of text: whatever looks like one, and the values that it was told."""

    def __init__(self) -> None:
        self._values: tuple[str, ...] = ()

    def learn(self, *values: str) -> None:
        """Remember values that are secret though they look like nothing, as they are, URL-encoded and in base64."""
        spellings = set(self._values)
        for value in values:
            if len(value) >= MIN_SECRET_LENGTH:
                encoded = base64.b64encode(value.encode("utf-8", "surrogatepass")).decode()
                spellings |= {value, quote(value, safe="", errors="surrogatepass"), encoded.rstrip("=")}
        # The longest first: a value that contains another one goes as a whole.
        self._values = tuple(sorted(spellings, key=lambda spelling: (-len(spelling), spelling)))

    def text(self, text: str) -> str:
        """Return *text* without secrets."""
        for value in self._values:
            text = text.replace(value, MASK)
        for pattern, mask in _PATTERNS:
            text = pattern.sub(mask, text)
        return text

    def value(self, value: object, depth: int = 0) -> object:
        """Return *value* as JSON knows it, every string in it redacted; what JSON does not know becomes text."""
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping) and depth < MAX_DEPTH:
            return {self.text(str(key)): self._named(str(key), item, depth) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
            return [self.value(item, depth + 1) for item in value]
        return self.text(_as_text(value))

    def _named(self, name: str, value: object, depth: int) -> object:
        return MASK if name.lower() in SECRET_NAMES and value is not None else self.value(value, depth + 1)

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Redact one event, as a structlog processor."""
        return {self.text(key): self._named(key, value, 0) for key, value in event.items()}


_redactor = Redactor()


def redact(text: str) -> str:
    """Return *text* without secrets: for texts that go elsewhere than into a log, such as a stored error."""
    return _redactor.text(text)


def redact_values(*values: str) -> None:
    """Have these values taken out of every log line of this process: keys, and passwords from settings."""
    _redactor.learn(*values)


def configure_logging(level: str, stream: TextIO | None = None) -> None:
    """
    Send all logs of this process to *stream*, by default the process's own standard error, from *level* up.

    Calling it again replaces what the call before set up, and what anyone else hung on the root logger.
    """
    # Dramatiq puts a pipe in the place of sys.stderr; the original is the file descriptor itself.
    # Both are None where Windows gives a service no console.
    stream = stream or sys.__stderr__ or sys.stderr
    handler = logging.NullHandler() if stream is None else logging.StreamHandler(stream)
    handler.setFormatter(_formatter(people=stream is not None and stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in LEVELS.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_described(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _described() -> list[structlog.typing.Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(*, people: bool) -> logging.Formatter:
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if people
        else structlog.processors.JSONRenderer(ensure_ascii=False, sort_keys=False)
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_described(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            # Plain tracebacks: a renderer that shows local variables would show secrets.
            structlog.processors.format_exc_info,
            _redactor,
            renderer,
        ],
    )


def _as_text(value: object) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, date | datetime):
        return value.isoformat()
    try:
        return repr(value)
    except Exception:
        # A log line must not fail because an object cannot describe itself.
        return f"<{type(value).__name__}>"
