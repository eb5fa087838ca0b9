"""
Check and test everything: `make test`, or `python -m tests` where there is no make.

What is left of the command line goes to pytest, whose closing line ends the output. With `--static` only the
checks that need no server are made.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
STATIC = {
    "ruff check": [PYTHON, "-m", "ruff", "check", "."],
    "ruff format": [PYTHON, "-m", "ruff", "format", "--check", "."],
    "mypy": [PYTHON, "-m", "mypy"],
    "import contracts": [PYTHON, "-c", "from importlinter.cli import lint_imports_command as lint; lint()"],
}
SERVERS = [PYTHON, "-m", "tests.servers"]
PYTEST = [
    PYTHON,
    "-m",
    "pytest",
    "-n",
    "3",
    "--dist",
    "worksteal",
    "--cov",
    "--cov-report=term-missing:skip-covered",
    "--cov-fail-under=95",
]
"""Three workers for two cores: many tests wait. Stealing work: one of them is busy with chaos for minutes."""


def main(arguments: list[str]) -> int:
    """Run the steps and return the exit code: that of pytest, or 1 when something before it failed."""
    failed = [name for name, command in STATIC.items() if not passes(name, command)]
    if failed:
        say(f"\nFailed: {', '.join(failed)}. Tests run when these pass; alone: {PYTHON} -m pytest")
        return 1
    if "--static" in arguments:
        return 0
    if subprocess.run(SERVERS, cwd=ROOT, check=False).returncode:
        return 1
    return subprocess.run([*PYTEST, *arguments], cwd=ROOT, check=False).returncode


def passes(name: str, command: list[str]) -> bool:
    """Run one check, say in a line how it went, and show what it wrote when it failed."""
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    verdict = "failed" if done.returncode else "ok"
    say(f"{name:<17} {verdict:<6} {time.monotonic() - begin:5.1f} s")
    if done.returncode:
        say((done.stdout + done.stderr).rstrip())
    return done.returncode == 0


def say(text: str) -> None:
    """Write a line at once: the steps write to the same place."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
