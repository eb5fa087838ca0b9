"""Search a Promela model with spin: every order of its steps, or until a counterexample is found."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.servers.debian import install

MODEL = Path(__file__).with_name("sync.pml")
MEMORY_MB = 900
"""More makes the search end unfinished, which is an error."""
SEARCH_LIMIT = 300
"""Seconds after which a search is ended; each takes less than ten on an idle machine."""


class SpinMissing(Exception):
    """The model cannot be searched here; the text says what was looked for and what to do."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a search found."""

    finding: str
    """The first counterexample in spin's words; empty where there is none."""
    states: int
    """Distinct states that were stored."""
    complete: bool
    """False where the search ended before it had been everywhere, as it does at a counterexample."""
    output: str


def find_tools() -> tuple[str, str]:
    """Return spin and a C compiler, installed from Debian's packages where that may be done; raise SpinMissing."""
    wanted = {"spin": ["spin"], "cc": ["gcc", "libc6-dev"]}
    absent = [package for program, packages in wanted.items() if not shutil.which(program) for package in packages]
    why = install(*absent) if absent else ""
    spin, compiler = shutil.which("spin"), shutil.which("cc")
    if spin is None or compiler is None:
        raise SpinMissing(
            "The model of the protocol is searched with spin and a C compiler, and "
            f"{', '.join(absent)} could not be installed: {why or 'the package brought no such program'}. "
            f"Install them (Debian: apt-get install {' '.join(absent)})."
        )
    return spin, compiler


def search(tools: tuple[str, str], directory: Path, switches: Mapping[str, int | str], *, thorough: bool) -> Verdict:
    """
    Search the model with these -D switches, in *directory*; LIVENESS among them asks for endless circles too.

    *thorough* compiles for speed: it pays where everything is to be searched, not where an error is near.
    """
    spin, compiler = tools
    liveness = "LIVENESS" in switches
    definitions = [f"-D{name}={value}" for name, value in switches.items()]
    # A process each for tickers, workers and the rest: NFAIR=3 counts up to 14 of them.
    kind = ["-DNFAIR=3"] if liveness else ["-DSAFETY"]
    _run([spin, f"-P{compiler} -E -x c", "-a", *definitions, str(MODEL)], directory)
    optimise = "-O2" if thorough else "-O0"
    _run([compiler, optimise, "-w", "-DNOREDUCE", f"-DMEMLIM={MEMORY_MB}", *kind, "-o", "pan", "pan.c"], directory)
    # At most so deep, with a table of 2^22 entries; -a and -f: circles in which no process is left out for ever.
    output = _run(["./pan", "-m100000", "-w22", *(["-a", "-f"] if liveness else [])], directory)
    errors = re.search(r"errors: (\d+)", output)
    states = re.search(r"(\d+) states, stored", output)
    finding = re.search(r"^pan:\d+: (.*) \(at depth \d+\)$", output, re.MULTILINE)
    if errors is None or states is None or (finding is None) != (errors[1] == "0"):
        raise RuntimeError(f"spin's output is not understood:\n{output}")
    unfinished = ("Search not completed", "max search depth too small", "out of memory", "MEMLIM")
    return Verdict(
        finding[1] if finding else "", int(states[1]), not any(each in output for each in unfinished), output
    )


def _run(command: list[str], directory: Path) -> str:
    done = subprocess.run(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SEARCH_LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout
