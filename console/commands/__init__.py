"""The commands of `gconnect`, one file a noun. Their help stands in the catalogues: tables [help] and [option]."""

from __future__ import annotations

from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
"""A seller, by the name that it was added with."""

AsJson = Annotated[bool, typer.Option("--json")]
"""One JSON document on standard output in place of a table."""

SecretFromStdin = Annotated[bool, typer.Option("--secret-stdin")]
"""The secret comes as the one line of standard input, from another program."""
