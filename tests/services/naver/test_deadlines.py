"""The total time-out on real sockets, against servers that never quite fall silent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import SecretStr

from services.clock import SystemClock
from services.errors import NaverTimeout, NaverUnreachable
from services.naver.client import NaverClient, NaverSession, open_http
from services.naver.protocol import Credentials
from tests.fakes import HastyClock, RecordingMeter

KEY = Credentials("7dMvteboKNHwyRremLXXXX", SecretStr("$2a$04$abcdefghijklmnopqrstuu"))


@contextlib.contextmanager
def dripping_server(beginning: bytes) -> Iterator[int]:
    """Serve *beginning* to everyone, and then one byte every few milliseconds for as long as anyone listens."""
    stopped = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.05)
    threads: list[threading.Thread] = []

    def drip(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(beginning)
            while not stopped.wait(0.01):
                connection.sendall(b"a")

    def accept() -> None:
        while not stopped.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = server.accept()
                threads.append(threading.Thread(target=drip, args=(connection,)))
                threads[-1].start()

    threads.append(threading.Thread(target=accept))
    threads[0].start()
    try:
        yield server.getsockname()[1]
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
        server.close()


@contextlib.contextmanager
def session(base_url: str, *, read_timeout: float = 20, page_timeout: float = 0.4) -> Iterator[NaverSession]:
    with open_http(connect_timeout=5, read_timeout=read_timeout) as http:
        client = NaverClient(http, base_url, HastyClock(), RecordingMeter(), page_timeout=page_timeout)
        yield client.session(KEY)


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 200 OK\r\nx-long: ", b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"]
)
def test_headers_and_bodies_that_drip_end_with_the_page_s_time(beginning: bytes) -> None:
    with (
        dripping_server(beginning) as port,
        session(f"http://127.0.0.1:{port}") as naver,
        pytest.raises(NaverTimeout),
    ):
        naver.page(1)


def test_the_time_of_a_page_holds_through_a_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with dripping_server(b"HTTP/1.1 200 OK\r\nx-long: ") as port:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "elsewhere.test")
        with session("http://naver.test") as naver, pytest.raises(NaverTimeout):
            naver.page(1)


def test_a_tls_handshake_is_bounded_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with session(f"https://127.0.0.1:{port}") as naver, pytest.raises(NaverTimeout):
            naver.page(1)


def test_no_time_left_is_no_time_to_connect_in() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with session(f"http://127.0.0.1:{port}", page_timeout=0) as naver, pytest.raises(NaverTimeout) as error:
            naver.page(1)
    assert error.value.params == {"kind": "ConnectTimeout"}


def test_what_is_sent_outside_a_page_keeps_the_ordinary_time_outs() -> None:
    with (
        dripping_server(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n") as port,
        open_http(connect_timeout=5, read_timeout=5) as http,
    ):
        assert http.get(f"http://127.0.0.1:{port}").content == b"aaa"


def test_a_server_that_does_not_speak_tls_is_unreachable() -> None:
    with (
        dripping_server(b"HTTP/1.1 400 this is no TLS\r\n\r\n") as port,
        session(f"https://127.0.0.1:{port}", page_timeout=30) as naver,
        pytest.raises(NaverUnreachable),
    ):
        naver.page(1)


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "server.pem"))
    received: list[bytes] = []
    done = threading.Event()

    def accept() -> None:
        while not done.is_set():
            with contextlib.suppress(OSError):
                connection, _ = server.accept()
                with connection, context.wrap_socket(connection, server_side=True) as secured:
                    received.append(secured.recv(1))

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        thread = threading.Thread(target=accept)
        thread.start()
        port = server.getsockname()[1]
        try:
            with (
                session(f"https://127.0.0.1:{port}", page_timeout=30) as naver,
                pytest.raises(NaverUnreachable),
            ):
                naver.page(1)
        finally:
            done.set()
            thread.join()
    assert received == []


def self_signed(path: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that it signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "naver.test")])
    now = SystemClock().now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return path


def test_a_port_where_nobody_listens_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as freed:
        port = freed.getsockname()[1]
    with (
        session(f"http://127.0.0.1:{port}", page_timeout=30) as naver,
        pytest.raises(NaverUnreachable) as error,
    ):
        naver.page(1)
    assert error.value.params == {"kind": "ConnectError"}
