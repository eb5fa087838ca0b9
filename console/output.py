"""
Where the command line writes: answers to standard output, everything else to standard error.

Names come from sellers and from Naver, so nothing is read as markup and no control character reaches the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 100
"""Columns where the output is no terminal and says nothing of its width."""

LONGEST_CELL = 120
"""Characters of a cell; JSON has them all."""

ICONS = {
    "ok": ("✔", "green"),
    "warn": ("▲", "yellow"),
    "fail": ("✖", "red"),
    "skipped": ("–", "dim"),
    "queued": ("…", "dim"),
    "running": ("▶", "cyan"),
    "waiting": ("↻", "yellow"),
    "succeeded": ("✔", "green"),
    "partial": ("◐", "yellow"),
    "failed": ("✖", "red"),
    "cancelled": ("■", "dim"),
}
"""Of a level or a state: the icon, and the colour that says the same again."""

Cell = str | Text


class Output:
    """The two streams of one command; *as_json* keeps standard output free for the one document."""

    def __init__(self) -> None:
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    def say(self, text: Cell = "") -> None:
        """Write a paragraph of the answer."""
        self.out.print(clean(text), soft_wrap=not self.out.is_terminal)

    def note(self, text: Cell) -> None:
        """Write to standard error what is no part of the answer: a hint, or how it goes."""
        self.err.print(clean(text), style="dim", soft_wrap=not self.err.is_terminal)

    def warn(self, text: Cell) -> None:
        """Write a warning."""
        self._marked("warn", text)

    def fail(self, text: Cell) -> None:
        """Write why it did not work."""
        self._marked("fail", text)

    def act(self, text: Cell) -> None:
        """Write what to do about the failure or the warning before it."""
        self.err.print(Text.assemble("  → ", clean(text)), soft_wrap=not self.err.is_terminal)

    def json(self, document: object) -> None:
        """Write the one document of a command that was asked for JSON."""
        encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
        text = json.dumps(document, ensure_ascii=encoding != "utf8", indent=2, default=_as_json)
        # Half a surrogate pair has no UTF-8; as \udXXX it is still JSON.
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        sys.stdout.flush()

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, right: Sequence[int] = ()) -> None:
        """Write a table that folds at the terminal's width; *right* are the columns of figures."""
        table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
        for index, head in enumerate(heads):
            justify = "right" if index in right else "left"
            table.add_column(clean(head), justify=justify, overflow="fold")  # type: ignore[arg-type]
        for row in rows:
            table.add_row(*(clean(cell) for cell in row))
        self.out.print(table)

    def facts(self, rows: Iterable[tuple[str, Cell]]) -> None:
        """Write names and their values, a line each."""
        grid = Table.grid(padding=(0, 3))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(clean(name), clean(value))
        self.out.print(grid)

    def _marked(self, level: str, text: Cell) -> None:
        self.err.print(Text.assemble(icon(level), " ", clean(text)), soft_wrap=not self.err.is_terminal)


def icon(word: str) -> Text:
    """Return the icon of a level or a state in its colour."""
    sign, style = ICONS.get(word, ("?", ""))
    return Text(sign, style=style)


def marked(word: str, text: str) -> Text:
    """Return *text* behind the icon of a level or a state."""
    style = ICONS.get(word, ("?", ""))[1]
    return Text.assemble(icon(word), " ", (clean(text).plain, style))


def clean(text: Cell) -> Text:
    """Return the text without control characters; line breaks of ours stay."""
    if isinstance(text, Text):
        return text
    return Text("".join(each if each.isprintable() or each == "\n" else " " for each in text))


def cut(name: str | None, longest: int = LONGEST_CELL) -> str:
    """Return a name from outside in one line, fit for a cell."""
    line = "".join(each if each.isprintable() else " " for each in name or "–")
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=max(PIPE_WIDTH, console.width))
    return console


def _as_json(value: Any) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)
