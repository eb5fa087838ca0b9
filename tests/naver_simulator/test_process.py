"""`python -m tests.simulator` as other processes start and end it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "tests.simulator", "--port", "0", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_says_where_it_listens_and_ends_on_sigterm(tmp_path: Path) -> None:
    file = tmp_path / "sellers.json"
    file.write_text(json.dumps([{"name": "가게", "products": 5}]), encoding="utf-8")
    with running("--sellers", str(file)) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        assert [seller["name"] for seller in ready["sellers"]] == ["가게"]
        shown = httpx.get(f"{ready['url']}/_simulator/sellers", verify=False).json()
        assert shown["sellers"][0]["client_secret"] == ready["sellers"][0]["client_secret"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_it_ends_when_its_standard_input_closes() -> None:
    with running("--stdin") as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def test_a_bad_file_of_sellers_is_refused_with_its_culprit(tmp_path: Path) -> None:
    file = tmp_path / "sellers.json"
    file.write_text('[{"name": "x", "colour": "blue"}]', encoding="utf-8")
    with running("--sellers", str(file)) as process:
        assert process.wait(timeout=30) == 2
        assert process.stderr is not None
        message = process.stderr.read().decode()
    assert "colour" in message
    assert "Traceback" not in message
