"""`python -m tests.chaos`: one run, its table, and with --json its figures as the last line of standard output."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

from services.logs import configure_logging
from tests.actors.fleet import ROOT
from tests.chaos.run import Report, run
from tests.servers.private import ServerMissing


def main(arguments: list[str] | None = None) -> int:
    """Run; return 1 when anything was lost, doubled or found, 2 when the run could not be made."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break everything; nothing may be lost.")
    parser.add_argument("--minutes", type=float, default=2.0, help="how long things break; 2 unless given")
    parser.add_argument("--seed", type=int, help="repeats the plan of a run; made up unless given")
    parser.add_argument("--sellers", type=int, default=24)
    parser.add_argument("--json", action="store_true", help="end with the figures as one line of JSON")
    parser.add_argument("--folder", type=Path, help="for the programs' logs; var/chaos unless given")
    options = parser.parse_args(arguments)
    if sys.platform != "linux":
        parser.error("the chaos suite freezes, kills and adopts processes as only Linux can")
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    begin = time.monotonic()

    def tell(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - begin:7.1f} s  {line}\n")
        sys.stderr.flush()

    configure_logging("ERROR")
    sys.stdout.write(f"seed {seed}: repeat with --seed {seed} --minutes {options.minutes:g}\n")
    sys.stdout.flush()
    folder = options.folder or ROOT / "var" / "chaos"
    try:
        report = run(seed, options.minutes, options.sellers, folder, tell)
    except ServerMissing as missing:
        sys.stderr.write(f"{missing}\n")
        return 2
    show(report, folder)
    if options.json:
        sys.stdout.write(json.dumps(report.verdict.as_json()) + "\n")
    return 0 if report.verdict.is_good else 1


def show(report: Report, folder: Path) -> None:
    """Print the table, and every sentence that is one too many."""
    verdict = report.verdict
    rows = [(name.replace("_", " "), value) for name, value in verdict.as_json().items()]
    rows += [(name, value) for name, value in report.notes.items()]
    width = max(len(name) for name, _ in rows)
    out = [f"{name:<{width}}  {value}" for name, value in rows]
    for title, sentences in (("lost", verdict.lost), ("doubled", verdict.doubled), ("found", verdict.findings)):
        out += [f"{title}: {sentence}" for sentence in sentences[:50]]
        if len(sentences) > 50:
            out.append(f"{title}: and {len(sentences) - 50} more")
    if not verdict.is_good:
        out.append(f"The programs' logs are in {folder}")
    sys.stdout.write("\n".join(out) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
