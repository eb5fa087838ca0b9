"""gconnect up and gconnect demo: the whole service in one process. What they do stands in files of their own."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from console.invocation import invocation_of

# The service is imported where it is started: the actors need a queue from the moment they are imported.


def up(context: typer.Context) -> None:
    """Run the whole service in this process: ticks and workers."""
    call = invocation_of(context)
    from console.all_in_one import up as run

    run(call.settings.model_copy(update={"language": call.texts.language}))


def demo(context: typer.Context, once: Annotated[bool, typer.Option("--once")] = False) -> None:
    """Show the service at work against a simulated Naver, with a database of its own."""
    # The demo reads no settings, and takes its language from the environment.
    os.environ["GCONNECT_LANG"] = invocation_of(context).texts.language
    from console.demo import demo as run

    run(once)
