"""
Reading `.env` and `.env.local`: python-dotenv's grammar, without its interpolation.

Naver's secrets and many passwords contain a `$`, and it is taken as it stands.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from services.texts import Sentence

FILES = (".env", ".env.local")
"""Read in this order; what the later one says counts more."""


def said_in_files(directory: Path) -> tuple[dict[str, str], list[Sentence]]:
    """
    Return what both files of *directory* say together, and a sentence for each file or line that cannot be read.

    A file that is not there says nothing. A sentence names the line and never shows its text.
    """
    values: dict[str, str] = {}
    problems: list[Sentence] = []
    for name in FILES:
        values |= said_in(_read(directory / name, problems))
    return values, problems


def said_in(values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that say something: an empty one leaves the word to those that count less."""
    return {name: value for name, value in values.items() if value.strip()}


def _read(path: Path, problems: list[Sentence]) -> dict[str, str]:
    try:
        # Windows' editors put a byte order mark before UTF-8.
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (UnicodeDecodeError, OSError) as error:
        kind = "file_encoding" if isinstance(error, UnicodeDecodeError) else "file_unreadable"
        problems.append(Sentence(f"settings.{kind}", {"file": path.name, "error": type(error).__name__}))
        return {}
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
        elif binding.error or binding.key is not None:
            # The parser counts the blank lines before a statement as part of it.
            statement = binding.original.string
            blank = statement[: len(statement) - len(statement.lstrip())]
            line = binding.original.line + blank.count("\n")
            problems.append(Sentence("settings.file_line", {"file": path.name, "line": line}))
    return values
