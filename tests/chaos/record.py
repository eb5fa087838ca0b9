"""What is written down while blows are dealt: whom they hit, and what the auditor says meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

from services.invariants import LATE, Finding

ALLOWED_MEANWHILE = LATE | {"off_cadence"}
"""What the auditor may find while things break: what waits for a tick, and the instants that the run makes."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A moment at which processes of the product stopped working, by kill -9 or frozen."""

    at: float
    """Unix seconds."""
    pids: frozenset[int]


def said(finding: Finding) -> str:
    """Return a finding of the auditor as a line."""
    return " ".join([finding.code, *(f"{name}={value}" for name, value in finding.params.items())])
