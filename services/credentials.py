"""
Sellers' secrets at rest: AES-256-GCM under one of several keys, bound to the seller they belong to.

A ciphertext reads `v1.<key id>.<nonce, ciphertext and tag in base64url>`. The seller's id is associated
data, so that a ciphertext copied to another seller's row is refused. Which rows to encrypt anew is the
business of whoever rotates; is_current says whether one need be.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from services.errors import CredentialsUnreadable
from services.texts import Refusal

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16

MIN_DISTINCT_BYTES = 12
"""Random keys of 32 bytes with fewer different ones are one in 10^24; `aaaa…` and the like have fewer."""

MAX_COST = 15
"""bcrypt rounds, as a power of two, that a signature may cost: 15 is about 2 s; Naver's secrets have 4."""

_SECRET = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22}", re.ASCII)
_CIPHERTEXT = re.compile(r"v1\.([0-9a-f]{8})\.([A-Za-z0-9_-]+)")


class KeyringError(Refusal):
    """ENCRYPTION_KEY cannot be used; the sentence names the command that makes a key, and never the key."""


class SecretMalformed(Refusal):
    """What was entered is not an application secret of Naver's; the sentence never shows it."""


def generate_key() -> str:
    """Return a new random key for ENCRYPTION_KEY: 32 bytes in URL-safe base64, free of `$`, `#` and quotes."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def check_secret_format(secret: str) -> None:
    """
    Raise SecretMalformed unless *secret* looks like an application secret: a bcrypt salt of 29 characters.

    The format is that of the Commerce API's documentation. Its `$` are what shells and .env files eat.
    """
    if not secret.strip():
        raise SecretMalformed("secret.empty")
    if secret != secret.strip():
        raise SecretMalformed("secret.blanks")
    match = _SECRET.fullmatch(secret)
    if match is None:
        eaten = secret.count("$") != 3 or not secret.startswith("$2")
        raise SecretMalformed("secret.dollars" if eaten else "secret.malformed", length=len(secret))
    if not 4 <= int(match[1]) <= MAX_COST:
        raise SecretMalformed("secret.cost", cost=match[1])


class Keyring:
    """The keys of ENCRYPTION_KEY: the first encrypts, all decrypt."""

    def __init__(self, keys: list[bytes]) -> None:
        self._ciphers = {_key_id(key): AESGCM(key) for key in keys}
        self.current_id = _key_id(keys[0])

    @classmethod
    def parse(cls, setting: str) -> Keyring:
        """
        Read ENCRYPTION_KEY: one key or several, separated by commas, each 32 bytes in base64 of either kind.

        Raise KeyringError, whose sentence gives the position of the key that is wrong.
        """
        parts = [part.strip() for part in setting.split(",")]
        if not any(parts):
            raise KeyringError("keyring.missing")
        return cls([_read_key(part, position) for position, part in enumerate(parts, start=1)])

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Return the ids of the keys, the one that encrypts first. An id says nothing about its key."""
        return tuple(self._ciphers)

    def encrypt(self, secret: str, seller_id: int) -> str:
        """Encrypt *secret* with the first key, readable for *seller_id* alone."""
        nonce = os.urandom(NONCE_BYTES)
        # surrogatepass: an odd character from a terminal must not raise an error that quotes the secret.
        plain = secret.encode("utf-8", "surrogatepass")
        sealed = self._ciphers[self.current_id].encrypt(nonce, plain, _bound_to(self.current_id, seller_id))
        return f"v1.{self.current_id}.{_to_base64url(nonce + sealed)}"

    def decrypt(self, ciphertext: str, seller_id: int) -> str:
        """
        Return the secret. Raise CredentialsUnreadable, of which *kind* says why.

        malformed: not a ciphertext of ours; unknown_key: none of ENCRYPTION_KEY made it (*key_id* is the
        one that did); tampered: it was changed, or belongs to another seller.
        """
        match = _CIPHERTEXT.fullmatch(ciphertext)
        if match is None:
            raise CredentialsUnreadable(kind="malformed", seller_id=seller_id)
        key_id, payload = match.groups()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise CredentialsUnreadable(kind="unknown_key", seller_id=seller_id, key_id=key_id)
        sealed = _from_base64url(payload)
        if sealed is None or len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise CredentialsUnreadable(kind="malformed", seller_id=seller_id)
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            plain = cipher.decrypt(nonce, rest, _bound_to(key_id, seller_id))
        except InvalidTag as error:
            raise CredentialsUnreadable(kind="tampered", seller_id=seller_id) from error
        return plain.decode("utf-8", "surrogatepass")

    def is_current(self, ciphertext: str) -> bool:
        """Say whether the key that encrypts now made *ciphertext*: if not, a rotation has it to do."""
        match = _CIPHERTEXT.fullmatch(ciphertext)
        return match is not None and match[1] == self.current_id

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self.key_ids)})"


def _key_id(key: bytes) -> str:
    return hashlib.blake2b(key, digest_size=4, person=b"gconnect key id").hexdigest()


def _bound_to(key_id: str, seller_id: int) -> bytes:
    return f"gconnect v1 {key_id} seller {seller_id}".encode()


def _read_key(text: str, position: int) -> bytes:
    body = text.rstrip("=").replace("+", "-").replace("/", "_")
    key = _from_base64url(body) if re.fullmatch(r"[A-Za-z0-9_-]+", body) else None
    if key is None or len(key) != KEY_BYTES:
        raise KeyringError("keyring.malformed", position=position)
    if len(set(key)) < MIN_DISTINCT_BYTES:
        raise KeyringError("keyring.guessable", position=position)
    return key


def _to_base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _from_base64url(text: str) -> bytes | None:
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return None
    # The last character has bits that decoding ignores: only the one true spelling is accepted,
    # so that every changed character is noticed.
    return content if _to_base64url(content) == text else None
