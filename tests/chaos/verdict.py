"""What a run has shown: counts from the rows, and whatever is wrong with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from db.product_changes import ChangeKind, ProductChange
from db.products import Product
from db.sync_attempts import SyncAttempt
from db.sync_logs import LIVE, SyncLog, Trigger
from services.catalogue import differences
from services.naver.products import Item
from services.pages import columns
from tests.chaos import witness
from tests.chaos.record import Hit
from tests.chaos.stage import Stage
from tests.chaos.witness import DueInstant

NOT_OF_THE_RECORD = ("changed_at", "content_hash")
"""Columns of a product row that Naver's record does not decide."""


@dataclass
class Verdict:
    """The result; *lost*, *doubled* and *findings* are a sentence each."""

    seed: int
    due: int = 0
    done: int = 0
    started_twice: int = 0
    kills: int = 0
    restarts: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    longest_recovery_s: float = 0.0

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the figures, with the number of sentences in the place of sentences."""
        shown = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **{name: len(value) if isinstance(value, list) else value for name, value in shown.items()},
            "longest_recovery_s": round(self.longest_recovery_s, 1),
        }


def judge(stage: Stage, verdict: Verdict, hits: Sequence[Hit], returns: Sequence[float]) -> None:
    """Fill in what the database shows."""
    with stage.rt.database.transaction() as session:
        syncs = session.scalars(select(SyncLog).order_by(SyncLog.id)).all()
        attempts = session.scalars(select(SyncAttempt).order_by(SyncAttempt.sync_id, SyncAttempt.number)).all()
        _judge_instants(verdict, witness.due_instants(session), syncs)
        if count := witness.sellers_with_two_live(session):
            verdict.doubled.append(f"{count} times a seller had two live syncs")
        verdict.doubled += _doubled_history(session)
        verdict.findings += [*witness.forbidden_steps(session), *witness.deeds_of_zombies(session)]
        most = witness.most_running(session)
        if stage.cap and most > stage.cap:
            verdict.findings.append(f"{most} syncs ran at once under a cap of {stage.cap}")
    verdict.findings += [
        f"attempt {attempt.number} of sync {attempt.sync_id} met a defect: {attempt.detail}"
        for attempt in attempts
        if attempt.code == "internal_error"
    ]
    verdict.started_twice = len({attempt.sync_id for attempt in attempts if attempt.code == "worker_died"})
    verdict.longest_recovery_s = max(_recoveries(attempts, hits, returns), default=0.0)
    for name, seller_id in stage.shops.items():
        verdict.findings += compare(stage, name, seller_id)


def _judge_instants(verdict: Verdict, made: Sequence[DueInstant], syncs: Sequence[SyncLog]) -> None:
    served: defaultdict[tuple[int, Any], list[SyncLog]] = defaultdict(list)
    for sync in syncs:
        if sync.trigger == Trigger.SCHEDULE:
            served[sync.seller_id, sync.scheduled_for].append(sync)
    owed = [each for each in made if not each.withdrawn or (each.seller_id, each.due_at) in served]
    known = {(each.seller_id, each.due_at) for each in made}
    verdict.due = len(owed)
    verdict.done = sum(any(sync.state not in LIVE for sync in served[each.seller_id, each.due_at]) for each in owed)
    for each in owed:
        count = len(served[each.seller_id, each.due_at])
        if count == 0:
            verdict.lost.append(f"seller {each.seller_id} got no sync for {each.due_at.isoformat()}")
        elif count > 1:
            verdict.doubled.append(f"seller {each.seller_id} got {count} syncs for {each.due_at.isoformat()}")
    verdict.doubled += [
        f"seller {seller_id} got a sync for {at}, when nothing was due"
        for (seller_id, at), found in served.items()
        if found and (seller_id, at) not in known
    ]
    verdict.lost += [f"sync {sync.id} never ended: {sync.state.value}" for sync in syncs if sync.state in LIVE]


def _doubled_history(session: Session) -> list[str]:
    """
    Return the products whose history does not add up.

    Each change of a field begins with the value that the one before ended with, and the last ends with what
    the product's record says; a change written twice, or by a worker that had lost its lease, breaks the chain.
    """
    documents = {
        (seller_id, number): document
        for seller_id, number, document in session.execute(
            select(Product.seller_id, Product.product_no, Product.document)
        )
    }
    by_product: defaultdict[tuple[int, int], list[ProductChange]] = defaultdict(list)
    for change in session.scalars(select(ProductChange).order_by(ProductChange.id)):
        by_product[change.seller_id, change.product_no].append(change)
    problems = []
    for key, changes in by_product.items():
        # Against a record without any field, everything that is there is news.
        fields = {each.field: each.new for each in differences({"channelProducts": [{}]}, documents[key])}
        problems += [f"product {key}: {problem}" for problem in broken_chains(changes, fields)]
    return problems


def broken_chains(changes: Iterable[ProductChange], fields: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the history of one product, whose record now has these *fields*."""
    problems = []
    last: dict[str, Any] = {}
    comings: list[ChangeKind] = []
    for change in changes:
        if change.field is None:
            comings.append(change.kind)
            continue
        if change.field in last and last[change.field] != change.old:
            problems.append(f"{change.field} changed from {change.old!r:.60} after {last[change.field]!r:.60}")
        last[change.field] = change.new
    for name, value in last.items():
        if fields.get(name) != value:
            problems.append(f"{name} was last written as {value!r:.60}, but is {fields.get(name)!r:.60}")
    wanted = ChangeKind.REMOVED
    for number, kind in enumerate(comings):
        if number == 0 and kind == ChangeKind.ADDED:
            continue
        if kind != wanted:
            problems.append(f"it was {kind.value} out of turn")
        wanted = ChangeKind.RESTORED if kind == ChangeKind.REMOVED else ChangeKind.REMOVED
    return problems


def _recoveries(attempts: Sequence[SyncAttempt], hits: Sequence[Hit], returns: Sequence[float]) -> Iterable[float]:
    """Yield seconds from each hit to the next start of a sync that it stopped, and from each return to a success."""
    for attempt, after in pairwise(attempts):
        if attempt.code != "worker_died" or after.sync_id != attempt.sync_id:
            continue
        begin, end = attempt.started_at.timestamp(), after.started_at.timestamp()
        # Which of them held the sync is not known: the first one, which makes it longest.
        yield from [end - hit.at for hit in hits if begin <= hit.at <= end][:1]
    ended_well = sorted(
        attempt.ended_at.timestamp() for attempt in attempts if attempt.ended_at is not None and attempt.code is None
    )
    for at in returns:
        yield from [end - at for end in ended_well if end >= at][:1]


def compare(stage: Stage, name: str, seller_id: int) -> list[str]:
    """Return how a seller's product rows differ from the simulator's catalogue."""
    expected = stage.naver.catalogue(name)
    with stage.rt.database.transaction() as session:
        rows = session.scalars(select(Product).where(Product.seller_id == seller_id, Product.removed_at.is_(None)))
        stored = {row.product_no: row for row in rows}
    wrong: Counter[str] = Counter()
    examples: dict[str, int] = {}
    for number in sorted(expected.keys() | stored.keys()):
        for what in _differs(stored.get(number), seller_id, number, expected.get(number)):
            wrong[what] += 1
            examples.setdefault(what, number)
    return [f"{name}: {count} products {what}, such as {examples[what]}" for what, count in wrong.items()]


def _differs(row: Product | None, seller_id: int, number: int, document: dict[str, Any] | None) -> list[str]:
    if row is None:
        return ["missing"]
    if document is None:
        return ["too many"]
    item = Item(number, document, row.content_hash)
    wanted = columns(seller_id, item, row.changed_at)
    return [
        f"with another {column}"
        for column, value in wanted.items()
        if column not in NOT_OF_THE_RECORD and getattr(row, column) != value
    ]
