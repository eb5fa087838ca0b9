from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, event, make_url, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from db.heartbeats import beat, heartbeats
from db.sync_logs import State
from db.sync_pages import SyncPage
from services import schedules
from services.persistence import persist
from tests.world import World


def test_a_step_is_run_again_while_the_database_is_away(world: World) -> None:
    away = [OperationalError("", {}, Exception("cut")) for _ in range(3)]

    def step(session: object) -> str:
        if away:
            raise away.pop()
        return "done"

    assert persist(world.rt, step) == "done"


def test_it_is_given_up_before_the_lease_is_over(world: World) -> None:
    begin = world.clock.monotonic()

    def step(session: object) -> None:
        raise OperationalError("", {}, Exception("cut"))

    with pytest.raises(OperationalError):
        persist(world.rt, step)
    assert world.clock.monotonic() - begin < world.rt.settings.lease.total_seconds()


def test_what_does_not_pass_is_not_tried_again(world: World) -> None:
    calls = []

    def step(session: object) -> None:
        calls.append(1)
        raise IntegrityError("", {}, Exception("twice"))

    with pytest.raises(IntegrityError):
        persist(world.rt, step)
    assert len(calls) == 1


def test_a_step_that_fails_half_way_is_undone(world: World) -> None:
    def step(session: Session) -> None:
        beat(session, "a", world.clock.now())
        if len(attempts) < 2:
            attempts.append(1)
            raise OperationalError("", {}, Exception("cut"))

    attempts: list[int] = []
    persist(world.rt, step)
    with world.rt.database.transaction() as session:
        assert [row.name for row in heartbeats(session)] == ["a"]


def cut_connections(world: World) -> None:
    """Do what a restart of the server does to those who are connected."""
    url = world.rt.database.engine.url
    admin = create_engine(make_url(url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"), {"name": url.database}
        )
    admin.dispose()


@pytest.mark.parametrize("database_backend", ["postgresql"])
def test_a_sync_goes_on_when_its_connections_were_cut(make_world: Callable[..., World]) -> None:
    world = make_world()
    shop = world.shop(products=1100)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    for number in (1, 2, 3):
        world.meter.on_request[("products_search", number)] = lambda: cut_connections(world)
    sync = world.run(call.sync_id)
    assert (sync.state, sync.tries, sync.failures) == (State.SUCCEEDED, 1, 0)
    assert world.documents() == shop.catalogue.expected()


def test_a_page_whose_commit_was_answered_by_nobody_is_not_written_twice(world: World) -> None:
    shop = world.shop(products=600)
    call, _ = schedules.request_sync(world.rt, world.id_of())
    pages_written: list[int] = []

    def note_page(session: Session, _context: object) -> None:
        pages_written.extend(row.number for row in session.new if isinstance(row, SyncPage))

    def lose_the_answer(_session: Session) -> None:
        if pages_written == [1]:
            pages_written.append(0)
            raise OperationalError("", {}, Exception("cut after the commit"))

    event.listen(Session, "after_flush", note_page)
    event.listen(Session, "after_commit", lose_the_answer)
    try:
        sync = world.run(call.sync_id)
    finally:
        event.remove(Session, "after_flush", note_page)
        event.remove(Session, "after_commit", lose_the_answer)
    assert pages_written == [1, 0, 2]
    assert (sync.state, sync.added, sync.failures) == (State.SUCCEEDED, 600, 0)
    assert world.documents() == shop.catalogue.expected()
