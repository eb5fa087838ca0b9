"""
What can go wrong with a sync, as two kinds: what passes by itself and what a person must mend.

Each error has a stable code that stands in rows, metrics and logs; services/texts.py says what a code
means and what to do. An error carries parameters, never a body, a URL query or a secret.
"""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

Param = str | int | None


class GConnectError(Exception):
    """An error of ours: a stable code, parameters for its sentence, and Naver's trace id where there is one."""

    code: ClassVar[str]

    def __init__(self, *, trace_id: str | None = None, **params: Param) -> None:
        self.trace_id = trace_id
        self.params = {name: value for name, value in params.items() if value is not None}
        super().__init__(" ".join([self.code, *(f"{name}={value}" for name, value in self.params.items())]))


class RetryLater(GConnectError):
    """Nobody need act: the same call is expected to work later, at the earliest *after* from now."""

    def __init__(self, *, after: timedelta | None = None, trace_id: str | None = None, **params: Param) -> None:
        self.after = after
        super().__init__(trace_id=trace_id, **params)


class GiveUp(GConnectError):
    """Someone must act: the same call fails until a person changes something."""


class AuthFailure(GiveUp):
    """A GiveUp that the seller's credential causes; two in a row block the schedule."""


class NaverBusy(RetryLater):
    """429 GW.RATE_LIMIT, or a quota whose period is seconds."""

    code = "naver_busy"


class NaverUnavailable(RetryLater):
    """A 5xx that is neither maintenance nor a time-out (GW.PROXY.*, GW.INTERNAL_SERVER_ERROR, GW.BLOCK.01)."""

    code = "naver_unavailable"


class NaverMaintenance(RetryLater):
    """503 GW.BLOCK.02: an API or the whole platform is under maintenance."""

    code = "naver_maintenance"


class NaverTimeout(RetryLater):
    """504 GW.TIMEOUT.*, or no complete answer within our own time-outs."""

    code = "naver_timeout"


class NaverUnreachable(RetryLater):
    """No connection, or one that broke: DNS, TLS, refused, reset."""

    code = "naver_unreachable"


class AnswerUnreadable(RetryLater):
    """An answer that is none of the documented ones; *detail* says what was found."""

    code = "answer_unreadable"


class InternalError(RetryLater):
    """A defect of ours that a sync ran into; *kind* is the exception's class. Worth a retry, and a report."""

    code = "internal_error"


class DatabaseTrouble(RetryLater):
    """Our own database was away, too slow or in the way of itself; *kind* is the exception's class."""

    code = "database_trouble"


class CredentialsMissing(AuthFailure):
    """The seller has no key."""

    code = "credentials_missing"


class CredentialsDisabled(AuthFailure):
    """The seller's key is switched off."""

    code = "credentials_disabled"


class CredentialsUnreadable(GiveUp):
    """
    The stored key cannot be decrypted: none of the ENCRYPTION_KEYs fits, or the row was tampered with.

    No AuthFailure: workers that were started with a wrong ENCRYPTION_KEY must not block every seller.
    """

    code = "credentials_unreadable"


class CredentialsRefused(AuthFailure):
    """The token endpoint refused the id or the signature; *field* names it where Naver did."""

    code = "credentials_refused"


class AccessDenied(AuthFailure):
    """GW.AUTHN in spite of a new token (often an API group that is not ticked), or 403 FORBIDDEN."""

    code = "access_denied"


class StoreUnavailable(AuthFailure):
    """The store, channel, member or role is suspended or gone; *reason* is Naver's code."""

    code = "store_unavailable"


class CallIpNotAllowed(GiveUp):
    """403 GW.IP_NOT_ALLOWED: the address we call from is not registered for the application."""

    code = "call_ip_not_allowed"


class QuotaExhausted(GiveUp):
    """429 GW.QUOTA_LIMIT for longer than seconds; *period* and *limit* are Naver's, where it said them."""

    code = "quota_exhausted"


class ClockSkewed(GiveUp):
    """The token endpoint refused the time stamp: this machine's clock is wrong."""

    code = "clock_skewed"


class RequestRefused(GiveUp):
    """400, 404 or another refusal of the request itself: a defect of ours or a change of Naver's."""

    code = "request_refused"


class WorkerDied(GiveUp):
    """The sync has ended its worker as often as we let it; *deaths* counts them."""

    code = "worker_died"
