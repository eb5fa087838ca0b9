"""Messages that strangers might put on a queue: ours, spoilt in every way that comes to mind, by a seed."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pika

CANARY = "a-stranger-s-secret"
"""Stands in most messages, and nowhere that people look."""

LONG_AGO_MS = 1_700_000_000_000
QUEUES = tuple(f"{name}{delayed}" for name in ("sync", "sync_now", "scheduler") for delayed in ("", ".DQ"))
ACTORS = {
    "sync": ["sync_seller"],
    "sync_now": ["sync_seller_now"],
    "scheduler": ["find_due_schedules", "recover_stalled_syncs", "prune_history"],
}
OPTIONS = [
    *["eta"] * 4, *["scheduled_at"] * 3, "retries", "delay", "requeue_timestamp", "traceback", "pipe_target",
    "pipe_ignore", "group_callback", "group_info", "on_failure", "on_success", "on_retry_exhausted", "throws",
    "time_limit", "max_age", "max_retries", "min_backoff", "max_backoff", "retry_when", "priority", "broker_priority",
    "periodic", "results",
]  # fmt: skip


class OddProperties(pika.BasicProperties):  # type: ignore[misc]
    """Properties with a table of headers as bytes: what other clients send, and pika would refuse to."""

    def __init__(self, table: bytes) -> None:
        super().__init__(delivery_mode=2)
        self.table = table

    def encode(self) -> list[bytes]:
        flags = self.FLAG_HEADERS | self.FLAG_DELIVERY_MODE
        return [struct.pack(">HI", flags, len(self.table)), self.table, b"\x02"]


@dataclass(frozen=True)
class Stranger:
    """One message, and the queue that it is put on."""

    queue: str
    body: bytes
    properties: pika.BasicProperties = field(default_factory=pika.BasicProperties)


def header(kind: bytes, value: bytes, name: bytes = b"odd") -> bytes:
    """Return one header as AMQP writes it."""
    return bytes([len(name)]) + name + kind + value


def nested(depth: int) -> bytes:
    """Return a list in a list, and so on, as the value of a header."""
    value = b""
    for _ in range(depth):
        value = b"A" + struct.pack(">I", len(value)) + value
    return value[1:]


# A float that is no number is not among them: RabbitMQ hangs up on whoever sends it.
ODD_HEADERS = [
    header(b"d", struct.pack(">d", 1e308)),
    header(b"T", struct.pack(">Q", 2**64 - 1)),
    header(b"D", b"\xff" + struct.pack(">i", -1)),
    header(b"S", struct.pack(">I", 3) + b"\xff\xfe\x00"),
    header(b"V", b"", name=b"\xff\xfe"),
    header(b"A", nested(2000)),
    *(header(b"A", struct.pack(">I", 2) + b"b\x01", name=name) for name in (b"x-death", b"x-deaths")),
    header(b"S", struct.pack(">I", 4) + b"once", name=b"x-death"),
    header(b"V", b"", name=b"x-death"),
]


def valid_message(queue: str, sync_ids: list[int], chance: random.Random) -> dict[str, Any]:
    """Return a message as Dramatiq puts it on *queue*."""
    actor = chance.choice(ACTORS[queue.removesuffix(".DQ")])
    options: dict[str, Any] = {}
    if queue.endswith(".DQ"):
        options = {"eta": LONG_AGO_MS, "retries": 1, "traceback": CANARY, "requeue_timestamp": LONG_AGO_MS}
    elif chance.random() < 0.3:
        options = (
            {"scheduled_at": chance.choice(["2026-11-23 02:04:00+00:00", "9999-01-01 00:00:00+09:00"])}
            if queue == "scheduler"
            else {"retries": 2}
        )
    return {
        "queue_name": queue,
        "actor_name": actor,
        "args": [chance.choice([*sync_ids, 4711])] if actor.startswith("sync_seller") else [],
        "kwargs": {},
        "options": options,
        "message_id": "00000000-0000-0000-0000-000000000000",
        # A tick of long ago is dropped for its age, one of the future is worked on.
        "message_timestamp": chance.choice([LONG_AGO_MS, 4_000_000_000_000]),
    }


def odd_value(chance: random.Random) -> Any:
    values: list[Any] = [
        None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**70), 10**4000, 253402300799000, 1.5, 1e308,
        float("nan"), float("inf"), float("-inf"), "", "1", "soon", "\ud800", "\x00", CANARY, CANARY * 50, "sync",
        "sync_seller", "find_due_schedules", "elsewhere", "yesterday", "9999-12-31T23:59:59+00:00", "2026-11-23",
        "0001-01-01T00:00:00+23:59", "2026-W48-1T00+00:00", "2026-11-23T24:00:00+00:00", [], [1], [[1]], [None, CANARY],
        {}, {"eta": 1}, {"sync_id": 1}, {CANARY: {CANARY: [CANARY]}}, {"actor_name": "prune_history"},
    ]  # fmt: skip
    return chance.choice(values)


def spoil_field(message: dict[str, Any], chance: random.Random) -> None:
    message[chance.choice([*message])] = odd_value(chance)


def spoil_argument(message: dict[str, Any], chance: random.Random) -> None:
    message["args"] = [odd_value(chance) for _ in range(chance.choice([1, 1, 1, 2, 5]))]


def spoil_option(message: dict[str, Any], chance: random.Random) -> None:
    message["options"] = dict(message["options"]) if isinstance(message["options"], dict) else {}
    for _ in range(chance.choice([1, 1, 2])):
        message["options"][chance.choice(OPTIONS)] = odd_value(chance)


def drop_key(message: dict[str, Any], chance: random.Random) -> None:
    del message[chance.choice([*message])]


def add_key(message: dict[str, Any], chance: random.Random) -> None:
    message[chance.choice(["broker", "self", "", "retries", CANARY])] = odd_value(chance)


def as_it_is(message: dict[str, Any], chance: random.Random) -> None:
    """Leave the body: the properties may be odd."""


SPOILING_FIELDS: list[Callable[[dict[str, Any], random.Random], None]] = [
    spoil_field, spoil_field, spoil_argument, spoil_option, spoil_option, drop_key, add_key, as_it_is,
]  # fmt: skip


def spoil_bytes(body: bytes, chance: random.Random) -> bytes:
    at, end = sorted(chance.randrange(len(body) + 1) for _ in range(2))
    deep = chance.choice([10, 900, 100_000])
    return chance.choice(
        [
            body[:end],
            body[at:end],
            body[:at] + chance.randbytes(chance.randrange(1, 9)) + body[at:],
            body[:at] + chance.choice([b"\xff", b'"', b"9" * 5000, b"\x00", b"[", b"NaN"]) + body[at:],
            body.replace(b'"args": [', b'"args": [' + b"[" * deep + b"]" * deep + b","),
            body.replace(b'"options": {', b'"options": {"traceback": ' + b'{"a":' * deep + b"1" + b"}" * deep + b","),
            chance.randbytes(chance.randrange(60)),
            chance.choice([b"", b"{}", b"[]", b"null", b"1", b'"sync"', b"[[1, 2]]", b'{"args": []}']),
        ]
    )


def spoil_properties(chance: random.Random) -> pika.BasicProperties:
    if chance.random() < 0.5:
        return OddProperties(b"".join(chance.sample(ODD_HEADERS, chance.choice([1, 2]))))
    odd = ["", "application/x-python-serialize", "\x00", "x" * 255, CANARY]
    return pika.BasicProperties(
        content_type=chance.choice(odd),
        content_encoding=chance.choice(["gzip", *odd]),
        headers=chance.choice([None, {}, {"x-death": 5}, {"x-retry-count": CANARY, "x-delay": -1}]),
        delivery_mode=chance.choice([1, 2]),
        priority=chance.choice([None, 0, 9, 255]),
        expiration=chance.choice([None, "600000"]),
        message_id=chance.choice(odd),
        timestamp=chance.choice([None, 0, 2**64 - 1]),
        type=chance.choice(odd),
    )


def strangers(seed: int, count: int, sync_ids: list[int]) -> Iterator[Stranger]:
    """Yield *count* messages; some are good ones, about the syncs *sync_ids* or about none that exists."""
    chance = random.Random(seed)
    for number in range(count):
        queue = chance.choice(QUEUES)
        message = valid_message(queue, sync_ids, chance)
        chance.choice(SPOILING_FIELDS)(message, chance)
        if number % 500 == 0:
            message["args"] = [CANARY * 60_000]
        body = json.dumps(message).encode()
        if chance.random() < 0.3:
            body = spoil_bytes(body, chance)
        yield Stranger(queue, body, spoil_properties(chance) if chance.random() < 0.3 else pika.BasicProperties())
