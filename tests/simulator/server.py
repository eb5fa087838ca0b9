"""The HTTP server: reads requests, lets a function answer them, and delivers the answer, well or badly."""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any

from tests.simulator.answers import Answer, Request

DRIP_PIECES = 40

STOP_POLL_SECONDS = 0.01
"""How often the accepting thread looks whether it is to end; hundreds of tests wait for that."""


class SimulatorServer(ThreadingHTTPServer):
    """Serves on a thread of its own, one more a connection; stopping cuts all connections and joins all."""

    daemon_threads = False
    request_queue_size = 256

    def __init__(self, host: str, port: int, answer: Callable[[Request], Answer]) -> None:
        self.answer = answer
        self.stopping = Event()
        self.defects: list[BaseException] = []
        """What went wrong in the simulator itself; a test must not take it for a fault of Naver's."""
        self._connections: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__((host, port), _Handler)
        self._thread = Thread(target=self.serve_forever, args=(STOP_POLL_SECONDS,), name="simulator")

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._connections:
                _end(connection)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what is a defect; a connection that breaks is the client's affair."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.defects.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: SimulatorServer

    def _serve(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        try:
            answer = self.server.answer(request)
        except Exception as error:
            self.server.defects.append(error)
            answer = Answer(500, f"the simulator failed: {error!r}".encode(), "text/plain;charset=UTF-8")
        self._deliver(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

    def _deliver(self, answer: Answer) -> None:
        if answer.silent_seconds and self.server.stopping.wait(answer.silent_seconds):
            answer.reset = True
        if answer.reset:
            self._reset()
            return
        head = self._head(answer)
        if answer.truncated:
            self.wfile.write(head + answer.body[: len(answer.body) // 2])
            self.close_connection = True
        elif answer.drip_seconds:
            self.wfile.write(head)
            self._drip(answer)
        else:
            # One write: head and body in two would wait for the other side's delayed acknowledgement.
            self.wfile.write(head + answer.body)

    def _head(self, answer: Answer) -> bytes:
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        headers = {
            "date": self.date_time_string(),
            "content-type": answer.content_type,
            "content-length": str(len(answer.body)),
            **answer.headers,
        }
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _drip(self, answer: Answer) -> None:
        size = max(1, -(-len(answer.body) // DRIP_PIECES))
        pieces = [answer.body[start : start + size] for start in range(0, len(answer.body), size)]
        for piece in pieces:
            if self.server.stopping.wait(answer.drip_seconds / len(pieces)):
                self._reset()
                return
            self.wfile.write(piece)

    def _reset(self) -> None:
        """Close so that the other side gets RST, not an orderly end."""
        self.close_connection = True
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # The reader's duplicate handle would keep the connection open beyond the close.
        self.rfile.close()
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing: the request log is the simulator's own."""


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The other side was faster.
        return
