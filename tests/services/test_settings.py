"""Settings are read from the environment and .env files, all mistakes are told at once, and no secret is shown."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.credentials import generate_key
from services.setting_values import CHECK_INTERVALS_MS
from services.settings import SETTING_NAMES, Settings, SettingsError, load_settings, variable_of
from services.texts import Texts

EXAMPLE = Path(__file__).parents[2] / "deploy" / "env.example"
NOWHERE = Path(__file__).parent / "no such folder"
PASSWORD = "hunter2-$ecret"


def load(**environ: str) -> Settings:
    return load_settings(environ, NOWHERE)


def problems(**environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(**environ)
    return caught.value.problems


def the_problem(**environ: str) -> str:
    (problem,) = problems(**environ)
    return problem


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load() == Settings()
    assert load().queue == "in-process"
    assert load().encryption_key is None
    assert load().warnings == ()


def test_the_process_environment_and_the_current_folder_are_read_where_nothing_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("HISTORY_DAYS=7\nRETRY_MAX=2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RETRY_MAX", "1")
    assert (load_settings().history_days, load_settings().retry_max) == (7, 1)


def test_every_value_comes_in_its_unit() -> None:
    found = load(
        SCHEDULER_CHECK_INTERVAL="300000",
        SCHEDULER_SPREAD_SECONDS="0",
        RETRY_MIN_BACKOFF_SECONDS="0.25",
        RETRY_MAX_BACKOFF_SECONDS="1",
        SYNC_LEASE_SECONDS=" 120 ",
        METRICS_PORT="0",
        METRICS_DIR="some/where",
    )
    assert found.check_interval == timedelta(minutes=5)
    assert found.spread == timedelta(0)
    assert (found.retry_min_backoff, found.retry_max_backoff) == (timedelta(milliseconds=250), timedelta(seconds=1))
    assert found.lease == timedelta(minutes=2)
    assert found.metrics_port == 0
    assert found.metrics_dir == Path("some/where")


def test_values_of_their_own_type_are_taken_too() -> None:
    made = Settings(
        check_interval=timedelta(minutes=2), lease=timedelta(seconds=70), scheduler_enabled=False, queue="rabbitmq"
    )
    assert (made.check_interval, made.lease) == (timedelta(minutes=2), timedelta(seconds=70))
    assert (made.scheduler_enabled, made.queue) == (False, "rabbitmq")
    keyed = Settings(encryption_key=load(ENCRYPTION_KEY=generate_key()).encryption_key)
    assert keyed.encryption_key is not None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        load().retry_max = 5


@pytest.mark.parametrize("text", ["true", "1", "YES", "On", " True "])
def test_a_switch_is_on(text: str) -> None:
    assert load(SCHEDULER_ENABLED=text).scheduler_enabled is True


@pytest.mark.parametrize("text", ["false", "0", "No", "OFF"])
def test_a_switch_is_off(text: str) -> None:
    assert load(SCHEDULER_ENABLED=text).scheduler_enabled is False


@given(st.integers(-10, 4_000_000))
def test_the_check_interval_is_whole_minutes_that_divide_an_hour(milliseconds: int) -> None:
    if milliseconds > 0 and milliseconds % 60_000 == 0 and 3_600_000 % milliseconds == 0:
        assert load(SCHEDULER_CHECK_INTERVAL=str(milliseconds)).check_interval == timedelta(milliseconds=milliseconds)
    else:
        assert f'SCHEDULER_CHECK_INTERVAL="{milliseconds}" is not allowed' in the_problem(
            SCHEDULER_CHECK_INTERVAL=str(milliseconds)
        )


def test_there_are_twelve_check_intervals() -> None:
    assert [milliseconds // 60_000 for milliseconds in CHECK_INTERVALS_MS] == [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60]
    for milliseconds in CHECK_INTERVALS_MS:
        assert load(SCHEDULER_CHECK_INTERVAL=str(milliseconds)).check_interval.total_seconds() * 1000 == milliseconds


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SCHEDULER_ENABLED", "maybe", '="maybe" is neither true nor false; write true or false'),
        ("SCHEDULER_CHECK_INTERVAL", "1m", '="1m" is not allowed'),
        ("SCHEDULER_MAX_CONCURRENT", "-1", '="-1" is not a whole number from 0 to 100000'),
        ("SCHEDULER_MAX_CONCURRENT", "2.5", "whole number"),
        ("SCHEDULER_MAX_CONCURRENT", "٣", "whole number"),
        ("SCHEDULER_SPREAD_SECONDS", "14401", "seconds from 0 to 14400"),
        ("SCHEDULER_SPREAD_SECONDS", "nan", "seconds from 0 to 14400"),
        ("SCHEDULER_SPREAD_SECONDS", "1e3", "seconds from 0 to 14400"),
        ("ENCRYPTION_KEY", "x", "gconnect keys generate"),
        ("DATABASE_URL", "mysql://u:p@h/d", "begins with mysql"),
        ("DATABASE_URL", "postgresql+asyncpg://h/d", "begins with postgresql+asyncpg"),
        ("DATABASE_URL", "var/gconnect.db", "begins with ?"),
        ("DATABASE_URL", "postgresql://u:p@h:port/d", "not a database address"),
        ("DATABASE_URL", "postgresql://u:p@h", "names no database"),
        ("DATABASE_URL", "sqlite://", "names no file"),
        ("DATABASE_URL", "sqlite:///:memory:", "names no file"),
        ("DATABASE_URL", "sqlite:///file:x?mode=memory&uri=true", "names no file"),
        ("DATABASE_URL", "sqlite://var/gconnect.db", "names no file"),
        ("RABBITMQ_URL", "http://h", "begins with http;"),
        ("RABBITMQ_URL", "localhost", "begins with ?"),
        ("RABBITMQ_URL", "amqp:h", "begins with ?"),
        ("RABBITMQ_URL", "amqp://", "not an address of the form"),
        ("RABBITMQ_URL", "amqp://h:99999", "not an address of the form"),
        ("RABBITMQ_URL", "amqp://h:0", "not an address of the form"),
        ("RABBITMQ_URL", "amqp://a b", "not an address of the form"),
        ("RABBITMQ_URL", "amqp://guest@h/", "user without a password"),
        ("RABBITMQ_URL", "amqp://h/?heart_beat=3", "(heart_beat)"),
        ("RABBITMQ_URL", "amqp://h/?heartbeat=3&heartbeat=4", "(heartbeat)"),
        ("RABBITMQ_URL", "amqp://h/#part", "not an address of the form"),
        ("GCONNECT_QUEUE", "redis", '="redis" is not known; write one of: rabbitmq, in-process'),
        ("NAVER_API_URL", "api.commerce.naver.com", "begins with ?"),
        ("NAVER_API_URL", "ftp://api.commerce.naver.com", "begins with ftp"),
        ("NAVER_API_URL", "http://api.commerce.naver.com", "http without encryption to api.commerce.naver.com"),
        ("NAVER_API_URL", "http://192.168.0.5:8080", "to 192.168.0.5"),
        ("NAVER_API_URL", "http://localhost.example.com", "to localhost.example.com"),
        ("NAVER_API_URL", "https://u:p@host", "plain address"),
        ("NAVER_API_URL", "https://host/?a=b", "plain address"),
        ("NAVER_API_URL", "https://host#a", "plain address"),
        ("NAVER_API_URL", "https://api.commerce.naver.com/external/", "ends with /external"),
        ("GCONNECT_LANG", "fr", "write one of: ko, en"),
        ("LOG_LEVEL", "loud", '="loud" is not known'),
        ("RETRY_MAX", "11", "from 0 to 10"),
        ("RETRY_MIN_BACKOFF_SECONDS", "0", "seconds from 0.1 to 1200"),
        ("RETRY_MAX_BACKOFF_SECONDS", "1201", "consumer_timeout"),
        ("RETRY_MAX_BACKOFF_SECONDS", "60", "=60 is less than RETRY_MIN_BACKOFF_SECONDS=300"),
        ("SYNC_LEASE_SECONDS", "0.5", "from 1 to 900"),
        ("SYNC_SLICE_SECONDS", "601", "from 0.1 to 600"),
        ("NAVER_CONNECT_TIMEOUT_SECONDS", "", None),
        ("NAVER_CONNECT_TIMEOUT_SECONDS", "0", "from 0.1 to 60"),
        ("NAVER_READ_TIMEOUT_SECONDS", "none", "from 0.1 to 120"),
        ("NAVER_READ_TIMEOUT_SECONDS", "61", None),
        ("NAVER_PAGE_TIMEOUT_SECONDS", "90", "=90 must be less than SYNC_LEASE_SECONDS=90"),
        ("NAVER_PAGE_TIMEOUT_SECONDS", "10", "=10 is less than a single request may take (20 seconds"),
        ("METRICS_HOST", "a b", "one word without blanks"),
        ("METRICS_PORT", "65536", "from 0 to 65535"),
        ("HISTORY_DAYS", "0", "from 1 to 3650"),
        ("WORKER_THREADS", "65", "from 1 to 64"),
        ("WORKER_THREADS", "9" * 5000, "whole number"),
    ],
)
def test_a_wrong_value_is_told_with_its_name_and_what_is_allowed(name: str, value: str, sentence: str | None) -> None:
    if not value:
        assert load(**{name: value}) == Settings()
        return
    problem = the_problem(**{name: value})
    assert (name if sentence else "NAVER_PAGE_TIMEOUT_SECONDS=60 is less than a single request") in problem
    assert (sentence or "61") in problem
    assert len(problem) < 500


def test_the_default_of_one_setting_is_checked_against_another() -> None:
    assert "NAVER_PAGE_TIMEOUT_SECONDS=60 must be less than SYNC_LEASE_SECONDS=30" in the_problem(
        SYNC_LEASE_SECONDS="30"
    )


def test_all_mistakes_are_told_at_once_in_either_language() -> None:
    with pytest.raises(SettingsError) as caught:
        load(
            SCHEDULER_ENABLED="maybe",
            LOG_LEVEL="loud",
            DATABASE_URL="mysql://x",
            SYNC_LEASE_SECONDS="30",
            RETRY_MAX_BACKOFF_SECONDS="7",
            ENCRYPTION_KEY="short",
        )
    assert len(caught.value.problems) == 6
    assert str(caught.value).splitlines() == caught.value.problems
    assert "DATABASE_URL 값이 mysql로 시작합니다" in caught.value.told(Texts("ko"))


def test_a_wrong_type_given_in_code_is_refused_in_words() -> None:
    with pytest.raises(ValidationError):
        Settings(worker_threads=[3])  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        Settings(no_such_setting=1)  # type: ignore[call-arg]


SECRET_PLACES = [
    ("ENCRYPTION_KEY", "{}"),
    # A fixed one: it becomes part of the test's name, which must be the same in every process.
    ("ENCRYPTION_KEY", "k2zscbBKXYUzkdSYv5cJpFelpmWECqi6t2W3d1OTAzs=,{}"),
    ("DATABASE_URL", "mysql://u:{}@h/d"),
    ("DATABASE_URL", "{}"),
    ("DATABASE_URL", "{}://h/d"),
    ("DATABASE_URL", "postgresql://u:{}@h:port/d"),
    ("DATABASE_URL", "postgresql://u:{}@h"),
    ("RABBITMQ_URL", "amqp://u:{}@h:port/"),
    ("RABBITMQ_URL", "amqp://u:x?{}@h/"),
    ("RABBITMQ_URL", "amqp://u:12#{}@h/"),
    ("RABBITMQ_URL", "amqp://u:x?{}"),
    ("RABBITMQ_URL", "{}"),
    ("NAVER_API_URL", "https://u:{}@h"),
    ("NAVER_API_URL", "https://u:{}@h:port"),
    ("METRICS_HOST", "amqp://u:{}@h and more"),
]


@pytest.mark.parametrize(("name", "template"), SECRET_PLACES)
@pytest.mark.parametrize("secret", [PASSWORD, "a/b-" + PASSWORD, "$2a$04$abcdefghijklmnopqrstuu", "p&q=" + PASSWORD])
def test_no_sentence_about_a_wrong_value_shows_a_secret(name: str, template: str, secret: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**{name: template.format(secret)})
    for said in (str(caught.value), repr(caught.value), caught.value.told(Texts("ko"))):
        assert secret not in said
        assert PASSWORD not in said
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("database", "password"),
    [
        (f"postgresql://u:{PASSWORD}@h/d", PASSWORD),
        ("postgresql://u:p%2Fw-hunter2@h/d", "p/w-hunter2"),
        (f"postgresql://h/d?user=u&password={PASSWORD}", PASSWORD),
    ],
)
def test_settings_show_and_list_their_secrets_only_where_asked(database: str, password: str) -> None:
    key = generate_key()
    found = load(DATABASE_URL=database, RABBITMQ_URL="amqps://u:p%40w-broker@h/v", ENCRYPTION_KEY=f"{key}, {key}")
    shown = f"{found!r} {found} {found.shown()}"
    assert {password, "p@w-broker", "p%40w-broker", key} <= set(found.secrets())
    for secret in found.secrets():
        assert secret not in shown
    assert "***" in found.shown()["ENCRYPTION_KEY"]
    assert found.shown()["RABBITMQ_URL"] == "amqps://u:***@h/v"


def test_settings_without_passwords_have_no_secrets() -> None:
    assert load(RABBITMQ_URL="amqp://h").secrets() == []


@pytest.mark.parametrize(
    "url", ["postgres://u@h/d", "postgresql://u@h/d", "postgresql+psycopg://u@h/d", "PostgreSQL://u@h/d"]
)
def test_postgresql_is_given_its_driver_and_the_real_queue(url: str) -> None:
    found = load(DATABASE_URL=url)
    assert found.database_url == "postgresql+psycopg://u@h/d"
    assert found.queue == "rabbitmq"


@pytest.mark.parametrize("url", ["sqlite:///x.db", "sqlite:////abs/x.db", "postgresql:///d?host=/run/postgresql"])
def test_other_databases_are_taken_as_they_are(url: str) -> None:
    assert load(DATABASE_URL=url).database_url == url.replace("postgresql:", "postgresql+psycopg:")


def test_the_queue_may_be_chosen_against_the_default() -> None:
    assert load(GCONNECT_QUEUE="RabbitMQ").queue == "rabbitmq"
    assert load(GCONNECT_QUEUE="in-process", DATABASE_URL="postgresql://h/d").queue == "in-process"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.commerce.naver.com/", "https://api.commerce.naver.com"),
        ("https://proxy.example.com:8443/naver/", "https://proxy.example.com:8443/naver"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.1.2.3", "http://127.1.2.3"),
        ("http://localhost:1/", "http://localhost:1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_api_is_reached_encrypted_or_on_this_machine(url: str, kept: str) -> None:
    assert load(NAVER_API_URL=url).naver_api_url == kept


def test_the_broker_url_has_the_parameters_that_a_worker_needs() -> None:
    defaults = "heartbeat=30&blocked_connection_timeout=10&connection_attempts=5&retry_delay=3&socket_timeout=5"
    assert load(RABBITMQ_URL="amqp://u:p@h:5672/v").broker_url == f"amqp://u:p@h:5672/v?{defaults}"
    assert load(RABBITMQ_URL="amqps://h").broker_url == f"amqps://h?{defaults}"


def test_the_operators_own_parameters_stay() -> None:
    url = load(RABBITMQ_URL="amqp://h/?retry_delay=1&heartbeat=60&frame_max=4096").broker_url
    assert url == (
        "amqp://h/?retry_delay=1&heartbeat=60&frame_max=4096"
        "&blocked_connection_timeout=10&connection_attempts=5&socket_timeout=5"
    )


def test_the_language_is_the_locales_unless_it_is_chosen() -> None:
    assert load(LANG="en_US.UTF-8").language == "en"
    assert load(LANG="en_US.UTF-8", GCONNECT_LANG="KO").language == "ko"
    assert load().language == "ko"


def test_a_level_has_two_spellings() -> None:
    assert (load(LOG_LEVEL="warn").log_level, load(LOG_LEVEL="debug").log_level) == ("WARNING", "DEBUG")


def test_the_local_file_counts_more_and_the_environment_most(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("RETRY_MAX=1\nHISTORY_DAYS=1\nWORKER_THREADS=1\n")
    (tmp_path / ".env.local").write_text("RETRY_MAX=2\nHISTORY_DAYS=2\n")
    found = load_settings(MappingProxyType({"RETRY_MAX": "3", "WORKER_THREADS": " "}), tmp_path)
    assert (found.retry_max, found.history_days, found.worker_threads) == (3, 2, 1)


@pytest.mark.parametrize(
    "line",
    [
        "DATABASE_URL=postgresql://u:a$HOME-${HOME}$$b@h/d",
        "export DATABASE_URL='postgresql://u:a$HOME-${HOME}$$b@h/d'",
        '  DATABASE_URL = "postgresql://u:a$HOME-${HOME}$$b@h/d"   # comment',
        "\ufeffDATABASE_URL=postgresql://u:a$HOME-${HOME}$$b@h/d # comment",
    ],
)
def test_dollars_in_a_file_are_taken_as_they_stand(line: str, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"# 한국어\n\n{line}\r\n" if line[0] != "\ufeff" else line, encoding="utf-8")
    found = load_settings({"HOME": "/home/someone"}, tmp_path)
    assert found.database_url == "postgresql+psycopg://u:a$HOME-${HOME}$$b@h/d"


def test_a_line_that_says_nothing_is_told_with_its_number_and_without_its_text(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"RETRY_MAX=1\n\n\n{PASSWORD}\nHISTORY_DAYS='{PASSWORD}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings({"LOG_LEVEL": "loud"}, tmp_path)
    assert [problem[:16] for problem in caught.value.problems] == [
        "Line 4 of .env i",
        "Line 5 of .env i",
        'LOG_LEVEL="loud"',
    ]
    assert PASSWORD not in str(caught.value)


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("# 설정\n".encode("cp949"))
    (tmp_path / ".env.local").mkdir()
    with pytest.raises(SettingsError) as caught:
        load_settings({}, tmp_path)
    assert caught.value.problems[0] == ".env is not UTF-8 text; save it as UTF-8."
    assert caught.value.problems[1].startswith(".env.local cannot be read (IsADirectoryError)")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary())
def test_any_file_gives_settings_or_sentences(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    try:
        load_settings({}, tmp_path)
    except SettingsError as error:
        assert all(len(problem) > 20 for problem in error.problems)  # noqa: PT017


@given(st.dictionaries(st.sampled_from([variable_of(name) for name in SETTING_NAMES]), st.text()))
def test_any_environment_gives_settings_or_sentences(environ: dict[str, str]) -> None:
    try:
        load_settings(environ, NOWHERE)
    except SettingsError as error:
        assert all(len(problem) > 20 for problem in error.problems)  # noqa: PT017


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("SCHEDULER_ENABLE", "did you mean SCHEDULER_ENABLED?"),
        ("SCHEDULER_CHECK_INTERVALL", "did you mean SCHEDULER_CHECK_INTERVAL?"),
        ("scheduler_enabled", "did you mean SCHEDULER_ENABLED?"),
        ("SCHEDULER_TICK", "known are SCHEDULER_CHECK_INTERVAL, SCHEDULER_ENABLED"),
        ("DATABASE_URI", "did you mean DATABASE_URL?"),
    ],
)
def test_a_name_that_looks_mistyped_is_a_warning_without_its_value(name: str, sentence: str) -> None:
    (warning,) = load(**{name: PASSWORD}).warnings
    assert f"{name} is not a setting and has no effect" in str(warning)
    assert sentence in str(warning)
    assert PASSWORD not in str(warning)


def test_names_of_others_are_no_warning() -> None:
    assert load(PATH="/bin", NAVER_CLIENT_ID="x", HOME="/", PYTHONPATH=".", LC_ALL="ko_KR.UTF-8").warnings == ()


def test_every_setting_stands_in_the_example_with_its_default() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    offered = dict(line[1:].split("=", 1) for line in lines if re.match(r"#[A-Z_]+=", line))
    assert list(offered) == sorted(offered, key=list(offered).index)
    assert set(offered) == {variable_of(name) for name in SETTING_NAMES}
    assert load(**offered) == Settings()
    assert {name: value for name, value in offered.items() if value} == {
        name: value.replace("***", "guest") for name, value in Settings().shown().items() if value
    }


def test_every_setting_in_the_example_is_explained_in_both_languages() -> None:
    paragraphs = EXAMPLE.read_text(encoding="utf-8").split("\n\n")
    for paragraph in paragraphs:
        if re.search(r"^#[A-Z_]+=", paragraph, re.MULTILINE):
            assert re.search(r"^# [A-Za-z]", paragraph, re.MULTILINE), paragraph
            assert re.search(r"[가-힣]", paragraph), paragraph


def test_the_example_can_be_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(EXAMPLE.read_bytes())
    assert load_settings({}, tmp_path) == Settings()
