"""The README speaks of commands, files and settings that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from console.cli import main
from services.settings import SETTING_NAMES, variable_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted({match.strip() for match in re.findall(r"gconnect((?: [a-z]+)+)", README)})


def words_of_a_command(text: str) -> list[str]:
    """Return the words that are commands: what follows them in a sentence or as an argument is not."""
    groups = {"db", "seller", "schedule", "keys"}
    words = text.split()
    return words[:2] if words[0] in groups else words[:1]


@pytest.mark.parametrize("command", sorted({" ".join(words_of_a_command(text)) for text in COMMANDS}))
def test_a_command_of_the_readme_exists(command: str) -> None:
    assert main([*command.split(), "--help"]) == 0


def test_the_options_that_the_readme_names_exist(capsys: pytest.CaptureFixture[str]) -> None:
    for command, option in (
        ("sync", "--dry-run"),
        ("sync", "--wait"),
        ("logs", "--sync"),
        ("removals", "--confirm"),
        ("removals", "--dismiss"),
        ("seller add", "--secret-stdin"),
        ("schedule set", "--cron"),
        ("schedule set", "--zone"),
    ):
        assert option in README
        assert main([*command.split(), "--help"]) == 0
        assert option in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:db|services|actors|deploy|tests)/[\w/]+\.\w+)", README))))
def test_a_file_of_the_readme_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_settings_that_the_readme_names_exist() -> None:
    named = set(re.findall(r"^\| `([A-Z_]+)` \|", README, flags=re.MULTILINE))
    assert named
    assert named <= {variable_of(name) for name in SETTING_NAMES}


def test_a_make_target_of_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)", README)) - {"it", "the"} <= targets
