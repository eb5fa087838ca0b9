from __future__ import annotations

from pathlib import Path

import pytest

from db.migration import SchemaMismatch, upgrade
from services.runtime import build
from services.settings import SettingsError, load_settings
from tests.world import KEY


def test_a_missing_encryption_key_names_the_command_that_makes_one(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    with pytest.raises(SettingsError, match="gconnect keys generate"):
        build(settings)


def test_a_database_without_tables_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = load_settings({"ENCRYPTION_KEY": KEY, "DATABASE_URL": f"sqlite:///{tmp_path}/a.db"}, tmp_path)
    with pytest.raises(SchemaMismatch, match="gconnect db upgrade"):
        build(settings)


def test_the_parts_are_put_together_and_given_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    upgrade(url)
    rt = build(load_settings({"ENCRYPTION_KEY": KEY, "DATABASE_URL": url}, tmp_path))
    assert rt.database.dialect == "sqlite"
    rt.close()
