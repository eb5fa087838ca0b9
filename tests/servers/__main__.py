"""Make sure, before the tests and their time limits begin, that the servers and programs they need can be had."""

from __future__ import annotations

import os
import sys
from urllib.parse import urlsplit

from tests.model.spin import SpinMissing, find_tools
from tests.servers.postgresql import find_postgresql, private_postgresql
from tests.servers.private import ServerMissing
from tests.servers.rabbitmq import find_rabbitmq, private_rabbitmq


def main() -> int:
    """Say what the tests will use; install what is missing. Exit code 1 when something cannot be had."""
    missing = 0
    for name, find, private in (
        ("RabbitMQ", find_rabbitmq, private_rabbitmq),
        ("PostgreSQL", find_postgresql, private_postgresql),
    ):
        try:
            if url := find(os.environ):
                parts = urlsplit(url)
                place = f"the one at {parts.hostname}:{parts.port}"
            else:
                private()
                place = "a private one, started for the tests"
        except ServerMissing as error:
            missing = 1
            place = str(error)
        sys.stdout.write(f"{name}: {place}\n")
    try:
        sys.stdout.write(f"spin: {find_tools()[0]}\n")
    except SpinMissing as error:
        missing = 1
        sys.stdout.write(f"spin: {error}\n")
    return missing


if __name__ == "__main__":
    sys.exit(main())
