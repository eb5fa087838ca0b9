"""What the doctor finds in settings and rows, by a clock that is turned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import text

from services import diagnosis, recovery, retention, schedules, sellers
from services.credentials import generate_key
from services.diagnosis import Level
from services.schedules import change_schedule
from services.settings import Settings
from services.texts import Sentence
from tests.world import World


def found(world: World, **settings: object) -> dict[str, tuple[Level, dict[str, object]]]:
    chosen = world.rt.settings.model_copy(update=settings)
    return {each.code: (each.level, dict(each.params)) for each in diagnosis.examine(chosen, world.clock.now())}


def be_alive(world: World) -> None:
    schedules.open_due_syncs(world.rt)
    recovery.recover(world.rt)
    retention.prune(world.rt)


def test_a_well_kept_installation_is_ok_throughout(world: World) -> None:
    world.shop()
    world.sync()
    be_alive(world)
    assert {level for level, _ in found(world).values()} == {Level.OK}
    assert found(world)["sellers_ok"][1] == {"count": 1}


def test_ticks_are_late_after_two_of_them_and_a_minute(world: World) -> None:
    assert found(world)["ticks_never"][0] is Level.FAIL
    be_alive(world)
    world.clock.advance(timedelta(minutes=3))
    assert "ticks_late" not in found(world)
    world.clock.advance(timedelta(seconds=1))
    assert found(world)["ticks_late"][0] is Level.FAIL


def test_ticks_from_a_time_yet_to_come_tell_of_a_wrong_clock(world: World) -> None:
    be_alive(world)
    world.clock.set_wall(world.clock.now() - timedelta(seconds=59))
    assert "ticks_ahead" not in found(world)
    world.clock.set_wall(world.clock.now() - timedelta(seconds=2))
    assert found(world)["ticks_ahead"][0] is Level.WARN


def test_history_that_is_not_pruned_for_two_days_is_told(world: World) -> None:
    be_alive(world)
    world.clock.advance(timedelta(hours=49))
    assert found(world)["not_pruned"][0] is Level.WARN


def test_a_sign_of_life_of_either_periodic_actor_will_do(world: World) -> None:
    def arrive() -> bool:
        with world.rt.database.transaction() as session:
            return diagnosis.ticks_arrive(session, world.rt.settings, world.clock.now())

    assert not arrive()
    retention.prune(world.rt)
    assert not arrive()
    recovery.recover(world.rt)
    assert arrive()
    world.clock.advance(timedelta(minutes=4))
    assert not arrive()


def test_what_is_due_is_overdue_only_after_the_ticks_that_should_have_opened_it(world: World) -> None:
    world.shop()
    assert found(world)["nothing_overdue"][0] is Level.OK
    world.clock.set_wall(world.schedule().next_run + timedelta(seconds=10))
    assert found(world)["due_now"][0] is Level.OK
    world.clock.advance(timedelta(minutes=5))
    level, params = found(world)["overdue"]
    assert (level, params["count"], params["since"]) == (Level.FAIL, 1, world.schedule().next_run)
    assert found(world, max_concurrent=2)["overdue_capped"][1]["limit"] == 2
    assert found(world, scheduler_enabled=False)["overdue_disabled"][0] is Level.WARN
    assert found(world, scheduler_enabled=False)["scheduler_disabled"][0] is Level.WARN


def test_sellers_that_need_attention_are_named(world: World) -> None:
    world.shop("막힌집").change_secret()
    world.sync("막힌집")
    world.sync("막힌집")
    world.shop("꺼진집")
    change_schedule(world.rt, world.id_of("꺼진집"), enabled=False)
    sellers.add_seller(world.rt, "키없는집", client_id=None, secret=None)
    world.shop("키끈집")
    sellers.switch_key(world.rt, world.id_of("키끈집"), enabled=False)
    assert found(world)["sellers_blocked"][1] == {"count": 1, "names": "막힌집"}
    assert found(world)["sellers_keyless"][1] == {"count": 2, "names": "키끈집, 키없는집"}
    assert "sellers_stale" not in found(world)


def test_a_seller_is_stale_a_day_and_two_hours_after_its_last_proof(world: World) -> None:
    world.shop()
    world.clock.advance(timedelta(hours=25))
    assert "sellers_stale" not in found(world)
    world.clock.advance(timedelta(hours=2))
    assert found(world)["sellers_stale"] == (Level.WARN, {"count": 1, "names": "한빛상회", "hours": 26})
    world.sync()
    assert "sellers_stale" not in found(world)


def test_of_many_sellers_some_are_named(world: World) -> None:
    for number in range(7):
        sellers.add_seller(world.rt, f"상점{number}", client_id=None, secret=None)
    assert found(world)["sellers_keyless"][1] == {"count": 7, "names": "상점0, 상점1, 상점2, 상점3, 상점4, …"}


def test_no_sellers_at_all_is_worth_a_word(world: World) -> None:
    assert found(world)["no_sellers"][0] is Level.WARN


def test_keys_are_told_by_whether_they_can_be_read_and_are_current(world: World) -> None:
    world.shop()
    sellers.add_seller(world.rt, "키없는집", client_id=None, secret=None)
    assert found(world)["keys_ok"] == (Level.OK, {"count": 1})
    other, own = generate_key(), world.rt.settings.encryption_key
    assert own is not None
    both = SecretStr(f"{other},{own.get_secret_value()}")
    assert found(world, encryption_key=SecretStr(other))["keys_unreadable"][0] is Level.FAIL
    assert found(world, encryption_key=both)["keys_old"] == (Level.WARN, {"count": 1, "names": "한빛상회"})
    without = found(world, encryption_key=None)
    assert without["no_encryption_key"][0] is Level.FAIL
    assert "keys_ok" not in without


def test_doubts_about_the_environment_are_warnings(world: World) -> None:
    doubt = Sentence("settings.nearly", {"name": "RETRY_MAXX", "near": "RETRY_MAX"})
    assert found(world, warnings=(doubt,))["settings_doubt"] == (Level.WARN, {"doubt": doubt})
    assert "settings_ok" not in found(world, warnings=(doubt,))


def test_a_schema_that_is_elsewhere_ends_the_questions(world: World) -> None:
    with world.rt.database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    answers = found(world)
    assert answers["database_ahead"][0] is Level.FAIL
    assert answers["database_ahead"][1]["found"] == "9999"
    assert "no_sellers" not in answers


def test_a_question_that_fails_is_a_finding(world: World) -> None:
    with world.rt.database.transaction() as session:
        session.execute(text("DROP TABLE heartbeats"))
    assert found(world)["database_trouble"][0] is Level.FAIL


def test_a_server_that_does_not_answer_is_shown_without_its_password(make_world: Callable[..., World]) -> None:
    settings = Settings.model_validate(
        {"database_url": "postgresql://me:geheim1234@127.0.0.1:1/gc", "encryption_key": SecretStr(generate_key())}
    )
    answers = list(diagnosis.examine(settings, make_world().clock.now()))
    assert answers[-1].code == "database_unreachable"
    assert "geheim1234" not in str(answers)
