"""
How one setting is read: from the text of an environment variable to a value, or a Refusal that says what is allowed.

A reader also takes a value that is already of its type. No refusal quotes a secret: of a URL at most the
scheme is shown.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import SecretStr
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from services.credentials import Keyring
from services.logs import redact
from services.texts import Refusal

CHECK_INTERVALS_MS = tuple(minutes * 60_000 for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60))
"""Whole minutes that divide an hour: the ticks then fall on the same minutes of every hour."""

BROKER_PARAMETERS = {
    "heartbeat": "30",
    "blocked_connection_timeout": "10",
    "connection_attempts": "5",
    "retry_delay": "3",
    "socket_timeout": "5",
}
"""pika's, in seconds and tries: a dead connection is noticed within the minute, and a restart is waited for."""

_BROKER_PARAMETER_NAMES = frozenset(
    [
        *BROKER_PARAMETERS,
        "channel_max",
        "client_properties",
        "frame_max",
        "locale",
        "ssl_options",
        "stack_timeout",
        "tcp_options",
    ]
)

_SWITCH = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}

_SHOWN = 60


@dataclass(frozen=True)
class Whole:
    """Reads a whole number from *low* to *high*."""

    low: int
    high: int

    def __call__(self, value: object) -> int:
        text = str(value).strip()
        if re.fullmatch(r"[0-9]{1,9}", text) is None or not self.low <= int(text) <= self.high:
            raise Refusal("settings.whole", value=shown(value), low=self.low, high=self.high)
        return int(text)


@dataclass(frozen=True)
class Seconds:
    """Reads seconds, with up to three decimals, from *low* to *high*; *refusal* is the sentence otherwise."""

    low: float
    high: float
    refusal: str = "settings.seconds"

    def __call__(self, value: object) -> timedelta:
        text = str(value.total_seconds() if isinstance(value, timedelta) else value).strip()
        plain = re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,3})?", text) is not None
        if not plain or not self.low <= float(text) <= self.high:
            raise Refusal(self.refusal, value=shown(text), low=f"{self.low:g}", high=f"{self.high:g}")
        return timedelta(milliseconds=int(Decimal(text) * 1000))


@dataclass(frozen=True)
class Choice:
    """Reads one of some words, in any case; *spellings* are further words for them."""

    words: tuple[str, ...]
    spellings: tuple[tuple[str, str], ...] = ()

    def __call__(self, value: object) -> str:
        text = str(value).strip()
        for word, meant in (*((word, word) for word in self.words), *self.spellings):
            if text.lower() == word.lower():
                return meant
        raise Refusal("settings.choice", value=shown(value), words=", ".join(self.words))


def shown(value: object) -> str:
    """Return a wrong value as it may be shown: without secrets, and not at any length."""
    text = redact(str(value))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def read_switch(value: object) -> bool:
    """Read true/false, 1/0, yes/no or on/off, in any case."""
    switch = _SWITCH.get(str(value).strip().lower())
    if switch is None:
        raise Refusal("settings.switch", value=shown(value))
    return switch


def read_check_interval(value: object) -> timedelta:
    """Read milliseconds that are whole minutes and divide an hour."""
    if isinstance(value, timedelta):
        value = value // timedelta(milliseconds=1)
    allowed = {str(milliseconds): milliseconds for milliseconds in CHECK_INTERVALS_MS}
    milliseconds = allowed.get(str(value).strip())
    if milliseconds is None:
        raise Refusal("settings.check_interval", value=shown(value), allowed=", ".join(allowed))
    return timedelta(milliseconds=milliseconds)


def read_text(value: object) -> str:
    """Read a word without blanks."""
    text = str(value).strip()
    if not text or len(text.split()) != 1:
        raise Refusal("settings.text", value=shown(value))
    return text


def read_path(value: object) -> Path:
    """Read a folder; a relative one is meant from where the program is started."""
    return Path(str(value).strip())


def read_encryption_key(value: object) -> SecretStr:
    """Read one key or several. Raise KeyringError, which names the command that makes one."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
    Keyring.parse(text)
    return SecretStr(text.strip())


def read_database_url(value: object) -> str:
    """Read a URL of SQLite (a file) or PostgreSQL; that of PostgreSQL is given the driver, psycopg 3."""
    text = str(value).strip()
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if scheme in ("postgres", "postgresql"):
        scheme = "postgresql+psycopg"
    if not separator or scheme not in ("sqlite", "postgresql+psycopg"):
        raise Refusal("settings.database_scheme", scheme=_scheme(text))
    normal = f"{scheme}://{rest}"
    try:
        url = make_url(normal)
    # ValueError: the port. Its text quotes the URL, so it is not chained.
    except (ArgumentError, ValueError):
        raise Refusal("settings.database_shape") from None
    if scheme == "sqlite" and (url.host or url.database in (None, "", ":memory:") or "mode" in url.query):
        raise Refusal("settings.database_file")
    if not url.database:
        raise Refusal("settings.database_name")
    return normal


def read_rabbitmq_url(value: object) -> str:
    """Read a URL that pika takes: amqp or amqps, a host, a name with a password, parameters that it knows."""
    text = str(value).strip()
    parts = _split(text, ("amqp", "amqps"), "settings.rabbitmq_scheme")
    if parts.fragment:
        raise Refusal("settings.url_shape")
    if parts.username is not None and parts.password is None:
        raise Refusal("settings.rabbitmq_password")
    for name, values in parse_qs(parts.query, keep_blank_values=True).items():
        if name not in _BROKER_PARAMETER_NAMES or len(values) > 1:
            # Behind a password with a "?" in it stands the rest of that password.
            known = name if re.fullmatch(r"[a-z_]{1,40}", name) else None
            raise Refusal("settings.rabbitmq_parameter", parameter=known)
    return text


def with_broker_parameters(url: str) -> str:
    """Return the URL with those of BROKER_PARAMETERS that it does not set itself."""
    parts = urlsplit(url)
    given = parse_qs(parts.query, keep_blank_values=True)
    missing = [f"{name}={value}" for name, value in BROKER_PARAMETERS.items() if name not in given]
    return parts._replace(query="&".join(filter(None, [parts.query, *missing]))).geturl()


def read_naver_url(value: object) -> str:
    """Read the base address of the API: https, or plain http to this machine (a simulator); no `/` at its end."""
    text = str(value).strip()
    parts = _split(text, ("http", "https"), "settings.naver_scheme")
    if parts.username is not None or parts.query or parts.fragment:
        raise Refusal("settings.naver_base")
    path = parts.path.rstrip("/")
    if path.endswith("/external"):
        raise Refusal("settings.naver_external")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise Refusal("settings.naver_plain", host=parts.hostname)
    return parts._replace(path=path).geturl()


def _split(text: str, schemes: tuple[str, ...], wrong_scheme: str) -> SplitResult:
    # The texts of urlsplit's errors quote the address, so they are not chained.
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise Refusal("settings.url_shape") from None
    if parts.scheme not in schemes or "://" not in text:
        raise Refusal(wrong_scheme, scheme=_scheme(text))
    if not usable or any(character.isspace() for character in text):
        raise Refusal("settings.url_shape")
    return parts


def _scheme(text: str) -> str | None:
    """Return the part before `://` if it can be nothing but a scheme; anything else may be a secret."""
    scheme, separator, _ = text.partition("://")
    return scheme if separator and re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]{0,29}", scheme) else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
