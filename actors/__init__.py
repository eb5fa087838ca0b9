"""What `dramatiq actors` and `periodiq actors` load: the settings, the broker, then the actors that it carries."""

from __future__ import annotations

import sys

import dramatiq

from actors.process import prepare
from services.settings import SettingsError

try:
    settings = prepare()
except SettingsError as error:
    print(error, file=sys.__stderr__)
    raise SystemExit(2) from None

# After the settings: where the metrics live must be known before the first of them is made.
from actors.broker import make_broker

dramatiq.set_broker(make_broker(settings))

# After the broker: an actor binds to the one that is set when it is declared.
from actors import scheduling, syncing  # noqa: E402

__all__ = ["scheduling", "syncing"]
