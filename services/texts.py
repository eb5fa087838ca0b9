"""
The words that people read, from one catalogue in Korean and English: texts_ko.toml and texts_en.toml.

Rows, logs and errors keep a code and parameters; the sentence is made where it is shown, so that what
happened yesterday can be read in either language. Nothing here raises for want of a parameter.
"""

from __future__ import annotations

import os
import string
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

Language = Literal["ko", "en"]
LANGUAGES: tuple[Language, ...] = ("ko", "en")

VARIANTS = ("kind", "field", "cause")
"""Parameters that may choose a more exact sentence: `code.value` is taken before `code`, where it exists."""


def language_of(environ: Mapping[str, str] | None = None) -> Language:
    """
    Return the language of the person at this terminal: GCONNECT_LANG, else the locale's.

    A locale that starts with `ko` is Korean and any other English; where none is set, or only C or
    POSIX, it is Korean, the language of most of those who run this.
    """
    environ = os.environ if environ is None else environ
    chosen = environ.get("GCONNECT_LANG", "").strip().lower()
    for language in LANGUAGES:
        if chosen == language:
            return language
    # The first that says something decides, as in setlocale(3).
    locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := environ.get(name))), "")
    name = locale.partition(".")[0].lower()
    return "ko" if name.startswith("ko") or name in ("", "c", "posix") else "en"


class Texts:
    """The catalogue of one language."""

    def __init__(self, language: str = "ko") -> None:
        self.language: Language = "en" if language == "en" else "ko"
        self._tables = catalogue(self.language)

    def what(self, code: str, /, **params: object) -> str:
        """Return what happened, as a sentence; a code that is not known gives one that names the code."""
        return self._of_code("what", code, params)

    def act(self, code: str, /, **params: object) -> str:
        """Return what to do, or that nothing need be done."""
        return self._of_code("act", code, params)

    def say(self, key: str, /, **params: object) -> str:
        """Return the text at `table.name`, for instance `status.queued`; an unknown key is shown as it is."""
        table, _, name = key.partition(".")
        template = self._tables.get(table, {}).get(name)
        return key if template is None else _fill(template, params)

    def _of_code(self, table: str, code: str, params: Mapping[str, object]) -> str:
        sentences = self._tables[table]
        exact = (f"{code}.{params[name]}" for name in VARIANTS if name in params)
        template = next((sentences[key] for key in (*exact, code) if key in sentences), None)
        if template is None:
            return _fill(sentences["unknown"], {**params, "code": code})
        return _fill(template, params)


@dataclass(frozen=True)
class Sentence:
    """A sentence that is not yet in a language: a key of the catalogue and its parameters. str() is English."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)

    def told(self, texts: Texts) -> str:
        """Return the sentence in the language of *texts*."""
        return texts.say(self.key, **self.params)

    def __str__(self) -> str:
        return self.told(Texts("en"))


class Refusal(ValueError):
    """What a person gave us cannot be used; a sentence each for what is wrong. str() is English."""

    def __init__(self, key: str, /, **params: object) -> None:
        self.sentences: Sequence[Sentence] = (Sentence(key, params),)
        super().__init__(key)

    def told(self, texts: Texts) -> str:
        """Return all sentences in the language of *texts*, a line each."""
        return "\n".join(sentence.told(texts) for sentence in self.sentences)

    def __str__(self) -> str:
        return self.told(Texts("en"))


@cache
def catalogue(language: Language) -> Mapping[str, Mapping[str, str]]:
    """Return the tables of one language as they stand in its file."""
    text = Path(__file__).with_name(f"texts_{language}.toml").read_text(encoding="utf-8")
    return cast("Mapping[str, Mapping[str, str]]", tomllib.loads(text))


class _Filler(string.Formatter):
    """str.format that shows `?` for what it was not given, and a wrong type as it is."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        value = kwargs.get(str(key))
        return "?" if value is None else value

    def format_field(self, value: Any, format_spec: str) -> str:
        # Names come from sellers and from Naver: a line break or an escape sequence in one
        # must not reach a terminal or start a line of its own.
        try:
            text = format(value, format_spec)
        except (TypeError, ValueError):
            text = str(value)
        return "".join(character if character.isprintable() else " " for character in text)


_filler = _Filler()


def _fill(template: str, params: Mapping[str, object]) -> str:
    return _filler.vformat(template, (), params)
