"""What is taken for a message of ours, by thousands of messages that are none; without a server."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from typing import Any

import dramatiq
import pytest
from dramatiq.common import q_name
from dramatiq.middleware import SkipMessage

from actors.broker import InProcessBroker, Queue, make_broker
from actors.intake import MAX_BYTES, find_flaw
from actors.process import prepare
from actors.retries import RetryTimes
from tests.actors.strangers import LONG_AGO_MS, strangers

OURS: dict[str, Any] = {
    "queue_name": "sync",
    "actor_name": "sync_seller",
    "args": [1],
    "kwargs": {},
    "options": {},
    "message_id": "00000000-0000-0000-0000-000000000000",
    "message_timestamp": LONG_AGO_MS,
}


def flaw_of(queue: str = "sync", **fields: Any) -> str | None:
    return find_flaw(json.dumps(OURS | fields).encode(), queue, dramatiq.get_broker().actors)


def test_what_dramatiq_and_periodiq_send_has_no_flaw() -> None:
    retry = {"eta": LONG_AGO_MS, "retries": 1, "traceback": "Traceback", "requeue_timestamp": LONG_AGO_MS}
    tick = {"queue_name": "scheduler", "actor_name": "find_due_schedules", "args": []}
    assert flaw_of() is None
    assert flaw_of("sync.DQ", queue_name="sync.DQ", options=retry) is None
    assert flaw_of("scheduler", **tick, options={"scheduled_at": "2026-11-23 02:04:00+09:00"}) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"queue_name": "sync_now"},
        {"queue_name": "sync.DQ"},
        {"queue_name": None},
        {"actor_name": "no_such_actor"},
        {"actor_name": "sync_seller_now"},
        {"actor_name": ["sync_seller"]},
        {"args": ["1"]},
        {"args": [1, 2]},
        {"args": None},
        {"args": {"sync_id": 1}},
        {"kwargs": []},
        {"kwargs": {"sync_id": 1}},
        {"options": None},
        {"options": "eta"},
        {"options": {"retries": "many"}},
        {"options": {"retries": 10**4000}},
        {"options": {"throws": "Exception"}},
        {"options": {"time_limit": 1}},
        {"options": {"on_retry_exhausted": "prune_history"}},
        {"options": {"scheduled_at": "yesterday"}},
        {"options": {"traceback": [[]]}},
        {"message_id": 1},
        {"message_id": "a secret"},
        {"message_timestamp": None},
        {"message_timestamp": float("nan")},
        {"surplus": 1},
    ],
    ids=str,
)
def test_a_message_that_dramatiq_could_stumble_over_has_a_flaw(fields: dict[str, Any]) -> None:
    assert flaw_of(**fields) is not None


def test_only_a_delay_queue_holds_messages_back_and_none_of_them_for_long() -> None:
    assert flaw_of(options={"eta": LONG_AGO_MS}) is not None
    assert flaw_of("sync.DQ", queue_name="sync.DQ") is not None
    for eta in (253402300799000, 10**4000, float("inf"), float("nan"), "soon", None, True):
        assert flaw_of("sync.DQ", queue_name="sync.DQ", options={"eta": eta}) is not None


def test_a_body_beyond_all_measure_is_not_even_read() -> None:
    assert flaw_of(options={"traceback": "x" * (MAX_BYTES // 2)}) is None
    assert flaw_of(options={"traceback": "x" * MAX_BYTES}) is not None


def test_no_middleware_stumbles_over_a_message_that_was_let_in(quiet: None) -> None:
    """Middleware that raises is only logged, and what it was there for does not happen: the message is lost."""
    broker = make_broker(prepare())
    assert isinstance(broker, InProcessBroker)
    broker.hosted = True
    broker.actors = dramatiq.get_broker().actors
    for queue in Queue:
        broker.declare_queue(queue)
    # It would write to a row, and there is no database here.
    broker.middleware = [each for each in broker.middleware if not isinstance(each, RetryTimes)]
    tally: Counter[str | None] = Counter()
    for stranger in strangers(seed=1, count=15_000, sync_ids=[1, 2]):
        flaw = find_flaw(stranger.body, stranger.queue, broker.actors)
        tally[flaw] += 1
        if flaw is None:
            work_on(dramatiq.MessageProxy(dramatiq.Message.decode(stranger.body)), broker)
    # Each kind of flaw is met, and the messages that are let in are enough to say something.
    assert len(tally) == 10
    assert min(tally.values()) >= 20
    assert tally[None] >= 1500


def work_on(message: dramatiq.MessageProxy, broker: dramatiq.Broker) -> None:
    """Do to a message what a worker does, with middleware that may raise only what means "leave it"."""
    message.copy(queue_name=q_name(message.queue_name)).encode()
    str(message)
    for middleware in broker.middleware:
        with contextlib.suppress(SkipMessage):
            middleware.before_process_message(broker, message)
    for middleware in reversed(broker.middleware):
        middleware.after_process_message(broker, message, exception=RuntimeError())
