"""One call of the command line: its language, its settings, and the parts that a command asks for."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property

import typer

from console.output import Output
from console.phrases import Phrases
from db import migration
from db.sellers import Seller
from db.session import Database
from services import runtime, sellers
from services.cadence import DEFAULT_ZONE
from services.logs import configure_logging, redact_values
from services.runtime import Runtime
from services.sellers import SellerUnknown
from services.settings import Settings, SettingsError, load_settings
from services.texts import LANGUAGES, Texts, language_of


class Invocation:
    """What commands are given; settings that cannot be used are an error for those only that ask for them."""

    def __init__(self, language: str | None = None) -> None:
        self._loaded: Settings | SettingsError
        try:
            self._loaded = load_settings()
        except SettingsError as error:
            self._loaded = error
        said = language_of(os.environ) if isinstance(self._loaded, SettingsError) else self._loaded.language
        self.texts = Texts(language if language in LANGUAGES else said)

    @cached_property
    def output(self) -> Output:
        """Standard output and standard error."""
        return Output()

    @property
    def settings(self) -> Settings:
        """The settings; raise SettingsError with all that is wrong with them."""
        if isinstance(self._loaded, SettingsError):
            raise self._loaded
        return self._loaded

    def set_up_logging(self) -> None:
        """Log to standard error, from warnings on unless LOG_LEVEL says otherwise: the answer is not a log."""
        if isinstance(self._loaded, SettingsError):
            configure_logging("WARNING")
            return
        redact_values(*self._loaded.secrets())
        configure_logging(self._loaded.log_level if "log_level" in self._loaded.model_fields_set else "WARNING")

    @contextmanager
    def runtime(self) -> Iterator[Runtime]:
        """Give the services' parts; raise SettingsError, SchemaMismatch or DatabaseUnreachable."""
        rt = runtime.build(self.settings, pool_size=2)
        try:
            yield rt
        finally:
            rt.close()

    def phrases(self, now: datetime | None = None, zone: str = DEFAULT_ZONE) -> Phrases:
        """Return the words for values, as seen from *now*."""
        return Phrases(self.texts, now or datetime.now(UTC), zone)

    def say(self, key: str, **params: object) -> str:
        """Return a text of the command line's own table."""
        return self.texts.say(f"cli.{key}", **params)

    def heads(self, *names: str) -> Sequence[str]:
        """Return the words at the heads of a table's columns."""
        return [self.texts.say(f"column.{name}") for name in names]


def invocation_of(context: typer.Context) -> Invocation:
    """Return this call; each command begins with it."""
    found = context.find_object(Invocation)
    if found is None:
        raise LookupError("a command was called without its invocation")
    return found


def check_database(url: str) -> None:
    """Raise SchemaMismatch or DatabaseUnreachable unless the database is as this program needs it."""
    database = Database.open(url, pool_size=1)
    try:
        migration.check(database)
    finally:
        database.close()


def find_seller(rt: Runtime, name: str) -> Seller:
    """
    Return the seller of that name, however its Korean letters are composed; raise SellerUnknown.

    Terminals on macOS send syllables as single letters (NFD), which look the same.
    """
    # No database would take these characters in a question, and no name has this one in their place.
    name = "".join(each if _can_be_stored(each) else "\N{REPLACEMENT CHARACTER}" for each in name)
    try:
        return sellers.find_seller(rt, name)
    except SellerUnknown:
        composed = unicodedata.normalize("NFC", name.strip())
        if composed == name:
            raise
        return sellers.find_seller(rt, composed)


def _can_be_stored(character: str) -> bool:
    return character != "\0" and not "\ud800" <= character <= "\udfff"
