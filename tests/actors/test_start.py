"""What the commands do with settings that they cannot work with: they end, with a sentence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.actors.fleet import Fleet


@pytest.mark.parametrize("program", ["dramatiq", "periodiq"])
@pytest.mark.parametrize(
    ("settings", "culprit"),
    [
        ({"ENCRYPTION_KEY": "too-short"}, "gconnect keys generate"),
        ({"SCHEDULER_CHECK_INTERVAL": "90000"}, "SCHEDULER_CHECK_INTERVAL"),
        ({"DATABASE_URL": "sqlite:///nowhere.db"}, "gconnect up"),
    ],
)
def test_a_bad_setting_stops_the_start_with_a_sentence(
    make_fleet: Callable[..., Fleet], program: str, settings: dict[str, str], culprit: str
) -> None:
    fleet = make_fleet(**settings)
    process = fleet.start(program, "actors", *(["-p", "1", "-t", "1"] if program == "dramatiq" else []))
    assert process.wait(60) != 0
    log = fleet.log_text()
    assert culprit in log
    assert "too-short" not in log


def test_workers_refuse_a_database_without_tables(
    make_fleet: Callable[..., Fleet], fresh_postgresql_database: Callable[..., str]
) -> None:
    fleet = make_fleet(DATABASE_URL=fresh_postgresql_database())
    assert fleet.workers(processes=1, threads=1).wait(60) != 0
    assert "gconnect db upgrade" in fleet.log_text()
    assert "Traceback" not in fleet.log_text()
