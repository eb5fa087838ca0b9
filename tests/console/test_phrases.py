"""How values read: instants, spans, cadences, changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.change_words import field_lines
from console.output import clean, cut
from console.phrases import Phrases
from services.catalogue import FieldChange
from services.texts import LANGUAGES, Texts

NOW = datetime(2026, 11, 22, 5, 34, 10, tzinfo=UTC)
KOREAN, ENGLISH = Phrases(Texts("ko"), NOW), Phrases(Texts("en"), NOW)


@pytest.mark.parametrize(
    ("span", "korean", "english"),
    [
        (timedelta(0), "방금", "just now"),
        (timedelta(seconds=-59), "방금", "just now"),
        (timedelta(seconds=30), "1분 안에", "in less than a minute"),
        (timedelta(minutes=-3), "3분 전", "3 min ago"),
        (timedelta(minutes=3), "3분 뒤", "in 3 min"),
        (timedelta(hours=-47), "47시간 전", "47 h ago"),
        (timedelta(days=-9), "9일 전", "9 d ago"),
    ],
)
def test_instants_are_told_in_words(span: timedelta, korean: str, english: str) -> None:
    assert (KOREAN.ago(NOW + span), ENGLISH.ago(NOW + span)) == (korean, english)


def test_instants_are_told_exactly_in_the_zone() -> None:
    assert KOREAN.at(NOW) == "2026-11-22 14:34:10 KST"
    assert KOREAN.at(NOW, "Europe/Berlin") == "2026-11-22 06:34:10 CET"
    assert KOREAN.within(NOW) == "2026-11-22 14:34:10 KST (방금)"


def test_a_zone_that_is_none_is_shown_in_that_of_seoul() -> None:
    assert KOREAN.at(NOW, "Nowhere/At_all") == "2026-11-22 14:34:10 KST"


def test_nothing_is_a_dash() -> None:
    assert {KOREAN.at(None), KOREAN.ago(None), KOREAN.both(None), KOREAN.within(None), KOREAN.lasting(None)} == {"–"}


@pytest.mark.parametrize(
    ("seconds", "korean", "english"),
    [
        (-5, "0초", "0 s"),
        (12, "12초", "12 s"),
        (200, "3분 20초", "3 min 20 s"),
        (7500, "2시간 5분", "2 h 5 min"),
        (90_000, "1일 1시간", "1 d 1 h"),
        (3600, "1시간", "1 h"),
    ],
)
def test_spans_are_told_in_two_units(seconds: int, korean: str, english: str) -> None:
    span = timedelta(seconds=seconds)
    assert (KOREAN.lasting(span), ENGLISH.lasting(span)) == (korean, english)


@pytest.mark.parametrize(
    ("cron", "korean", "english"),
    [
        ("0 */4 * * *", "4시간마다", "every 4 h"),
        ("0 * * * *", "1시간마다", "every 1 h"),
        ("0 2 * * *", "매일 02:00", "daily at 02:00"),
        ("30 9,15 * * *", "매일 09:30, 15:30", "daily at 09:30, 15:30"),
        ("0 9 * * 1-5", "평일 09:00", "Monday to Friday at 09:00"),
        ("0 9 * * 2", "0 9 * * 2", "0 9 * * 2"),
        ("*/10 * * * *", "*/10 * * * *", "*/10 * * * *"),
        ("15 */4 * * *", "15 */4 * * *", "15 */4 * * *"),
        ("0 0 1 * *", "0 0 1 * *", "0 0 1 * *"),
        ("", "", ""),
    ],
)
def test_cadences_are_told_in_words_where_there_are_plain_ones(cron: str, korean: str, english: str) -> None:
    assert (KOREAN.cadence(cron), ENGLISH.cadence(cron)) == (korean, english)


@given(st.text(max_size=40))
def test_any_cadence_can_be_shown(cron: str) -> None:
    assert isinstance(KOREAN.cadence(cron), str)


@pytest.mark.parametrize(
    ("change", "korean"),
    [
        (FieldChange("salePrice", 12900, 9900), "판매가 12,900 → 9,900원"),
        (FieldChange("discountedPrice", None, 9900), "할인가: 9,900원 (새로 생김)"),
        (FieldChange("discountedPrice", 9900, None), "할인가: 9,900원 (없어짐)"),
        (FieldChange("stockQuantity", 1000, 0), "재고수량 1,000 → 0"),
        (FieldChange("statusType", "SALE", "OUTOFSTOCK"), "판매상태 판매중 → 품절"),
        (FieldChange("statusType", "SALE", "BRAND_NEW"), "판매상태 판매중 → BRAND_NEW"),
        (FieldChange("channelProductDisplayStatusType", "ON", "SUSPENSION"), "전시상태 전시중 → 전시중지"),
        (FieldChange("name", "선반", "선반 L"), '상품명 "선반" → "선반 L"'),
        (FieldChange("77.salePrice", 100, 200), "판매가 (채널상품 77) 100 → 200원"),
        (FieldChange("modifiedDate", "x", "2026-11-22T14:34:10.000+09:00"), '수정일 "x" → 2026-11-22 14:34:10 KST'),
        (FieldChange("unknownField", True, [1, {"a": "나"}]), 'unknownField true → [1, {"a": "나"}]'),
        (FieldChange("categoryId", 50000, 50001), "카테고리 50000 → 50001"),
    ],
)
def test_changes_are_told_in_the_words_of_smartstore_center(change: FieldChange, korean: str) -> None:
    assert field_lines([change], KOREAN) == [korean]


def test_the_date_of_the_edit_is_told_only_where_nothing_else_changed() -> None:
    edit = FieldChange("modifiedDate", "2026-11-22T14:34:10+09:00", "2026-11-22T14:35:10+09:00")
    assert len(field_lines([FieldChange("name", "a", "b"), edit], KOREAN)) == 1
    assert len(field_lines([edit], KOREAN)) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.text(max_size=40), JSON, JSON, st.sampled_from(LANGUAGES))
def test_any_change_can_be_told_in_one_short_printable_line(
    field: str, old: object, new: object, language: str
) -> None:
    [line] = field_lines([FieldChange(field, old, new)], Phrases(Texts(language), NOW))
    assert len(line) < 500
    assert line.isprintable()


@given(st.text())
def test_no_control_character_passes(text: str) -> None:
    assert all(each.isprintable() or each == "\n" for each in clean(text).plain)
    assert cut(text).isprintable()
    assert len(cut(text, 20)) <= 20
