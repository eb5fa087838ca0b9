"""
`python -m tests.simulator`: run the simulator as a process of its own.

Standard output gets one line of JSON when it listens, `{"url": ..., "sellers": [...]}`. It ends on SIGTERM
or SIGINT, and with --stdin when its standard input closes, so that it never outlives who started it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from threading import Event, Thread

from tests.simulator.control import add_from_json
from tests.simulator.simulator import Simulator


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description="Naver's Commerce API, simulated.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="for everything that is made up")
    parser.add_argument("--sellers", type=Path, help="a JSON list; each entry has at least a name")
    parser.add_argument("--stdin", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    ended = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    if options.stdin:
        Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    try:
        simulator = Simulator(host=options.host, port=options.port, seed=options.seed)
    except OSError as error:
        parser.error(f"cannot listen on {options.host}:{options.port}: {error}")
    with simulator:
        if options.sellers:
            try:
                for document in json.loads(options.sellers.read_bytes()):
                    add_from_json(simulator, document)
            except (OSError, ValueError, TypeError) as error:
                parser.error(f"{options.sellers}: {error}")
        sellers = [
            {"name": one.name, "client_id": one.client_id, "client_secret": one.secret} for one in simulator.sellers()
        ]
        sys.stdout.write(json.dumps({"url": simulator.url, "sellers": sellers}) + "\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _wait_for_end(ended: Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
