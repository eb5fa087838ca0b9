"""The history of a catalogue in the words of SmartStore Center: 판매가 12,900 → 9,900원."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from console.output import cut
from console.phrases import NOTHING, Phrases
from db.product_changes import ChangeKind, ProductChange
from services.catalogue import FieldChange
from services.naver.products import read_instant
from services.texts import Texts

PRICE = re.compile(r"price$", re.IGNORECASE)
WORDS = {"statusType": "product_status", "channelProductDisplayStatusType": "display_status"}
"""Fields whose values are Naver's words, and the table of the catalogue that has ours."""

NOISE = frozenset({"modifiedDate"})
"""Moves with every other change: told only where it is all that changed."""

LONGEST_VALUE = 60


def grouped(changes: Iterable[ProductChange]) -> Iterator[list[ProductChange]]:
    """Yield what one sync found of one product, together."""
    for _, group in groupby(changes, key=lambda each: (each.product_no, each.sync_id, each.changed_at)):
        yield list(group)


def sentences(changes: Iterable[ProductChange], phrases: Phrases) -> list[str]:
    """Return what happened to one product, a line each."""
    found = list(changes)
    lines = [phrases.texts.say(f"change.{each.kind.value}") for each in found if each.kind is not ChangeKind.CHANGED]
    fields = [
        FieldChange(each.field or NOTHING, each.old, each.new) for each in found if each.kind is ChangeKind.CHANGED
    ]
    return lines + field_lines(fields, phrases)


def field_lines(fields: Iterable[FieldChange], phrases: Phrases) -> list[str]:
    """Return the fields that changed, a line each."""
    found = list(fields)
    telling = [each for each in found if each.field.rpartition(".")[2] not in NOISE]
    return [_field_line(each, phrases) for each in telling or found]


def _field_line(change: FieldChange, phrases: Phrases) -> str:
    texts = phrases.texts
    channel, _, name = change.field.rpartition(".")
    word = texts.say(f"field.{name}")
    label = cut(name if word == f"field.{name}" else word, LONGEST_VALUE)
    if channel:
        label = texts.say("change.of_channel", field=label, channel=cut(channel, 20))
    if change.old is None:
        return texts.say("change.came", field=label, new=_with_unit(name, change.new, phrases))
    if change.new is None:
        return texts.say("change.went", field=label, old=_with_unit(name, change.old, phrases))
    old, new = _value(name, change.old, phrases), _with_unit(name, change.new, phrases)
    return texts.say("change.field", field=label, old=old, new=new)


def _with_unit(name: str, value: object, phrases: Phrases) -> str:
    text = _value(name, value, phrases)
    is_price = PRICE.search(name) is not None and isinstance(value, int) and not isinstance(value, bool)
    return phrases.texts.say("change.won", amount=text) if is_price else text


def _value(name: str, value: object, phrases: Phrases) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        is_count = PRICE.search(name) is not None or "quantity" in name.lower()
        return f"{value:,}" if is_count else str(value)
    if isinstance(value, str):
        if name in WORDS:
            return _naver_word(phrases.texts, WORDS[name], value)
        if name.endswith("Date"):
            return _date(value, phrases)
        return f'"{cut(value, LONGEST_VALUE)}"'
    return cut(json.dumps(value, ensure_ascii=False), LONGEST_VALUE)


def _naver_word(texts: Texts, table: str, value: str) -> str:
    word = texts.say(f"{table}.{value}")
    # One that Naver added since stays as it came.
    return cut(value, LONGEST_VALUE) if word == f"{table}.{value}" else word


def _date(value: str, phrases: Phrases) -> str:
    try:
        return phrases.at(read_instant(value))
    except ValueError:
        return f'"{cut(value, LONGEST_VALUE)}"'
