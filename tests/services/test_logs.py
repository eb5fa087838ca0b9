"""Logs are JSON lines on standard error, from everywhere, and no secret leaves through them."""

from __future__ import annotations

import base64
import io
import json
import logging
import string
import sys
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services import logs
from services.logs import LEVELS, MASK, Redactor, configure_logging, redact, redact_values

SECRET = "$2a$04$abcdefghijklmnopqrstuu"
SIGNATURE = "JDJhJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dXV6NDlObEtMdDYyUWhPdnNjSTNNWnR4ZUlDQjNoYUpD"
CANARY = "canary-value-7f3a"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in LEVELS}
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Proud:
    def __repr__(self) -> str:
        return f"Proud(secret={SECRET})"


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no words")


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_time_level_and_logger() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    structlog.get_logger("services.syncing").info("sync_started", seller="달빛상점", attempt=1, pages=[1, 2])
    (event,) = events(stream)
    assert "달빛상점" in stream.getvalue()
    assert datetime.fromisoformat(event.pop("timestamp")).tzinfo == UTC
    assert event == {
        "event": "sync_started",
        "seller": "달빛상점",
        "attempt": 1,
        "pages": [1, 2],
        "level": "info",
        "logger": "services.syncing",
    }


def test_the_standard_librarys_logs_look_the_same() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    logging.getLogger("dramatiq.worker").warning("worker %d has %s", 3, "stopped")
    (event,) = events(stream)
    assert (event["event"], event["level"], event["logger"]) == ("worker 3 has stopped", "warning", "dramatiq.worker")
    assert event["timestamp"].endswith("Z")


def test_only_events_from_the_level_up_are_written() -> None:
    stream = io.StringIO()
    configure_logging("WARNING", stream)
    structlog.get_logger("a").info("too_quiet")
    logging.getLogger("b").info("too quiet")
    structlog.get_logger("a").error("loud_enough")
    assert [event["event"] for event in events(stream)] == ["loud_enough"]


def test_chatty_libraries_are_quieted() -> None:
    stream = io.StringIO()
    configure_logging("DEBUG", stream)
    logging.getLogger("pika.adapters").error("connection lost")
    logging.getLogger("httpx").info("HTTP Request: POST https://api.commerce.naver.com")
    assert stream.getvalue() == ""


def test_configuring_again_does_not_double_the_lines() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure_logging("INFO", first)
    configure_logging("INFO", second)
    structlog.get_logger("a").info("once")
    assert first.getvalue() == ""
    assert len(events(second)) == 1


def test_values_bound_to_the_context_stand_in_every_event() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    structlog.contextvars.bind_contextvars(sync_id=7)
    structlog.get_logger("a").info("one")
    logging.getLogger("b").info("two")
    assert [event["sync_id"] for event in events(stream)] == [7, 7]


def test_an_exception_has_its_traceback_and_not_its_secrets() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    try:
        try:
            int(f"cannot use {SECRET}")
        except ValueError as error:
            raise RuntimeError("Authorization: Bearer tok123") from error
    except RuntimeError:
        structlog.get_logger("a").exception("sync_crashed")
        logging.getLogger("b").exception("crashed")
    for event in events(stream):
        assert "Traceback" in event["exception"]
        assert "cannot use ***" in event["exception"]
        assert SECRET not in event["exception"]
        assert "tok123" not in event["exception"]


def test_a_stack_is_written_where_it_is_asked_for() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    structlog.get_logger("a").info("here", stack_info=True)
    assert "test_a_stack_is_written" in events(stream)[0]["stack"]


def test_warnings_of_python_become_log_lines() -> None:
    stream = io.StringIO()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("INFO", stream)
        warnings.warn("about to be gone", FutureWarning, stacklevel=1)
        logging.captureWarnings(False)
    (event,) = events(stream)
    assert (event["logger"], event["level"]) == ("py.warnings", "warning")
    assert "about to be gone" in event["event"]


def test_a_terminal_gets_plain_lines_redacted_as_well() -> None:
    stream = Terminal()
    configure_logging("INFO", stream)
    try:
        int(SECRET)
    except ValueError:
        structlog.get_logger("a").exception("sync_crashed", url="amqp://u:hunter2@h/")
    assert "sync_crashed" in stream.getvalue()
    assert "base 10: '***'" in stream.getvalue()
    assert SECRET not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_standard_error_is_the_processs_own_and_standard_output_stays_empty(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = io.StringIO()
    # As Dramatiq does in its workers.
    monkeypatch.setattr(sys, "stderr", pipe)
    configure_logging("INFO")
    structlog.get_logger("a").info("to_the_real_one")
    written = capfd.readouterr()
    assert json.loads(written.err)["event"] == "to_the_real_one"
    assert written.out == pipe.getvalue() == ""


def test_a_service_without_any_output_logs_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stderr__", None)
    monkeypatch.setattr(sys, "stderr", None)
    configure_logging("INFO")
    structlog.get_logger("a").info("unheard")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"secret {SECRET} here", "secret *** here"),
        ("hash $2b$10$" + "a" * 53 + ",", "hash ***,"),
        (quote(f"client_secret={SECRET}", safe="="), "client_secret=***"),
        ("salt " + quote(SECRET, safe=""), "salt ***"),
        (f"grant_type=client_credentials&client_secret_sign={SIGNATURE}&type=SELF", None),
        (f"sign {SIGNATURE}", "sign ***"),
        (base64.b64encode(SECRET.encode()).decode(), MASK),
        ("authorization: bearer abc.def-1", "authorization: bearer ***"),
        ("Authorization: Bearer%20abc", "Authorization: Bearer%20***"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ('{"access_token":"abcdef","expires_in":10799}', '{"access_token":"***","expires_in":10799}'),
        ("{'access_token': 'abcdef'}", "{'access_token': '***'}"),
        ('"{\\"access_token\\":\\"abcdef\\"}"', '"{\\"access_token\\":\\"***\\"}"'),
        ("amqp://guest:guest@127.0.0.1:5672/", "amqp://guest:***@127.0.0.1:5672/"),
        ("postgresql://u:p@ss@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p/w@h/d", "postgresql://u:***@h/d"),
        ("redis://:pw@h", "redis://:***@h"),
        ("host=h password=hunter2 dbname=d", "host=h password=*** dbname=d"),
        ("ENCRYPTION_KEY=abc123", "ENCRYPTION_KEY=***"),
    ],
)
def test_secrets_are_recognised(text: str, shown: str | None) -> None:
    redacted = redact(text)
    assert shown is None or redacted == shown
    assert SIGNATURE not in redacted
    assert redact(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "GET https://api.commerce.naver.com/external/v1/products/search 200",
        "http://127.0.0.1:8080/external?page=1",
        "password authentication failed for user gconnect",
        "seller 3 has 1284 products; trace cr3-000000-aaaaaa^1730711073284^6745261",
        "price $2 to $10",
        "",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_values_under_telling_names_are_masked_whatever_they_are() -> None:
    shown = Redactor()(None, "info", {"event": "x", "Token": "abc", "nested": {"client_secret": 5}, "secret": None})
    assert shown == {"event": "x", "Token": MASK, "nested": {"client_secret": MASK}, "secret": None}


@given(
    st.text(string.ascii_letters + string.digits + "!@$%/+ 가", min_size=4, max_size=40).filter(
        lambda each: not set(each) <= set("*eventlistkypaugrb ")
    ),
    st.recursive(
        st.sampled_from(["{}", "a {} b", "{}{}"]) | st.none() | st.booleans() | st.integers(0, 9) | st.floats(0, 1),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["key", "a {} b"]), inner, max_size=2)
            | st.tuples(inner, inner)
        ),
        max_leaves=8,
    ),
    st.sampled_from(["plain", "quoted", "base64", "bytes"]),
)
def test_a_known_secret_is_found_wherever_it_hides(secret: str, shape: object, spelling: str) -> None:
    redactor = Redactor()
    redactor.learn(secret)
    spelt: object = {
        "plain": secret,
        "quoted": quote(secret, safe=""),
        "base64": base64.b64encode(secret.encode()).decode(),
        "bytes": secret.encode(),
    }[spelling]

    def planted(value: object) -> object:
        if isinstance(value, str):
            return value.replace("{}", spelt) if isinstance(spelt, str) else spelt
        if isinstance(value, dict):
            return {planted(key): planted(item) for key, item in value.items()}
        return [planted(item) for item in value] if isinstance(value, list | tuple) else value

    shown = redactor(None, "info", {"event": "x", "value": planted(shape)})
    assert secret not in json.dumps(shown["value"], ensure_ascii=False)


@given(
    st.text("./" + string.ascii_letters + string.digits, min_size=22, max_size=22),
    st.sampled_from("aby"),
    st.integers(0, 99),
    st.text(),
    st.text(),
)
def test_an_application_secret_is_found_in_any_text(salt: str, kind: str, cost: int, before: str, after: str) -> None:
    secret = f"$2{kind}${cost:02}${salt}"
    for spelling in (secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe="")):
        assert spelling not in redact(f"{before}{spelling}{after}")


@given(
    st.recursive(
        st.none() | st.text() | st.binary() | st.dates() | st.floats(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_can_be_logged_as_json(value: object) -> None:
    json.dumps(Redactor().value(value))


def test_objects_are_logged_as_text_without_their_secrets() -> None:
    stream = io.StringIO()
    configure_logging("INFO", stream)
    nested: list[object] = []
    nested.append(nested)
    structlog.get_logger("a").info(
        "objects",
        proud=Proud(),
        mute=Mute(),
        hidden=SecretStr(CANARY),
        raw=b"\xff" + SECRET.encode(),
        at=datetime(2026, 11, 22, tzinfo=UTC),
        among={SECRET, "plain"},
        nested=nested,
    )
    (event,) = events(stream)
    assert event["proud"] == "Proud(secret=***)"
    assert event["mute"] == "<Mute>"
    assert event["raw"] == "\\xff***"
    assert event["at"] == "2026-11-22T00:00:00+00:00"
    assert sorted(event["among"]) == [MASK, "plain"]
    assert SECRET not in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_values_of_this_process_are_taken_out_of_every_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_redactor", Redactor())
    redact_values(CANARY, CANARY + "-longer", "abc")
    stream = io.StringIO()
    configure_logging("INFO", stream)
    logging.getLogger("b").warning("connecting with %s", CANARY + "-longer")
    structlog.get_logger("a").info("abc", detail=f"{CANARY}!", **{CANARY: 1})
    assert CANARY not in stream.getvalue()
    assert "longer" not in stream.getvalue()
    # Too short to be looked for.
    assert events(stream)[1]["event"] == "abc"
