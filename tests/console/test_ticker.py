"""The ticker sends what periodiq would send, and survives what periodiq does not."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker
from hypothesis import given
from hypothesis import strategies as st
from periodiq import PeriodiqMiddleware, cron

from console.ticker import MINUTE, Ticker, minutes_since, seconds_to_next_minute

START = datetime(2026, 11, 22, 3, 7, 20, tzinfo=UTC)


class Hand:
    """A clock's hand that a test moves."""

    def __init__(self, now: datetime = START) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Outage(StubBroker):
    """A queue that is away for its first messages."""

    def __init__(self, refusals: int) -> None:
        super().__init__([PeriodiqMiddleware()])
        self.refusals = refusals

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        if self.refusals:
            self.refusals -= 1
            raise ConnectionError("the queue is away")
        return super().enqueue(message, delay=delay)


def broker_with(**specs: str) -> StubBroker:
    """Return a broker with an actor for each name and spec, and one that is not periodic."""
    return declare(StubBroker([PeriodiqMiddleware()]), **specs)


def declare(broker: StubBroker, **specs: str) -> StubBroker:
    for name, spec in specs.items():
        dramatiq.actor(actor_name=name, broker=broker, periodic=cron(spec))(lambda: None)
    dramatiq.actor(actor_name="not_periodic", broker=broker)(lambda: None)
    return broker


@contextmanager
def running(ticker: Ticker) -> Iterator[threading.Thread]:
    """Run the ticker on a thread of its own, and tell it to stop."""
    stopping = threading.Event()
    thread = threading.Thread(target=ticker.run, args=(stopping,), daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stopping.set()
        thread.join(30)


def taken_from(broker: StubBroker) -> list[dramatiq.Message[Any]]:
    queue = broker.queues["default"]
    return [dramatiq.Message.decode(queue.get_nowait()) for _ in range(queue.qsize())]


def names_taken_from(broker: StubBroker) -> list[str]:
    return [message.actor_name for message in taken_from(broker)]


def test_every_periodic_actor_ticks_at_the_start_whatever_the_minute() -> None:
    broker = broker_with(each_minute="* * * * *", hourly="17 * * * *")
    Ticker(broker, Hand()).tick()
    assert names_taken_from(broker) == ["each_minute", "hourly"]


def test_afterwards_an_actor_ticks_at_the_minutes_of_its_spec_only() -> None:
    broker, hand = broker_with(each_minute="* * * * *", fifths="*/5 * * * *"), Hand()
    ticker = Ticker(broker, hand)
    ticker.tick()
    taken_from(broker)
    ticks = {}
    for _ in range(6):
        hand.now += MINUTE
        ticker.tick()
        ticks[hand.now.minute] = names_taken_from(broker)
    both, one = ["each_minute", "fifths"], ["each_minute"]
    assert ticks == {8: one, 9: one, 10: both, 11: one, 12: one, 13: one}


def test_a_minute_ticks_once_however_often_the_ticker_wakes_in_it() -> None:
    broker, hand = broker_with(each_minute="* * * * *"), Hand()
    ticker = Ticker(broker, hand)
    for _ in range(5):
        ticker.tick()
        hand.now += timedelta(seconds=7)
    assert names_taken_from(broker) == ["each_minute"]


def test_minutes_that_were_slept_through_are_made_up_for_once() -> None:
    broker, hand = broker_with(each_minute="* * * * *", hourly="17 * * * *", later="40 * * * *"), Hand()
    ticker = Ticker(broker, hand)
    ticker.tick()
    taken_from(broker)
    hand.now += timedelta(minutes=15)
    ticker.tick()
    assert names_taken_from(broker) == ["each_minute", "hourly"]
    hand.now += timedelta(days=30)
    ticker.tick()
    assert names_taken_from(broker) == ["each_minute", "hourly", "later"]


def test_a_clock_that_is_put_back_goes_on_ticking_at_once() -> None:
    broker, hand = broker_with(each_minute="* * * * *"), Hand()
    ticker = Ticker(broker, hand)
    ticker.tick()
    hand.now -= timedelta(hours=3)
    ticker.tick()
    hand.now += MINUTE
    ticker.tick()
    assert names_taken_from(broker) == ["each_minute"] * 3


def test_a_tick_says_when_it_was_sent_so_that_a_stale_one_can_be_dropped() -> None:
    broker = broker_with(each_minute="* * * * *")
    Ticker(broker, Hand()).tick()
    (message,) = taken_from(broker)
    assert datetime.fromisoformat(message.options["scheduled_at"]) == START


def test_a_tick_that_fails_does_not_end_the_ticker() -> None:
    broker = declare(Outage(refusals=1), each_minute="* * * * *")
    # A hundredth of a second before the next minute, at each look.
    hand, sent = Hand(START.replace(second=59, microsecond=990_000)), threading.Event()

    class Noticer(dramatiq.Middleware):
        def after_enqueue(self, broker: dramatiq.Broker, message: dramatiq.Message[Any], delay: int | None) -> None:
            sent.set()

    def a_minute_later_at_each_call() -> datetime:
        hand.now += MINUTE
        return hand.now

    broker.add_middleware(Noticer())
    with running(Ticker(broker, a_minute_later_at_each_call)) as thread:
        assert sent.wait(30)
    assert not thread.is_alive()


def test_a_ticker_that_is_told_to_stop_ends_without_waiting_for_the_minute() -> None:
    with running(Ticker(broker_with(each_minute="* * * * *"))) as thread:
        pass
    assert not thread.is_alive()


@given(
    st.lists(st.integers(1, 90), min_size=1, max_size=60),
    st.sampled_from(["* * * * *", "*/5 * * * *", "17 * * * *", "0 * * * *"]),
)
def test_woken_at_least_each_minute_it_ticks_exactly_at_the_minutes_of_the_spec(gaps: list[int], spec: str) -> None:
    broker, hand = broker_with(actor=spec), Hand()
    ticker = Ticker(broker, hand)
    ticker.tick()
    first = START.replace(second=0)
    for gap in gaps:
        hand.now += timedelta(seconds=min(gap, 60))
        ticker.tick()
    minutes = round((hand.now.replace(second=0) - first) / MINUTE)
    matching = [each for each in range(1, minutes + 1) if cron(spec).validate(first + each * MINUTE)]
    # One more for the tick at the start.
    assert Counter(names_taken_from(broker))["actor"] == len(matching) + 1


@given(st.timedeltas(timedelta(0), timedelta(days=5000)))
def test_the_next_minute_is_ahead_and_not_far(since: timedelta) -> None:
    now = START + since
    wait = seconds_to_next_minute(now)
    assert 0 < wait <= 60
    assert (now + timedelta(seconds=wait)).second == 0
    assert list(minutes_since(now, now)) == []
