"""What the demo shows: a bar a seller on a terminal, plain lines otherwise, and a table of what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from db.sync_logs import LIVE, State, SyncLog
from services.texts import Texts

PLAIN_WIDTH = 140
"""Columns of a table that goes into a file or a pipe."""

COLUMNS = ("seller", "outcome", "products", "changes", "attempts", "reason")

ROOM_FOR_REASONS = 110
"""Columns of the terminal from which on a reason reads well beside the figures."""

STYLES = {
    State.SUCCEEDED: "green",
    State.PARTIAL: "yellow",
    State.WAITING: "yellow",
    State.FAILED: "red",
    State.CANCELLED: "red",
}


@dataclass(frozen=True)
class Standing:
    """Where the newest sync of a seller stands; *sync* is None where there is none in this round."""

    name: str
    sync: SyncLog | None
    products: int
    """Stored and in the shop."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens by itself within minutes: at its outcome, or waiting for a retry."""
        return self.sync is not None and (self.sync.state not in LIVE or self.sync.state == State.WAITING)

    @property
    def done(self) -> int:
        """Records that the sync has read."""
        sync = self.sync
        return 0 if sync is None else sync.added + sync.changed + sync.unchanged + sync.restored + sync.rejected


class View(Protocol):
    """Shows how a round goes, while the block lasts."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, standings: Iterable[Standing]) -> None:
        """Bring what is shown up to this moment."""
        ...


def view_for(console: Console, texts: Texts) -> View:
    """Return bars where somebody watches a terminal, and lines for a file or a pipe."""
    return Bars(console, texts) if console.is_terminal else Lines(console, texts)


class Bars:
    """A progress bar a seller."""

    def __init__(self, console: Console, texts: Texts) -> None:
        self._texts = texts
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            # The default green of what has ended is grey on a terminal of few colours.
            BarColumn(bar_width=40, finished_style="green"),
            TextColumn("{task.fields[count]}", justify="right"),
            TextColumn("{task.fields[state]}"),
            console=console,
        )

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, standings: Iterable[Standing]) -> None:
        for each in standings:
            if each.name not in self._tasks:
                self._tasks[each.name] = self._progress.add_task(escape(each.name), total=None, count="", state="")
            sync = each.sync
            if sync is None:
                continue
            total = sync.total_at_start
            # Without a total the bar moves to and fro; one that has ended without any stands still.
            self._progress.update(
                self._tasks[each.name],
                total=1 if total is None and each.has_ended else total,
                completed=each.done,
                count="" if total is None else f"{each.done:,}/{total:,}",
                state=_coloured(sync.state, self._texts),
            )


class Lines:
    """A line for each page and each change of state."""

    def __init__(self, console: Console, texts: Texts) -> None:
        self._console, self._texts = console, texts
        self._shown: dict[str, tuple[State, int]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, standings: Iterable[Standing]) -> None:
        for each in standings:
            sync = each.sync
            if sync is None or self._shown.get(each.name) == (sync.state, each.done):
                continue
            self._shown[each.name] = (sync.state, each.done)
            count = "" if sync.total_at_start is None else f" {each.done:,}/{sync.total_at_start:,}"
            self._console.print(
                f"{datetime.now().astimezone():%H:%M:%S} {each.name}: {status(sync.state, self._texts)}{count}",
                markup=False,
                highlight=False,
            )


def status(state: State, texts: Texts) -> str:
    """Return the word for a state."""
    return texts.say(f"status.{state.value}")


def print_table(console: Console, standings: Iterable[Standing], texts: Texts, healed: dict[str, int]) -> None:
    """Print the outcomes as a table; *healed* counts by seller the faults that were tried again in place."""
    ended = [(each, each.sync) for each in standings if each.sync is not None]
    reasons = {each.name: _reason(sync, texts, healed.get(each.name, 0)) for each, sync in ended}
    # A column of a few characters could not be read: on a narrow terminal the reasons follow the table.
    has_room = console.width >= ROOM_FOR_REASONS
    table = Table(show_lines=has_room)
    for name in COLUMNS if has_room else COLUMNS[:-1]:
        table.add_column(
            texts.say(f"demo.column_{name}"),
            justify="right" if name in ("products", "attempts") else "left",
            no_wrap=name != "reason",
        )
    for each, sync in ended:
        cells: list[Text | str] = [
            Text(each.name),
            _coloured(sync.state, texts),
            f"{each.products:,}",
            changes(sync),
            str(sync.tries),
        ]
        table.add_row(*cells, *[Text(reasons[each.name])][:has_room])
    console.print(table)
    for name, reason in reasons.items():
        if reason and not has_room:
            console.print(f"- {name}: {reason}", markup=False, highlight=False)


def changes(sync: SyncLog) -> str:
    """Return what a sync changed, as +added ~changed -removed."""
    return f"+{sync.added + sync.restored:,} ~{sync.changed:,} -{sync.removed:,}"


def _coloured(state: State, texts: Texts) -> str:
    style = STYLES.get(state, "cyan")
    return f"[{style}]{escape(status(state, texts))}[/{style}]"


def _reason(sync: SyncLog, texts: Texts, healed: int) -> str:
    if sync.code is not None:
        params = sync.params or {}
        return f"{texts.what(sync.code, **params)} {texts.act(sync.code, **params)}"
    return texts.say("demo.healed_in_place", count=healed) if healed else ""
