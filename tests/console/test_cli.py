"""The command line as a whole: languages, help, wrong use, errors as sentences, exit codes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import pytest
import typer

import console
from console.cli import app
from console.help_texts import Command, translate
from services import diagnosis, explaining
from services.texts import LANGUAGES, Language, Texts, catalogue
from tests.console.conftest import Terminal

SOURCES = [
    *Path(console.__file__).parent.rglob("*.py"),
    Path(diagnosis.__file__),
    Path(explaining.__file__),
]


def commands_of(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands_of(each, (*path, name))


ALL = [path for path, _ in commands_of(typer.main.get_command(app))]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_and_option_has_its_help_in_the_catalogue(language: Language) -> None:
    root = translate(cast("Command", typer.main.get_command(app)), Texts(language))
    for path, command in commands_of(root):
        assert not str(command.help).startswith("help."), path
        for parameter in command.params:
            assert not parameter.help.startswith("option."), (path, parameter.name)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_shows_its_help_in_korean_and_english(terminal: Terminal, path: tuple[str, ...]) -> None:
    english, korean = terminal(*path, "--help"), terminal("--lang", "ko", *path, "--help")
    assert (english.code, korean.code) == (0, 0)
    assert "Show this help." in english.out
    assert "이 도움말을 봅니다." in korean.out


def test_every_text_that_the_command_line_asks_for_exists() -> None:
    patterns = [
        (r"\bcall\.say\(\s*[f]?\"([a-z_]+)\"", "cli.{}"),
        (r"(?:texts|phrases\.texts)\.say\(\s*\"([a-z_]+\.[a-z_]+)\"", "{}"),
        (r"Refusal\(\s*\"([a-z_]+\.[a-z_]+)\"", "{}"),
        (r"Finding\(\s*\"[a-z]+\",\s*(?:level|Level\.[A-Z]+),\s*\"([a-z_]+)\"", "doctor.{}"),
        (r"\b_say\(\s*\"([a-z_]+)\"", "explain.{}"),
    ]
    known = {f"{table}.{key}" for table, keys in catalogue("en").items() for key in keys}
    asked = {
        form.format(key)
        for source in SOURCES
        for pattern, form in patterns
        for key in re.findall(pattern, source.read_text(encoding="utf-8"))
    }
    assert len(asked) > 100
    assert asked - known == set()


def test_every_column_has_a_head_and_every_failing_finding_says_what_to_do() -> None:
    tables = catalogue("en")
    source = "\n".join(each.read_text(encoding="utf-8") for each in SOURCES)
    heads = {name for call in re.findall(r"heads\(([^)]*)\)", source) for name in re.findall(r"\"([a-z_]+)\"", call)}
    assert heads - tables["column"].keys() == set()
    failing = set(re.findall(r"Level\.(?:FAIL|WARN),\s*\"([a-z_]+)\"", source))
    assert len(failing) > 10
    assert failing - tables["doctor_act"].keys() == set()
    assert tables["doctor_act"].keys() - tables["doctor"].keys() == set()


def test_the_version_is_that_of_the_package(terminal: Terminal) -> None:
    said = terminal("--version")
    assert (said.code, said.out) == (0, f"gconnect {version('gconnect')}\n")


def test_the_language_is_that_of_the_locale_the_setting_or_the_option(terminal: Terminal) -> None:
    terminal.forget("GCONNECT_LANG")
    terminal.set(LANG="ko_KR.UTF-8")
    assert "값이 빠졌습니다" in terminal("sync").err
    terminal.set(LANG="de_DE.UTF-8")
    assert "is missing" in terminal("sync").err
    terminal.set(GCONNECT_LANG="ko")
    assert "값이 빠졌습니다" in terminal("sync").err
    assert "is missing" in terminal("--lang", "en", "sync").err
    assert "is missing" in terminal("sync", "--lang=en").err


def test_the_language_may_stand_in_the_env_file(terminal: Terminal) -> None:
    terminal.forget("GCONNECT_LANG")
    terminal.set(LANG="en_US.UTF-8")
    Path(".env").write_text("GCONNECT_LANG=ko\n", encoding="utf-8")
    assert "값이 빠졌습니다" in terminal("sync").err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--lang", "fr", "sync"], '--lang "fr" is not known; choose one of: ko, en.'),
        (["--lang"], "--lang is used wrongly"),
        (["selller"], "No such command 'selller'"),
        (["sync", "A", "--wiat"], "There is no option --wiat. Did you mean --wait?"),
        (["sync", "A", "B"], "unexpected extra argument"),
        (["changes"], "'NAME' is missing."),
        (["logs", "--limit", "ten"], "'--limit' cannot have this value"),
    ],
)
def test_a_wrong_use_is_answered_with_a_sentence_and_exit_code_2(
    terminal: Terminal, arguments: list[str], sentence: str
) -> None:
    said = terminal(*arguments)
    assert said.code == 2
    assert said.out == ""
    assert sentence in said.err


@pytest.mark.parametrize("arguments", [[], ["seller"], ["db"]])
def test_nothing_asked_for_shows_what_there_is(terminal: Terminal, arguments: list[str]) -> None:
    said = terminal(*arguments)
    assert said.code == 2
    assert "Usage: gconnect" in said.out


@pytest.mark.parametrize("command", [["seller", "list"], ["sync", "A"], ["logs"], ["explain", "A"], ["keys", "rotate"]])
def test_a_missing_encryption_key_is_answered_with_the_command_that_makes_one(
    terminal: Terminal, command: list[str]
) -> None:
    said = terminal(*command)
    assert said.code == 2
    assert "gconnect keys generate" in said.err
    assert said.out == ""


def test_all_that_is_wrong_with_the_settings_is_told_at_once_and_no_secret(terminal: Terminal) -> None:
    terminal.set(ENCRYPTION_KEY="geheim1234", RETRY_MAX="-1", HISTORY_DAYS="long")
    said = terminal("--lang", "ko", "logs")
    assert said.code == 2
    assert all(name in said.err for name in ("ENCRYPTION_KEY", "RETRY_MAX", "HISTORY_DAYS"))
    assert "geheim1234" not in said.all


def test_a_defect_of_ours_is_a_sentence_and_its_traceback_only_for_who_asks(terminal: Terminal, tmp_path: Path) -> None:
    # A folder in the place of a file is an error of the system that nobody foresaw at that place.
    (tmp_path / "gconnect.db").mkdir()
    terminal.set(DATABASE_URL="sqlite:///gconnect.db")
    said = terminal("db", "status")
    assert said.code == 1
    assert said.err.startswith("✖ ")
