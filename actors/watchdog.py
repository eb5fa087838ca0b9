"""Ends a worker process that could only pretend to work: with a dead thread, or without its master."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading

import dramatiq
import structlog
from dramatiq.middleware import Middleware

log = structlog.get_logger(__name__)

EXIT_CODE = 70
INTERVAL_S = 5.0
PR_SET_PDEATHSIG = 1


class Watchdog(Middleware):
    """Looks at the threads of the worker every few seconds; a supervisor starts the process anew."""

    def __init__(self) -> None:
        self._stopping = threading.Event()

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        # A master that is killed would leave workers behind that go on consuming, unseen by any supervisor.
        # The all-in-one has no master: it may well outlive the shell that started it.
        has_master = not getattr(broker, "hosted", False)
        if has_master and sys.platform == "linux" and os.getppid() != 1:
            ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def after_worker_boot(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self._stopping.clear()
        threading.Thread(target=self._watch, args=(worker,), name="watchdog", daemon=True).start()

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        self._stopping.set()

    def _watch(self, worker: dramatiq.Worker) -> None:
        while not self._stopping.wait(INTERVAL_S):
            dead = [thread.name for thread in (*worker.workers, *worker.consumers.values()) if not thread.is_alive()]
            if dead and not self._stopping.is_set():
                log.critical("worker_thread_died", threads=dead, exit_code=EXIT_CODE)
                os._exit(EXIT_CODE)
