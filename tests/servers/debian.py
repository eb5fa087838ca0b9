"""Install Debian's server packages when we may, without starting their services."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers.janitor import janitor, remove_file

POLICY = Path("/usr/sbin/policy-rc.d")
"""Asked by Debian's packages before they start a service; exit code 101 forbids it."""
LIMIT = 900
"""Seconds that one call of apt-get may take."""


def may_install() -> bool:
    """Whether this is a Debian where we are root."""
    return sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> str:
    """Install *packages* and return an empty text, or the reason why it could not be done in a few words."""
    if not may_install():
        return "packages cannot be installed here (that takes Debian and root)"
    sys.stderr.write(f"Installing Debian's {' '.join(packages)} for the tests ...\n")
    # Two test workers, or a system that updates itself, take turns.
    apt_get = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    with _one_at_a_time(), _no_services():
        for command in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                [*apt_get, *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LIMIT,
                check=False,
            )
            if done.returncode:
                last = done.stdout.strip().splitlines()[-1:] or ["no output"]
                return f"apt-get {command[0]} ended with {done.returncode} ({last[0]})"
    return ""


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    if sys.platform == "win32":
        yield
        return
    import fcntl

    with (Path(tempfile.gettempdir()) / "gconnect-tests-install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            remove_file(lock.name)


@contextlib.contextmanager
def _no_services() -> Iterator[None]:
    if POLICY.exists():
        yield
        return
    promise = janitor().promise(remove_file, path=str(POLICY))
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        promise.keep()
