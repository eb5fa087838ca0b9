"""What goes over the wire to Naver and back, as plain values. Nothing secret shows in a repr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from pydantic import SecretStr

Endpoint = Literal["token", "products_search"]
"""The two calls that are made, as they are named in errors and metrics."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A seller's own-store application: its id, and its secret, which is a bcrypt salt."""

    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is ready to send; *path* is below the base URL."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer; the names of *headers* are lower-case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the instant, by our clock, after which Naver takes it no longer."""

    value: SecretStr
    expires_at: datetime
