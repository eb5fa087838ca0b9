from __future__ import annotations

from datetime import timedelta

import dramatiq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.intake import sync_id_of
from actors.retries import retry_when
from services.errors import CredentialsRefused, GConnectError, NaverMaintenance
from services.retrying import AttemptFailed
from services.settings import Settings


def retry(cause: GConnectError, failures: int = 0) -> dramatiq.Retry:
    """Return what an actor raises, as the predicate gets it."""
    error = dramatiq.Retry("again")
    error.__cause__ = AttemptFailed(1, failures, cause)
    return error


def test_the_predicate_counts_since_dramatiq_does_not() -> None:
    assert [retry_when(retries, RuntimeError()) for retries in range(5)] == [True, True, True, False, False]


def test_the_row_s_count_stands_above_the_message_s() -> None:
    assert not retry_when(0, retry(NaverMaintenance(), failures=3))
    assert retry_when(9, retry(NaverMaintenance(), failures=2))


def test_an_authentication_failure_is_never_retried_however_it_is_wrapped() -> None:
    assert not retry_when(0, CredentialsRefused())
    assert not retry_when(0, retry(CredentialsRefused()))


@given(st.integers(0, 50), st.sampled_from([KeyError("a"), SystemExit(), KeyboardInterrupt(), dramatiq.Retry("x")]))
def test_the_predicate_never_raises(retries: int, error: BaseException) -> None:
    assert retry_when(retries, error) == (retries < 3)


def test_the_first_retry_is_five_minutes_away_and_none_is_longer_than_twenty() -> None:
    settings = Settings()
    assert (settings.retry_max, settings.retry_min_backoff, settings.retry_max_backoff) == (
        3,
        timedelta(minutes=5),
        timedelta(minutes=20),
    )


@pytest.mark.parametrize("arguments", [(), ("1",), (True,), (0,), (-1,), (2**63,), (1, 2), (None,), (1.0,)])
def test_only_the_id_of_a_sync_is_taken_for_one(arguments: tuple[object, ...]) -> None:
    message: dramatiq.Message[object] = dramatiq.Message(
        queue_name="sync", actor_name="sync_seller", args=arguments, kwargs={}, options={}
    )
    assert sync_id_of(message) is None
    assert sync_id_of(message.copy(args=(7,))) == 7
    assert sync_id_of(message.copy(args=(7,), actor_name="other")) is None
