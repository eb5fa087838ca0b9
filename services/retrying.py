"""Whether a failed attempt is tried again, and when. Pure; the queue's predicate and the row's writer both ask here."""

from __future__ import annotations

from datetime import timedelta

from services.errors import GConnectError, RetryLater


class AttemptFailed(Exception):
    """One attempt at a sync ended with an error, its cause; *failures* is how many attempts had failed before it."""

    def __init__(self, sync_id: int, failures: int, cause: GConnectError) -> None:
        self.sync_id, self.failures = sync_id, failures
        super().__init__(f"sync {sync_id}: {cause}")
        self.__cause__ = cause


def worth_retrying(failures: int, error: BaseException, limit: int) -> bool:
    """
    Return whether to try again after *error*, when *failures* attempts had failed before.

    What a person must mend is never tried again, authentication failures first of all. An error that is
    none of ours (the database was away, say) is: it passes by itself or ends at the limit.
    """
    if failures >= limit:
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, GConnectError):
            return isinstance(cause, RetryLater)
        cause = cause.__cause__
    return True


def longest_backoff(failures: int, shortest: timedelta, longest: timedelta) -> timedelta:
    """
    Return the latest that the queue brings an attempt back, when *failures* attempts had failed before.

    Dramatiq doubles *shortest* at each failure, lengthens it by a factor of up to 2, and caps it at *longest*.
    """
    return min(shortest * (1 << min(failures, 16) + 1), longest)
