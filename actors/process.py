"""This process: its settings, read once, and its runtime, made when it is first needed and after the fork."""

from __future__ import annotations

import os
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from services.logs import configure_logging, redact_values
from services.settings import Settings, load_settings

if TYPE_CHECKING:
    from services.runtime import Runtime

MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"

_lock = threading.Lock()
_runtime: Runtime | None = None


@cache
def prepare() -> Settings:
    """Read the settings and set up what must stand before anything else is imported; raise SettingsError."""
    settings = load_settings()
    if not structlog.is_configured():
        configure_logging(settings.log_level)
    redact_values(*settings.secrets())
    if settings.queue == "rabbitmq" and settings.metrics_port:
        # prometheus_client chooses how it keeps values when it is first imported.
        directory = Path(os.environ.setdefault(MULTIPROCESS_DIR, str(settings.metrics_dir)))
        directory.mkdir(parents=True, exist_ok=True)
    return settings


def runtime(*, pool_size: int = 8) -> Runtime:
    """Return the parts of this process; *pool_size* counts where they are made by this call."""
    global _runtime
    with _lock:
        if _runtime is None:
            # Imported here: the libraries below log as they are loaded, and the counters choose how they
            # keep values when they are made. Both must find what prepare() has set up.
            from actors.metrics import PrometheusMeter
            from services.runtime import build

            _runtime = build(prepare(), meter=PrometheusMeter(), pool_size=pool_size)
        return _runtime


def use(rt: Runtime) -> None:
    """Let this process work with parts that its program has put together."""
    global _runtime
    with _lock:
        _runtime = rt


def close() -> None:
    """Give the connections of this process back."""
    global _runtime
    with _lock:
        if _runtime is not None:
            _runtime.close()
            _runtime = None
