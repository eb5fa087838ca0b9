"""Serves the metrics of all workers of this host on one port, as long as one of them lives."""

from __future__ import annotations

import threading
from wsgiref.simple_server import WSGIServer

import dramatiq
import structlog
from dramatiq.middleware import Middleware

from actors import process

log = structlog.get_logger(__name__)

RETRY_S = 2.0


class Exporter(Middleware):
    """Every worker tries for the port; who has it serves, and another takes over when that one is gone."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        if process.prepare().metrics_port:
            self._stopping.clear()
            threading.Thread(target=self._serve, name="exporter", daemon=True).start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self._stopping.set()

    def _serve(self) -> None:
        while (server := self._try_port()) is None:
            if self._stopping.wait(RETRY_S):
                return
        self._stopping.wait()
        server.shutdown()
        server.server_close()

    def _try_port(self) -> WSGIServer | None:
        # Imported here: the counters choose how they keep values when they are made.
        from prometheus_client import start_http_server

        from actors.metrics import exposition

        settings = process.prepare()
        try:
            server, _ = start_http_server(
                settings.metrics_port, settings.metrics_host, registry=exposition(process.runtime())
            )
        except OSError as error:
            log.debug("metrics_port_taken", port=settings.metrics_port, kind=type(error).__name__)
            return None
        log.info("metrics_served", host=settings.metrics_host, port=settings.metrics_port)
        return server
