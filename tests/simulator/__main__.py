"""
`python -m tests.simulator`: run the simulator as a process of its own.

Standard output gets one line of JSON when it listens, `{"url": ..., "sellers": [...]}`. It ends on SIGTERM
or SIGINT, and with --stdin when its standard input closes, so that it never outlives who started it.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from threading import Thread

from tests.simulator.control import add_from_json
from tests.simulator.simulator import Simulator

POLL_S = 0.2
"""How long a request to end waits at most to be noticed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description="Naver's Commerce API, simulated.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="for everything that is made up")
    parser.add_argument("--sellers", type=Path, help="a JSON list; each entry has at least a name")
    parser.add_argument("--stdin", action="store_true", help="end when standard input closes")
    options = parser.parse_args()
    # Not an Event: a handler that sets one while the main thread is in its wait() can block for ever.
    ended: list[str] = []
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _: ended.append(signal.Signals(number).name))
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
        while not ended:
            time.sleep(POLL_S)
    return 0


def _wait_for_end(ended: list[str]) -> None:
    # Not by sys.stdin: a thread that waits in there holds a lock that the end of the interpreter needs.
    while os.read(0, 4096):
        pass
    ended.append("the end of standard input")


if __name__ == "__main__":
    sys.exit(main())
