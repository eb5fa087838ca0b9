"""
The counters, and what is read from the database at scrape time.

With several worker processes each keeps its figures in a file of its own, and whoever is scraped adds the
files up. A file belongs to a *slot*, not to a process id: a process that starts takes a free slot and counts
on from there, so a killed worker's figures stay in the sum and files do not pile up.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import IO

import prometheus_client.values
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from actors.process import MULTIPROCESS_DIR
from db import heartbeats, schedules, sync_logs
from services.runtime import Runtime

_held: list[IO[str]] = []


@cache
def _slot_of(_pid: int) -> str:
    """Take the first slot that no living process holds; the kernel gives it back when this process ends."""
    # Not on Windows, which runs the all-in-one: one process needs no files.
    import fcntl

    directory, number = Path(os.environ[MULTIPROCESS_DIR]), 0
    while True:
        lock = (directory / f"slot-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            number += 1
            continue
        _held.append(lock)
        return f"slot-{number}"


if MULTIPROCESS_DIR in os.environ:
    # The documented parameter; without it the files would be named after process ids.
    prometheus_client.values.ValueClass = prometheus_client.values.MultiProcessValue(  # type: ignore[no-untyped-call]
        process_identifier=lambda: _slot_of(os.getpid())
    )

_registry = CollectorRegistry()
SYNCS = Counter("gconnect_syncs", "Syncs that reached an outcome.", ["outcome", "trigger", "code"], registry=_registry)
ATTEMPTS = Counter("gconnect_sync_attempts", "Attempts at syncs that ended.", ["result"], registry=_registry)
PRODUCTS = Counter("gconnect_products", "Products by what a sync found.", ["change"], registry=_registry)
REQUESTS = Counter("gconnect_naver_requests", "Requests to Naver.", ["endpoint", "status"], registry=_registry)
WAITED = Counter("gconnect_rate_limit_wait_seconds", "Time waited for the rate limit.", registry=_registry)


class PrometheusMeter:
    """The services' meter, as Prometheus counters."""

    def naver_request(self, endpoint: str, status: str) -> None:
        REQUESTS.labels(endpoint, status).inc()

    def rate_limit_wait(self, seconds: float) -> None:
        WAITED.inc(seconds)

    def sync_attempt(self, result: str) -> None:
        ATTEMPTS.labels(result).inc()

    def sync_ended(self, outcome: str, trigger: str, code: str) -> None:
        SYNCS.labels(outcome, trigger, code).inc()

    def products(self, change: str, count: int) -> None:
        if count:
            PRODUCTS.labels(change).inc(count)


class DatabaseCollector(Collector):
    """Gauges that are true at the moment of the scrape, whichever process is asked."""

    def __init__(self, rt: Runtime) -> None:
        self._rt = rt

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("gconnect_database_up", "1 where the database answered this scrape.")
        try:
            figures = list(self._figures())
        except SQLAlchemyError:
            up.add_metric([], 0)
            return [up]
        up.add_metric([], 1)
        return [up, *figures]

    def _figures(self) -> Iterable[Metric]:
        with self._rt.database.transaction() as session:
            now = self._rt.clock.now()
            live = sync_logs.count_live(session)
            due, oldest = schedules.count_due(session, now), schedules.oldest_due(session, now)
            beats = {each.name: each.beat_at for each in heartbeats.heartbeats(session)}
        syncs = GaugeMetricFamily("gconnect_live_syncs", "Syncs that have not ended.", labels=["state"])
        for state, count in live.items():
            syncs.add_metric([state.value], count)
        yield syncs
        yield GaugeMetricFamily("gconnect_due_schedules", "Schedules whose time has come and that wait.", due)
        yield GaugeMetricFamily(
            "gconnect_oldest_due_seconds",
            "How long the longest due schedule has waited.",
            0 if oldest is None else (now - oldest).total_seconds(),
        )
        beat = GaugeMetricFamily(
            "gconnect_heartbeat_timestamp_seconds", "When periodic work was last done.", labels=["name"]
        )
        for name, at in beats.items():
            beat.add_metric([name], at.timestamp())
        yield beat


def exposition(rt: Runtime) -> CollectorRegistry:
    """Return what a scrape of this process shows: the counters of every worker on this host, and the gauges."""
    registry = CollectorRegistry()
    if MULTIPROCESS_DIR in os.environ:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_registry)
    registry.register(DatabaseCollector(rt))
    return registry
