"""
One seller's shop: generated products, changed live by tests and by other processes while somebody reads.

Each item is kept as the bytes in which it is sent, so that a page is a join and thirty shops fit in memory.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from threading import RLock
from typing import Any

from tests.simulator.answers import compact
from tests.simulator.clock import SimulatorClock, written
from tests.simulator.products import FIRST_DAY, Item, in_order, make_item

NUMBER_STEP = 37
"""Product numbers of a shop have gaps, as real ones have."""

REGISTRATION_STEP_SECONDS = 977.064


@dataclass(frozen=True, slots=True)
class Entry:
    """An item as it stands on a page; the two instants are Naver's text, which sorts like the time."""

    product_no: int
    registered: str
    modified: str
    status: str
    rendered: bytes

    @classmethod
    def of(cls, item: Item) -> Entry:
        main = item["channelProducts"][0]
        return cls(
            item["originProductNo"],
            main.get("regDate", ""),
            main.get("modifiedDate", ""),
            main.get("statusType", ""),
            compact(item),
        )

    def item(self) -> Item:
        item: Item = json.loads(self.rendered)
        return item


class Catalogue:
    """The products of one seller by number. Every method may be called from any thread."""

    def __init__(self, products: int, first_number: int, seed: int, clock: SimulatorClock) -> None:
        self._deleted_are_listed = False
        self._clock = clock
        self._rng = Random(seed)
        self._lock = RLock()
        self._entries: dict[int, Entry] = {}
        self._orders: dict[str, Sequence[Entry]] = {}
        self._made = 0
        self._first_number = first_number
        self._generate(products, self._instants_of_old)

    def numbers(self) -> list[int]:
        """Return the numbers of all products, in ascending order."""
        with self._lock:
            return sorted(self._entries)

    def item(self, product_no: int) -> Item:
        with self._lock:
            return self._entry(product_no).item()

    def expected(self) -> dict[int, Item]:
        """Return what a correct and complete sync has seen: each listed item by its origin product number."""
        return {entry.product_no: entry.item() for entry in self.listed("NO")}

    def listed(self, order: str) -> Sequence[Entry]:
        """Return what a search without conditions lists, in *order*: NO, REG_DATE or MOD_DATE, all descending."""
        with self._lock:
            if order not in self._orders:
                entries = [e for e in self._entries.values() if self._deleted_are_listed or e.status != "DELETE"]
                self._orders[order] = self._sorted(entries, order)
            return self._orders[order]

    def everything(self, order: str) -> Sequence[Entry]:
        """Return the DELETE ones too."""
        with self._lock:
            return self._sorted(self._entries.values(), order)

    def list_deleted(self, listed: bool) -> None:
        """
        Choose whether a search that asks for no status lists DELETE products; at first it does not.

        How Naver does it is not established.
        """
        with self._lock:
            self._deleted_are_listed = listed
            self._orders.clear()

    def change_price(self, product_no: int, price: int) -> None:
        self.update(product_no, salePrice=price, discountedPrice=price, mobileDiscountedPrice=price)

    def rename(self, product_no: int, name: str) -> None:
        self.update(product_no, name=name)

    def set_stock(self, product_no: int, quantity: int) -> None:
        self.update(product_no, stockQuantity=quantity)

    def set_status(self, product_no: int, status: str) -> None:
        """Give the product another statusType; what the status implies elsewhere is left alone."""
        self.update(product_no, statusType=status)

    def update(self, product_no: int, **fields: Any) -> None:
        """Set *fields* of all channel products of the item, None takes a field away; modifiedDate becomes now."""
        with self._lock:
            item = self._entry(product_no).item()
            changes = {"modifiedDate": written(self._clock.now())} | fields
            item["channelProducts"] = [in_order(channel | changes) for channel in item["channelProducts"]]
            self._store(item)

    def add(self, count: int = 1) -> list[int]:
        """Register *count* new products now and return their numbers, which are higher than all before."""
        now = self._clock.now()
        return self._generate(count, lambda _: (now, now))

    def put(self, item: Item) -> None:
        """Store *item* exactly as it is, replacing what had its number."""
        if "originProductNo" not in item or not item.get("channelProducts"):
            raise ValueError("an item needs originProductNo and at least one of channelProducts")
        with self._lock:
            self._store(item)

    def remove(self, *product_nos: int) -> None:
        with self._lock:
            for product_no in product_nos:
                del self._entries[self._entry(product_no).product_no]
            self._orders.clear()

    def shrink(self, keep: float) -> list[int]:
        """Remove all but the share *keep* of the products, the highest numbers first; return those removed."""
        with self._lock:
            numbers = self.numbers()
            gone = numbers[round(len(numbers) * keep) :]
            self.remove(*gone)
            return gone

    def clear(self) -> None:
        with self._lock:
            self.remove(*self._entries)

    def shuffle(self) -> None:
        """Deal the registration instants anew: the default order changes, the order NO does not."""
        with self._lock:
            items = [entry.item() for entry in self._entries.values()]
            instants = [item["channelProducts"][0]["regDate"] for item in items]
            self._rng.shuffle(instants)
            for item, instant in zip(items, instants, strict=True):
                self.update(item["originProductNo"], regDate=instant)

    def churn(self, changes: int) -> None:
        """Make *changes* random edits as a busy shop does: prices, stock, names, and some come and go."""
        with self._lock:
            for _ in range(changes):
                self._edit_something()

    def _edit_something(self) -> None:
        numbers = list(self._entries)
        kind = self._rng.choices(("price", "stock", "name", "add", "remove"), (40, 30, 20, 5, 5))[0]
        if kind == "add" or not numbers:
            self.add()
            return
        product_no = self._rng.choice(numbers)
        if kind == "price":
            self.change_price(product_no, self._rng.randrange(1, 3000) * 100)
        elif kind == "stock":
            self.set_stock(product_no, self._rng.randrange(0, 1000))
        elif kind == "name":
            self.rename(product_no, f"새 이름 {self._rng.randrange(10**6)}")
        else:
            self.remove(product_no)

    def _instants_of_old(self, index: int) -> tuple[float, float]:
        registered = FIRST_DAY + index * REGISTRATION_STEP_SECONDS
        return registered, registered + self._rng.random() * 86_400

    def _generate(self, count: int, instants: Callable[[int], tuple[float, float]]) -> list[int]:
        """Make the next *count* products; *instants* gives when the n-th was registered and last modified."""
        with self._lock:
            numbers = []
            for index in range(self._made, self._made + count):
                number = self._first_number + index * NUMBER_STEP
                self._store(make_item(number, index, self._rng, *instants(index)))
                numbers.append(number)
            self._made += count
            return numbers

    def _entry(self, product_no: int) -> Entry:
        if product_no not in self._entries:
            raise KeyError(f"the shop has no product {product_no}")
        return self._entries[product_no]

    def _store(self, item: Item) -> None:
        entry = Entry.of(item)
        self._entries[entry.product_no] = entry
        self._orders.clear()

    @staticmethod
    def _sorted(entries: Iterable[Entry], order: str) -> Sequence[Entry]:
        if order == "NO":
            return sorted(entries, key=lambda entry: entry.product_no, reverse=True)
        if order == "REG_DATE":
            return sorted(entries, key=lambda entry: (entry.registered, entry.product_no), reverse=True)
        # INFERRED: the direction of MOD_DATE is not documented.
        return sorted(entries, key=lambda entry: (entry.modified, entry.product_no), reverse=True)
