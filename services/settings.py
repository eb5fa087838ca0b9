"""
Every environment variable that GConnect knows: its name, default, and what is allowed.

The real environment counts first, then `.env.local`, then `.env`; an empty value says nothing. All
mistakes are reported at once, a sentence each, and no sentence and no repr shows a secret. What each
setting is for stands in deploy/env.example; how one is read, in services/setting_values.py.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, unquote, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from sqlalchemy.engine import make_url

from services import setting_values as read
from services.env_files import said_in, said_in_files
from services.logs import MASK, redact
from services.texts import Language, Refusal, Sentence, language_of

MAX_BACKOFF_SECONDS = 1200
"""
RabbitMQ's consumer_timeout, 30 minutes, counts for a message that waits for its retry: it would be taken
from the worker and given out again. Twenty minutes leave room for jitter and a late worker.
"""


_BACKOFF = read.Seconds(0.1, MAX_BACKOFF_SECONDS, "settings.backoff_max")
_BY_DATABASE: Any = None


class SettingsError(Refusal):
    """All that is wrong with the settings, a sentence each."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        super().__init__("settings.errors", count=len(sentences))
        self.sentences = tuple(sentences)

    @property
    def problems(self) -> list[str]:
        """Return the sentences in English."""
        return [str(sentence) for sentence in self.sentences]


class Settings(BaseModel):
    """How this process is to behave. Spans are timedeltas; the names of the variables stand at the fields."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_by_name=True,
        validate_by_alias=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    scheduler_enabled: Annotated[bool, BeforeValidator(read.read_switch)] = Field(
        default=True, validation_alias="SCHEDULER_ENABLED"
    )
    check_interval: Annotated[timedelta, BeforeValidator(read.read_check_interval)] = Field(
        default=timedelta(minutes=1), validation_alias="SCHEDULER_CHECK_INTERVAL"
    )
    """Milliseconds in the environment."""
    max_concurrent: Annotated[int, BeforeValidator(read.Whole(0, 100_000))] = Field(
        default=0, validation_alias="SCHEDULER_MAX_CONCURRENT"
    )
    """Live syncs of the whole fleet; 0 is no cap."""
    spread: Annotated[timedelta, BeforeValidator(read.Seconds(0, 14_400))] = Field(
        default=timedelta(minutes=10), validation_alias="SCHEDULER_SPREAD_SECONDS"
    )

    encryption_key: Annotated[SecretStr, BeforeValidator(read.read_encryption_key)] | None = Field(
        default=None, validation_alias="ENCRYPTION_KEY"
    )
    database_url: Annotated[str, BeforeValidator(read.read_database_url)] = Field(
        default="sqlite:///var/gconnect.db", validation_alias="DATABASE_URL"
    )
    """With the driver: sqlite:///… or postgresql+psycopg://…; holds a password, do not show it."""
    rabbitmq_url: Annotated[str, BeforeValidator(read.read_rabbitmq_url)] = Field(
        default="amqp://guest:guest@127.0.0.1:5672/", validation_alias="RABBITMQ_URL"
    )
    """As it was given; connect with broker_url. Holds a password, do not show it."""
    queue: Literal["rabbitmq", "in-process"] = Field(default=_BY_DATABASE, validation_alias="GCONNECT_QUEUE")
    """Where nothing is said: in-process on SQLite, rabbitmq on PostgreSQL."""
    naver_api_url: Annotated[str, BeforeValidator(read.read_naver_url)] = Field(
        default="https://api.commerce.naver.com", validation_alias="NAVER_API_URL"
    )
    """Without a slash at the end; request paths begin with /external."""

    language: Annotated[Language, BeforeValidator(read.Choice(("ko", "en")))] = Field(
        default="ko", validation_alias="GCONNECT_LANG"
    )
    log_level: Annotated[
        str,
        BeforeValidator(read.Choice(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), (("WARN", "WARNING"),))),
    ] = Field(default="INFO", validation_alias="LOG_LEVEL")

    retry_max: Annotated[int, BeforeValidator(read.Whole(0, 10))] = Field(default=3, validation_alias="RETRY_MAX")
    retry_min_backoff: Annotated[timedelta, BeforeValidator(_BACKOFF)] = Field(
        default=timedelta(minutes=5), validation_alias="RETRY_MIN_BACKOFF_SECONDS"
    )
    retry_max_backoff: Annotated[timedelta, BeforeValidator(_BACKOFF)] = Field(
        default=timedelta(minutes=20), validation_alias="RETRY_MAX_BACKOFF_SECONDS"
    )

    lease: Annotated[timedelta, BeforeValidator(read.Seconds(1, 900))] = Field(
        default=timedelta(seconds=90), validation_alias="SYNC_LEASE_SECONDS"
    )
    """A worker that has not renewed for this long is taken for dead."""
    slice: Annotated[timedelta, BeforeValidator(read.Seconds(0.1, 600))] = Field(
        default=timedelta(minutes=5), validation_alias="SYNC_SLICE_SECONDS"
    )
    """After so much work a sync gives its thread back at the next page."""
    recovery_resend: Annotated[timedelta, BeforeValidator(read.Seconds(1, 3600))] = Field(
        default=timedelta(minutes=5), validation_alias="RECOVERY_RESEND_SECONDS"
    )
    """A message that nobody has acted upon for so long is taken for lost."""
    naver_connect_timeout: Annotated[timedelta, BeforeValidator(read.Seconds(0.1, 60))] = Field(
        default=timedelta(seconds=5), validation_alias="NAVER_CONNECT_TIMEOUT_SECONDS"
    )
    naver_read_timeout: Annotated[timedelta, BeforeValidator(read.Seconds(0.1, 120))] = Field(
        default=timedelta(seconds=20), validation_alias="NAVER_READ_TIMEOUT_SECONDS"
    )
    naver_page_timeout: Annotated[timedelta, BeforeValidator(read.Seconds(0.1, 600))] = Field(
        default=timedelta(seconds=60), validation_alias="NAVER_PAGE_TIMEOUT_SECONDS"
    )
    """One page in all, with the tries in place: shorter than the lease, which is renewed page by page."""

    metrics_host: Annotated[str, BeforeValidator(read.read_text)] = Field(
        default="127.0.0.1", validation_alias="METRICS_HOST"
    )
    metrics_port: Annotated[int, BeforeValidator(read.Whole(0, 65_535))] = Field(
        default=9191, validation_alias="METRICS_PORT"
    )
    """0 switches the exporter off."""
    metrics_dir: Annotated[Path, BeforeValidator(read.read_path)] = Field(
        default=Path("var/metrics"), validation_alias="METRICS_DIR"
    )
    history_days: Annotated[int, BeforeValidator(read.Whole(1, 3650))] = Field(
        default=90, validation_alias="HISTORY_DAYS"
    )
    worker_threads: Annotated[int, BeforeValidator(read.Whole(1, 64))] = Field(
        default=4, validation_alias="WORKER_THREADS"
    )
    """Of the all-in-one only; a fleet's are given to `dramatiq` itself."""

    warnings: tuple[Sentence, ...] = Field(default=(), exclude=True)
    """What is odd about the environment but stops nothing; str() of each is English. Not a setting."""

    @field_validator("queue", mode="before")
    @classmethod
    def _by_database(cls, value: object, info: ValidationInfo) -> str:
        if value is not None:
            return read.Choice(("rabbitmq", "in-process"))(value)
        return "rabbitmq" if info.data.get("database_url", "").startswith("postgresql") else "in-process"

    @field_validator("retry_max_backoff")
    @classmethod
    def _not_below_the_first(cls, longest: timedelta, info: ValidationInfo) -> timedelta:
        first = info.data.get("retry_min_backoff", longest)
        if first > longest:
            raise Refusal("settings.backoff_order", value=_seconds(longest), first=_seconds(first))
        return longest

    @field_validator("naver_page_timeout")
    @classmethod
    def _between_request_and_lease(cls, page: timedelta, info: ValidationInfo) -> timedelta:
        lease = info.data.get("lease", timedelta.max)
        if page >= lease:
            raise Refusal("settings.page_lease", value=_seconds(page), lease=_seconds(lease))
        longest = max(info.data.get(part, page) for part in ("naver_connect_timeout", "naver_read_timeout"))
        if longest > page:
            raise Refusal("settings.page_part", value=_seconds(page), part=_seconds(longest))
        return page

    @property
    def broker_url(self) -> str:
        """Return RABBITMQ_URL with the parameters that a worker needs, where the operator set no others."""
        return read.with_broker_parameters(self.rabbitmq_url)

    def secrets(self) -> list[str]:
        """Return all values that no log may show, for services.logs.redact_values."""
        keys = self.encryption_key.get_secret_value().split(",") if self.encryption_key else []
        passwords = set(_passwords(self.database_url, self.rabbitmq_url))
        # RabbitMQ's own default, which everybody knows and which is also the user's name.
        return sorted({key.strip() for key in keys} | passwords - {"guest"})

    def shown(self) -> dict[str, str]:
        """Return every setting as text by the name of its variable, fit for a screen: secrets are masked."""
        return {variable_of(name): self._shown(name) for name in SETTING_NAMES}

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        if name == "check_interval":
            return str(value // timedelta(milliseconds=1))
        if isinstance(value, timedelta):
            return _seconds(value)
        if name.endswith("_url"):
            return _without_password(value)
        if name == "encryption_key":
            return MASK if value else ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def __repr_args__(self) -> Iterator[tuple[str, str]]:
        yield from ((name, self._shown(name)) for name in SETTING_NAMES)


SETTING_NAMES = tuple(name for name in Settings.model_fields if name != "warnings")


def variable_of(name: str) -> str:
    """Return the name of the environment variable of a field."""
    return str(Settings.model_fields[name].validation_alias)


def load_settings(environ: Mapping[str, str] | None = None, directory: Path | None = None) -> Settings:
    """
    Read the settings of the environment and of `.env` and `.env.local` in *directory* (the current one).

    Raise SettingsError with everything that is wrong, in the files and in the values.
    """
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    said, problems = said_in_files(directory)
    said |= said_in(environ)
    variables = {variable_of(name) for name in SETTING_NAMES}
    values: dict[str, Any] = {name: value for name, value in said.items() if name in variables}
    values.setdefault("GCONNECT_LANG", language_of(said))
    try:
        settings = Settings(**values, warnings=tuple(_doubts(said, variables)))
    except ValidationError as error:
        problems += [sentence for mistake in error.errors() for sentence in _sentences(mistake)]
    if problems:
        # Not chained: pydantic's own text says the same in worse words.
        raise SettingsError(problems) from None
    return settings


def _doubts(said: Mapping[str, str], variables: set[str]) -> Iterator[Sentence]:
    """Yield what looks like a setting's name mistyped: nearly one of ours, or an unknown SCHEDULER_*."""
    for name in sorted(set(said) - variables):
        near = difflib.get_close_matches(name.upper(), sorted(variables), n=1, cutoff=0.88)
        if near:
            yield Sentence("settings.nearly", {"name": name, "near": near[0]})
        elif name.startswith("SCHEDULER_"):
            known = ", ".join(sorted(variable for variable in variables if variable.startswith("SCHEDULER_")))
            yield Sentence("settings.unknown", {"name": name, "known": known})


def _sentences(mistake: Mapping[str, Any]) -> list[Sentence]:
    """Return the sentences of one of pydantic's errors, each with the name of its variable."""
    # pydantic gives the alias of what was said, and the name of the field where it was the default.
    place = str(mistake["loc"][0])
    name = variable_of(place) if place in SETTING_NAMES else place
    # Every field has a reader, and every reader refuses in sentences.
    refusal: Refusal = mistake["ctx"]["error"]
    return [Sentence(sentence.key, {**sentence.params, "name": name}) for sentence in refusal.sentences]


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():g}"


def _without_password(url: str) -> str:
    if url.startswith(("sqlite:", "postgresql")):
        return redact(make_url(url).render_as_string(hide_password=True))
    return redact(url)


def _passwords(database_url: str, rabbitmq_url: str) -> Iterator[str]:
    """Yield the passwords of both, as they stand in the URL and as they are meant."""
    database = make_url(database_url)
    asked = database.query.get("password", ())
    for password in (database.password, *([asked] if isinstance(asked, str) else asked)):
        if password:
            yield from (str(password), quote(str(password), safe=""))
    broker = urlsplit(rabbitmq_url).password
    if broker:
        yield from (broker, unquote(broker))
