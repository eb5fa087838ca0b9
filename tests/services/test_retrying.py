from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.errors import CallIpNotAllowed, CredentialsRefused, NaverMaintenance
from services.retrying import AttemptFailed, longest_backoff, worth_retrying


def test_what_passes_by_itself_is_tried_again_up_to_the_limit() -> None:
    assert [worth_retrying(failures, NaverMaintenance(), 3) for failures in range(5)] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_what_a_person_must_mend_is_never_tried_again() -> None:
    assert not worth_retrying(0, CredentialsRefused(), 3)
    assert not worth_retrying(0, CallIpNotAllowed(), 3)


def test_the_cause_counts_where_the_error_itself_is_not_one_of_ours() -> None:
    assert not worth_retrying(0, AttemptFailed(1, 0, CredentialsRefused()), 3)
    assert worth_retrying(0, AttemptFailed(1, 0, NaverMaintenance()), 3)


def test_an_error_that_is_none_of_ours_is_tried_again() -> None:
    assert worth_retrying(0, RuntimeError(), 3)
    assert not worth_retrying(3, RuntimeError(), 3)


@given(st.integers(0, 100), st.integers(1, 600), st.integers(1, 1200))
def test_no_backoff_is_longer_than_the_longest(failures: int, shortest: int, longest: int) -> None:
    span = longest_backoff(failures, timedelta(seconds=shortest), timedelta(seconds=longest))
    assert timedelta(0) < span <= timedelta(seconds=longest)
