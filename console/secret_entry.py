"""How an application secret comes in: typed unseen, or on standard input. Never as an argument, which others see."""

from __future__ import annotations

import sys
from getpass import getpass

from console.invocation import Invocation
from services.credentials import SecretMalformed, check_secret_format
from services.texts import Refusal

LONGEST = 4096
"""Characters that are read; a secret has 29."""


def read_secret(call: Invocation, *, from_stdin: bool) -> str:
    """Return the secret; raise SecretMalformed, or Refusal where nobody could type one."""
    if from_stdin:
        secret = _from_stdin()
    elif sys.stdin is None or not sys.stdin.isatty():
        raise Refusal("usage.secret_needs_stdin")
    else:
        # Asks only when nothing is shown any more, and not on standard output.
        secret = getpass(f"{call.say('ask_secret')}: ")
    check_secret_format(secret)
    return secret


def _from_stdin() -> str:
    try:
        line = sys.stdin.readline(LONGEST)
    except UnicodeDecodeError as error:
        raise SecretMalformed("secret.malformed", length="?") from error
    # Windows' PowerShell puts a byte order mark in front of what it pipes.
    return line.rstrip("\r\n").removeprefix("\ufeff")
