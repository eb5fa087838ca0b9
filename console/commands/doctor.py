"""gconnect doctor: the troubleshooting as checks. It looks and changes nothing."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import typer
from sqlalchemy.exc import SQLAlchemyError

from console import rabbitmq
from console.commands import AsJson
from console.invocation import Invocation, invocation_of
from console.output import marked
from console.phrases import Phrases
from services import auditing
from services.diagnosis import Finding, Level, examine
from services.invariants import LATE
from services.settings import Settings, SettingsError
from services.texts import Sentence

CONNECT_TIMEOUT_S = 5.0


def doctor(
    context: typer.Context,
    offline: Annotated[bool, typer.Option("--offline")] = False,
    audit: Annotated[bool, typer.Option("--audit")] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, database, keys, queue, workers, ticks, schedules, sellers and the way to Naver."""
    call = invocation_of(context)
    phrases = call.phrases()
    found = list(_findings(call, phrases, offline=offline))
    if audit:
        found += _audit(call, found)
    if as_json:
        call.output.json({"ok": not _is_sick(found), "findings": [_document(each) for each in found]})
    else:
        for finding in found:
            _tell(call, phrases, finding)
    if _is_sick(found):
        raise typer.Exit(1)


def _findings(call: Invocation, phrases: Phrases, *, offline: bool) -> Iterator[Finding]:
    try:
        settings = call.settings
    except SettingsError as error:
        for problem in error.sentences:
            yield Finding("settings", Level.FAIL, "settings_bad", {"problem": problem})
        return
    yield from examine(settings, phrases.now)
    yield from _queue(settings)
    if not offline:
        yield _naver(settings)


def _audit(call: Invocation, found: Iterable[Finding]) -> list[Finding]:
    """Look through every row for what must never be; left out where settings or database cannot be used."""
    if any(each.level is Level.FAIL and each.check in ("settings", "database") for each in found):
        return [Finding("audit", Level.SKIPPED, "audit_skipped")]
    try:
        with call.runtime() as rt:
            spoilt = auditing.audit(rt)
    except SQLAlchemyError as error:
        return [Finding("database", Level.FAIL, "database_trouble", {"kind": type(error).__name__})]
    if not spoilt:
        return [Finding("audit", Level.OK, "audit_ok")]
    return [Finding("audit", Level.FAIL, each.code, each.params) for each in spoilt]


def _queue(settings: Settings) -> Iterator[Finding]:
    if settings.queue != "rabbitmq":
        yield Finding("queue", Level.OK, "queue_in_process")
        return
    # Here and not above: the actors need a queue from the moment they are imported.
    from actors.broker import Queue

    url = settings.shown()["RABBITMQ_URL"]
    seen = rabbitmq.look(settings, [each.value for each in Queue])
    if seen.trouble is not None:
        yield Finding("queue", Level.FAIL, f"queue_{seen.trouble}", {"url": url})
        return
    yield Finding("queue", Level.OK, "queue_ok", {"url": url})
    for name, state in seen.queues.items():
        if state is None:
            yield Finding("workers", Level.FAIL, "queue_missing", {"queue": name})
            continue
        params = {"queue": name, "consumers": state.consumers, "messages": state.messages}
        level = Level.OK if state.consumers else Level.FAIL
        yield Finding("workers", level, "consumed" if state.consumers else "not_consumed", params)


def _naver(settings: Settings) -> Finding:
    """Connect to Naver's host as far as TLS goes; nothing is asked, so no key is needed and no limit is used."""
    parts = urlsplit(settings.naver_api_url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    params: dict[str, object] = {"host": host, "port": port}
    if parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(host):
        return Finding("naver", Level.SKIPPED, "naver_by_proxy", params)
    try:
        with socket.create_connection((host, port), CONNECT_TIMEOUT_S) as connection:
            if secure:
                with httpx.create_ssl_context().wrap_socket(connection, server_hostname=host):
                    pass
    except (OSError, ValueError) as error:
        return Finding("naver", Level.FAIL, "naver_unreachable", {**params, "kind": type(error).__name__})
    return Finding("naver", Level.OK, "naver_ok", params)


def _is_sick(findings: Iterable[Finding]) -> bool:
    return any(each.level is Level.FAIL for each in findings)


def _tell(call: Invocation, phrases: Phrases, finding: Finding) -> None:
    """Write a finding: icon, word and sentence; below it what to do, where there is something."""
    word = call.texts.say(f"doctor_level.{finding.level.value}")
    check = call.texts.say(f"doctor_check.{finding.check}")
    said, key = f"doctor.{finding.code}", f"doctor_act.{finding.code}"
    if finding.check == "audit" and finding.level is Level.FAIL:
        said, key = f"audit.{finding.code}", f"audit_act.{'late' if finding.code in LATE else 'spoilt'}"
    sentence = phrases.told(Sentence(said, finding.params))
    call.output.say(marked(finding.level.value, word) + f"  {check}: {sentence}")
    act = phrases.told(Sentence(key, finding.params))
    if act != key:
        call.output.say(f"    → {act}")


def _document(finding: Finding) -> dict[str, object]:
    params = {name: str(value) if isinstance(value, Sentence) else value for name, value in finding.params.items()}
    return {"check": finding.check, "level": finding.level.value, "code": finding.code, "params": params}
