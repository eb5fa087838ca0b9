"""
A total time-out for an exchange, which httpx does not have: its time-outs are for each read alone.

Without one, an answer whose headers come byte by byte would hold a worker for days. While an exchange
runs inside `until`, the sockets of its thread wait no longer than what is left of it.
"""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpcore
import httpx

Left = Callable[[], float]
"""Returns the seconds that are left of the exchange."""


class _Exchange(threading.local):
    left: Left | None = None


_exchange = _Exchange()


@contextlib.contextmanager
def until(left: Left) -> Iterator[None]:
    """Bound what this thread does on the sockets of a client that was given to `bound`."""
    _exchange.left = left
    try:
        yield
    finally:
        _exchange.left = None


def bound(http: httpx.Client) -> httpx.Client:
    """Make the connections of *http*, those through proxies too, keep the deadline of `until`."""
    # httpcore takes a network backend, httpx has no public way to hand it one. That the deadline holds
    # is tested on real sockets, so that a release which moves this attribute does not go unnoticed.
    for transport in (http._transport, *http._mounts.values()):
        if isinstance(transport, httpx.HTTPTransport):
            transport._pool._network_backend = _Backend(transport._pool._network_backend)
    return http


def _within(timeout: float | None, error: type[httpcore.TimeoutException]) -> float | None:
    if _exchange.left is None:
        return timeout
    left = _exchange.left()
    if left <= 0:
        raise error("the exchange has used up its time")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _within(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _within(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        within = _within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, within))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        within = _within(timeout, httpcore.ConnectTimeout)
        return _Stream(self._backend.connect_tcp(host, port, within, local_address, socket_options))
