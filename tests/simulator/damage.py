"""
What the faults that spoil an answer do to it: to the choice of products, to one record, to the bytes.

Spoiling happens on a copy; the catalogue, and what it says a correct sync must have seen, stay whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.simulator.answers import compact
from tests.simulator.catalogue import Entry
from tests.simulator.faults import Fault, Stage
from tests.simulator.products import Item

HUGE_NAME_LENGTH = 1_048_576

ODD_NAME = "이름\u0000\u0007\u001b[31m\u202e\u200b\ufffe 𠮷𝔘 👩‍👩‍👧"
"""NUL (which PostgreSQL refuses in text), a terminal's escape, a right-to-left override, no character, astral ones."""


@dataclass(frozen=True)
class Selection:
    """What a page is cut from: all entries in order, the page to show of them, and the total to state."""

    entries: Sequence[Entry]
    page: int
    total: int


def choose(selection: Selection, faults: Iterable[Fault]) -> Selection:
    """Return *selection* as the faults have it."""
    for fault in _of("selection", faults):
        selection = _chosen(selection, fault)
    return selection


def spoil(body: bytes, faults: Sequence[Fault]) -> bytes:
    """
    Return *body* with its records, envelope and bytes spoilt by those of *faults* that do so.

    Faults may be combined at random: one that finds nothing left to spoil leaves the body as it is.
    """
    for fault in _of("record", faults):
        body = _with_spoilt_records(body, fault)
    for fault in _of("body", faults):
        body = _spoilt_body(body, fault)
    return body


def _of(stage: Stage, faults: Iterable[Fault]) -> list[Fault]:
    return [fault for fault in faults if fault.stage == stage]


def _chosen(selection: Selection, fault: Fault) -> Selection:
    entries = selection.entries
    match fault.kind:
        case "duplicated_page":
            return replace(selection, page=max(1, selection.page - 1))
        case "moving_product":
            return replace(selection, entries=[*entries[-1:], *entries[:-1]])
        case "changing_total":
            return replace(selection, total=max(0, selection.total + fault.amount * fault.fired))
        case "empty_shop":
            return replace(selection, entries=(), total=0)
        case "half_shop":
            kept = entries[: len(entries) // 2]
            return replace(selection, entries=kept, total=len(kept))
    raise AssertionError(f"no choice is written for {fault.kind}")


def _with_spoilt_records(body: bytes, fault: Fault) -> bytes:
    document = json.loads(body)
    contents = document.get("contents", [])
    if fault.kind == "numbers_as_text":
        document["contents"] = _numbers_as_text(contents)
    elif -len(contents) <= fault.position < len(contents):
        contents[fault.position] = _spoilt_record(contents[fault.position], fault.kind)
    return compact(document)


def _numbers_as_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _numbers_as_text(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_numbers_as_text(inner) for inner in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


_CHANNEL_CHANGES: dict[str, dict[str, Any]] = {
    "huge_name": {"name": "가" * (HUGE_NAME_LENGTH // 3)},
    "unknown_enum": {"statusType": "MOONLIT", "channelServiceType": "TELEPATHY"},
    "odd_characters": {"name": ODD_NAME},
    "lone_surrogate": {"name": "반쪽 \ud83d"},
    "absurd_types": {"salePrice": {"won": [1]}, "name": 7, "stockQuantity": True},
}


def _spoilt_record(item: Item | int, kind: str) -> Any:
    if kind == "not_a_record" or isinstance(item, int):
        return 42
    if kind == "absurd_number":
        return {**item, "originProductNo": "열둘"}
    if kind == "no_channels":
        return {**item, "channelProducts": []}
    channels = []
    for channel in item["channelProducts"]:
        if kind == "missing_price":
            channels.append({name: value for name, value in channel.items() if name != "salePrice"})
        else:
            channels.append(channel | _CHANNEL_CHANGES[kind])
    return {**item, "channelProducts": channels}


def _spoilt_body(body: bytes, fault: Fault) -> bytes:
    match fault.kind:
        case "invalid_json":
            return body[: len(body) // 2]
        case "empty_body":
            return b""
        case "deep_nesting":
            return b"[" * 100_000
        case "not_an_object":
            return b"[" + body + b"]"
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        # A fault before this one left no JSON.
        return body
    if not isinstance(document, dict):
        return body
    match fault.kind:
        case "missing_key":
            document.pop(fault.field or "totalElements", None)
        case "token_without_value":
            document.pop("access_token", None)
        case "total_as_text":
            document["totalElements"] = str(document.get("totalElements"))
        case "null_contents":
            document["contents"] = None
        case _:
            raise AssertionError(f"no damage is written for {fault.kind}")
    return compact(document)
