"""
Applications: who may call. Their id, their secret (a bcrypt salt), and the tokens issued to them.

A token lives three hours. While thirty minutes or more are left, asking again gives the same one; after
that a new one is issued, and the old one stays good until its own end.
"""

from __future__ import annotations

import base64
import hmac
import math
import string
from dataclasses import dataclass, field
from random import Random
from threading import Lock

import bcrypt

TOKEN_SECONDS = 10_800
REISSUE_BELOW_SECONDS = 1_800

_ALPHANUMERIC = string.ascii_letters + string.digits
_BCRYPT_ALPHABET = "./" + string.ascii_uppercase + string.ascii_lowercase + string.digits


@dataclass(frozen=True)
class Token:
    value: str
    expires_at: float

    def seconds_left(self, now: float) -> int:
        """Return `expires_in`: whole seconds strictly within the lifetime, 10799 at the moment of issue."""
        return math.ceil(self.expires_at - now) - 1


@dataclass
class Application:
    """One own-store application. Its secret may be changed at any time, as in Naver's console."""

    client_id: str
    secret: str
    _rng: Random
    _tokens: dict[str, Token] = field(default_factory=dict)
    _current: Token | None = None
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.change_secret(self.secret)

    def change_secret(self, secret: str) -> None:
        """Replace the secret: signatures by the old one fail at once, tokens stay good (INFERRED)."""
        # Raises ValueError where it is not a bcrypt salt.
        bcrypt.hashpw(b"", secret.encode())
        self.secret = secret

    def signed(self, signature: str, timestamp: str) -> bool:
        """Whether *signature* is base64 of the bcrypt hash of id and *timestamp*, salted with the secret."""
        hashed = bcrypt.hashpw(f"{self.client_id}_{timestamp}".encode(), self.secret.encode())
        return hmac.compare_digest(base64.b64encode(hashed), signature.encode())

    def issue_token(self, now: float) -> Token:
        with self._lock:
            if self._current is None or self._current.expires_at - now < REISSUE_BELOW_SECONDS:
                self._current = Token(generate_text(22, self._rng), now + TOKEN_SECONDS)
                self._tokens[self._current.value] = self._current
            return self._current

    def accepts(self, token: str, now: float) -> bool:
        with self._lock:
            known = self._tokens.get(token)
            return known is not None and now < known.expires_at

    def end_token(self, token: str) -> None:
        """Let *token* expire now, so that the next request for one gets another."""
        with self._lock:
            self._tokens.pop(token, None)
            if self._current is not None and self._current.value == token:
                self._current = None


def generate_text(length: int, rng: Random) -> str:
    """Return *length* letters and digits, as client ids and tokens are made of."""
    return "".join(rng.choices(_ALPHANUMERIC, k=length))


def generate_secret(rng: Random) -> str:
    """Return a secret of the real form: cost 04 and 22 characters, the last one canonical for bcrypt."""
    # 128 bits fill 21 characters and a third of the last, so that only four are possible there.
    return "$2a$04$" + "".join(rng.choices(_BCRYPT_ALPHABET, k=21)) + rng.choice(".Oeu")
