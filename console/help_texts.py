"""Puts the help of all commands into the language of the person; the catalogues have it by the command's path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer import rich_utils
from typer.core import TyperCommand, TyperGroup

from services.texts import Texts

Command = TyperCommand | TyperGroup


def translate(command: Command, texts: Texts) -> Command:
    """Give every command and parameter its help from the tables [help] and [option]; return the command."""
    rich_utils.ARGUMENTS_PANEL_TITLE = texts.say("help_panel.arguments")
    rich_utils.OPTIONS_PANEL_TITLE = texts.say("help_panel.options")
    rich_utils.COMMANDS_PANEL_TITLE = texts.say("help_panel.commands")
    rich_utils.REQUIRED_LONG_STRING = texts.say("help_panel.required")
    rich_utils.DEFAULT_STRING = texts.say("help_panel.default_value") + " {}"
    for path, each in _all(command, ()):
        each.help = texts.say(f"help.{'_'.join(path) or 'gconnect'}")
        each.short_help = None
        help_option = each.get_help_option(typer.Context(each))
        for parameter in [*each.params, *([help_option] if help_option is not None else [])]:
            parameter.help = _of_parameter(texts, path, parameter)
    return command


def _all(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _all(each, (*path, name))


def _of_parameter(texts: Texts, path: tuple[str, ...], parameter: Any) -> str:
    """Return the help of the parameter of this very command, else that of all of this name."""
    own = f"option.{'_'.join((*path, parameter.name))}"
    found = texts.say(own)
    return texts.say(f"option.{parameter.name}") if found == own else found
