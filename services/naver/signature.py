"""
The signature of a token request: base64(bcrypt("<client id>_<timestamp>", salt=client secret)).

Source: Naver's page on authentication; its example is a test.
"""

from __future__ import annotations

import base64
import re

import bcrypt

from services.errors import CredentialsRefused

MAX_COST = 14
"""Above it the secret is none of Naver's (theirs have 04, the example 10), and each step doubles the time."""

_SECRET = re.compile(r"(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21})([./A-Za-z0-9])", re.ASCII)
_CLIENT_ID = re.compile(r"[!-~]{1,58}")  # 72 bytes, bcrypt's limit, less "_" and 13 digits
_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def sign(client_id: str, client_secret: str, timestamp_ms: int) -> str:
    """
    Return `client_secret_sign`.

    Raises CredentialsRefused that names client_id or client_secret when bcrypt could not use it; the
    request would be refused anyway.
    """
    if not _CLIENT_ID.fullmatch(client_id):
        raise CredentialsRefused(field="client_id")
    password = f"{client_id}_{timestamp_ms}".encode()
    return base64.b64encode(bcrypt.hashpw(password, _salt(client_secret))).decode()


def _salt(client_secret: str) -> bytes:
    """
    Return the secret as a salt that bcrypt 4 and later take.

    The last of its 22 characters holds 2 bits of salt and 4 that count for nothing. bcrypt 3 dropped
    those 4; bcrypt 4 refuses a salt in which they are set, and with it Naver's own example.
    """
    match = _SECRET.fullmatch(client_secret)
    if match is None or not 4 <= int(match[2]) <= MAX_COST:
        raise CredentialsRefused(field="client_secret")
    return (match[1] + _ALPHABET[_ALPHABET.index(match[3]) & 0b110000]).encode()
