from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from db.products import KnownProduct
from db.sync_logs import State
from services import catalogue
from services.catalogue import FieldChange
from services.naver.products import Item


def item(number: int, content: bytes = b"a") -> Item:
    return Item(number, {"originProductNo": number, "channelProducts": [{}]}, content)


def document(*channels: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**fields, "channelProducts": list(channels)}


def test_items_are_told_apart_by_what_is_known() -> None:
    known = {
        2: KnownProduct(b"a", is_removed=False),
        3: KnownProduct(b"b", is_removed=False),
        4: KnownProduct(b"a", is_removed=True),
    }
    news = catalogue.compare([item(1), item(2), item(3), item(4)], known)
    assert [each.product_no for each in news.added] == [1]
    assert [each.product_no for each in news.changed] == [3]
    assert [each.product_no for each in news.restored] == [4]
    assert news.unchanged == 1


@given(
    st.dictionaries(st.integers(1, 50), st.sampled_from([b"a", b"b"])),
    st.dictionaries(st.integers(1, 50), st.tuples(st.sampled_from([b"a", b"b"]), st.booleans())),
)
def test_every_item_is_exactly_one_of_added_changed_restored_and_unchanged(
    page: dict[int, bytes], rows: dict[int, tuple[bytes, bool]]
) -> None:
    news = catalogue.compare(
        [item(number, content) for number, content in page.items()],
        {number: KnownProduct(content, is_removed) for number, (content, is_removed) in rows.items()},
    )
    sorted_out = [each.product_no for group in (news.added, news.changed, news.restored) for each in group]
    assert len(sorted_out) == len(set(sorted_out))
    assert len(sorted_out) + news.unchanged == len(page)
    assert {each.product_no for each in news.added} == page.keys() - rows.keys()


def test_a_change_is_named_after_naver_s_field() -> None:
    old = document({"channelProductNo": 1, "salePrice": 100, "name": "a"}, originProductNo=9)
    new = document({"channelProductNo": 1, "salePrice": 90, "name": "a", "brandName": "x"}, originProductNo=9)
    assert catalogue.differences(old, new) == [FieldChange("brandName", None, "x"), FieldChange("salePrice", 100, 90)]


def test_a_change_in_another_channel_is_named_after_its_number() -> None:
    main = {"channelProductNo": 1, "channelServiceType": "STOREFARM"}
    old = document(main, {"channelProductNo": 2, "channelServiceType": "WINDOW", "salePrice": 5})
    new = document(main, {"channelProductNo": 2, "channelServiceType": "WINDOW", "salePrice": 6})
    assert catalogue.differences(old, new) == [FieldChange("2.salePrice", 5, 6)]


records = st.builds(
    lambda channels: document(*channels),
    st.lists(
        st.fixed_dictionaries(
            {"channelProductNo": st.integers(1, 3)},
            optional={"salePrice": st.integers(0, 3), "name": st.text(max_size=2)},
        ),
        min_size=1,
        max_size=1,
    ),
)


@given(records, records)
def test_a_record_differs_from_another_exactly_where_they_are_not_equal(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert (catalogue.differences(old, new) == []) == (old == new)
    assert catalogue.differences(old, old) == []


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.integers(0, 2))
def test_only_a_pass_that_adds_up_is_proven(start: int, end: int, seen: int, rejected: int) -> None:
    verdict = catalogue.judge(start, end, seen, rejected)
    assert (verdict.outcome == State.SUCCEEDED) == (start == end == seen and rejected == 0)
    assert (verdict.code is None) == (verdict.outcome == State.SUCCEEDED)


@given(st.dictionaries(st.integers(1, 200), st.booleans()), st.sets(st.integers(1, 200)), st.sets(st.integers(1, 200)))
def test_nothing_that_was_seen_is_removed_and_never_too_much_at_once(
    present: dict[int, bool], seen: set[int], gone: set[int]
) -> None:
    removals = catalogue.vanished(present, seen, gone)
    assert not removals.remove & seen
    assert not removals.hold & seen
    assert not removals.remove & removals.hold
    assert removals.remove | removals.hold == present.keys() - seen
    fresh = {number for number in removals.remove if not present[number]}
    assert len(fresh) <= max(20, 0.05 * len(present))
    assert fresh <= gone
    assert fresh <= catalogue.worth_asking(present, seen)
    assert removals.too_many == bool(removals.hold and not catalogue.worth_asking(present, seen))
    assert all(present[number] and number in seen for number in removals.release)
