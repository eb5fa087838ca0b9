"""RabbitMQ for the tests: one that is there, or a private one; and a virtual host of our own in it."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote, urlsplit

import httpx
import pika
import pika.exceptions

from tests.servers.debian import install
from tests.servers.janitor import Promise, end_process, janitor
from tests.servers.private import (
    START_LIMIT,
    PrivateServer,
    ServerFailed,
    ServerMissing,
    find_program,
    listens,
)

# Not the names on PATH first: Debian's are wrappers that run the server as another user, on the installed one's files.
PROGRAMS = ("/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin", "/opt/homebrew/opt/rabbitmq/sbin")
EPMD_PROGRAMS = ("/usr/lib/erlang/erts-*/bin", "/opt/homebrew/opt/erlang/lib/erlang/erts-*/bin")
LOCAL_URL = "amqp://guest:guest@127.0.0.1:5672/"
MANAGEMENT_PORT = 15672
"""Where the management plugin listens unless it is told otherwise."""
CALL_LIMIT = 30
"""Seconds that one call of rabbitmqctl or of the management API may take; usual is half a second."""


class PrivateRabbitMQ(PrivateServer):
    """
    A RabbitMQ node of our own with the user guest/guest. Raises ServerMissing.

    It has its own Erlang port mapper, cookie and name, so that it knows nothing of other nodes on the machine.
    """

    name = "RabbitMQ"

    def __init__(self) -> None:
        super().__init__()
        server = find_program("rabbitmq-server", *PROGRAMS)
        epmd = find_program("epmd", *EPMD_PROGRAMS)
        if server is None or epmd is None or shutil.which("erl") is None:
            raise ServerMissing("RabbitMQ's server programs (rabbitmq-server, erl, epmd) are not installed.")
        self._server, self._epmd = server, epmd
        self._node = f"gconnect_{uuid.uuid4().hex[:12]}@localhost"
        self._port_mapper: subprocess.Popen[bytes] | None = None
        self._port_mapper_promise: Promise | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._ports[0]}/"

    def enable_management(self) -> str:
        """Switch the management API on until the next start, and return its URL. Raises ServerFailed."""
        plugins = [str(self._server.with_name("rabbitmq-plugins"))]
        run_ctl(plugins, ["enable", "rabbitmq_management"], self._environment())
        return f"http://127.0.0.1:{self._ports[3]}"

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node and return what it prints. Raises ServerFailed."""
        return run_ctl([str(self._server.with_name("rabbitmqctl"))], arguments, self._environment())

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._stop_port_mapper()

    def _environment(self) -> dict[str, str]:
        foreign = ("RABBITMQ_", "ERL_", "NOTIFY_SOCKET")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        files = {
            "RABBITMQ_MNESIA_BASE": "mnesia",
            "RABBITMQ_LOG_BASE": "log",
            "RABBITMQ_CONFIG_FILE": "rabbitmq.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "advanced.config",
            "RABBITMQ_CONF_ENV_FILE": "rabbitmq-env.conf",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "enabled_plugins",
            "RABBITMQ_PID_FILE": "rabbitmq.pid",
        }
        return clean | {
            **{name: str(self.directory / file) for name, file in files.items()},
            # Erlang keeps its cookie in the home directory.
            "HOME": str(self.directory),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_DIST_PORT": str(self._ports[1]),
            "ERL_EPMD_PORT": str(self._ports[2]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            # The start script becomes the server, with no shell in between that would have to pass on signals.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _prepare(self) -> None:
        cookie = self.directory / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(20))
            (self.directory / "rabbitmq-env.conf").touch()
        settings = {
            "listeners.tcp.1": f"127.0.0.1:{self._ports[0]}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self._ports[3]),
            # A build machine with little room is no reason to block publishers.
            "disk_free_limit.absolute": "10MB",
        }
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.directory / "rabbitmq.conf").write_text(text)
        # None: each plugin makes the start slower, management alone by a second.
        (self.directory / "enabled_plugins").write_text("[].\n")
        if not self._has_answered:
            self._stop_port_mapper()
        if self._port_mapper is None:
            self._start_port_mapper()

    def _command(self) -> list[str]:
        return [str(self._server)]

    def _answers(self) -> bool:
        return listens("127.0.0.1", self._ports[0]) and refusal(self.url) == ""

    def _start_port_mapper(self) -> None:
        # Erlang would start one that outlives the node.
        port = self._ports[2]
        self._port_mapper = self._spawn([str(self._epmd), "-address", "127.0.0.1", "-port", str(port)])
        arguments = {"pid": self._port_mapper.pid, "signal_number": int(signal.SIGTERM)}
        self._port_mapper_promise = janitor().promise(end_process, **arguments)
        deadline = time.monotonic() + START_LIMIT
        while not listens("127.0.0.1", port):
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._port_mapper.wait(timeout=0.02)
                raise ServerFailed(f"epmd ended with {code}. Its log:\n{self.log}")
            if time.monotonic() > deadline:
                raise ServerFailed(f"epmd did not answer in {START_LIMIT:.0f} s. Its log:\n{self.log}")

    def _stop_port_mapper(self) -> None:
        if self._port_mapper is not None:
            self._port_mapper.terminate()
            self._port_mapper.wait()
            self._port_mapper = None
        if self._port_mapper_promise is not None:
            self._port_mapper_promise.withdraw()
            self._port_mapper_promise = None


@contextlib.contextmanager
def rabbitmq_virtual_host(environ: Mapping[str, str]) -> Iterator[str]:
    """
    Give the URL of an empty virtual host that is ours alone. Raises ServerMissing.

    It is made in the server at RABBITMQ_URL or on the local port, by the management API or by rabbitmqctl.
    Where neither works, as for a server on another machine, a private server takes its place.
    """
    with contextlib.ExitStack() as stack:
        server_url = find_rabbitmq(environ)
        url = server_url and make_virtual_host(server_url, management_url(server_url, environ), stack)
        if not url:
            url = stack.enter_context(private_rabbitmq()).url
        yield url


def find_rabbitmq(environ: Mapping[str, str]) -> str | None:
    """Return the URL of a server that is there, or None; one that is named and does not answer is an error."""
    if given := environ.get("RABBITMQ_URL"):
        if reason := refusal(given):
            place = urlsplit(given).hostname
            raise ServerMissing(f"RABBITMQ_URL names a server on {place} for the tests, but {reason}.")
        return given
    return None if refusal(LOCAL_URL) else LOCAL_URL


def private_rabbitmq() -> PrivateRabbitMQ:
    """Return a private server that is not started yet, after installing its programs if need be."""
    try:
        return PrivateRabbitMQ()
    except ServerMissing as missing:
        if reason := install("rabbitmq-server"):
            raise ServerMissing(
                "The tests need RabbitMQ: none where guest/guest may log in and a virtual host can be made was found "
                f"at RABBITMQ_URL or on 127.0.0.1:5672, its server programs are not installed, and {reason}. "
                "Start one (docker compose up -d) or install it."
            ) from missing
        return PrivateRabbitMQ()


def management_url(server_url: str, environ: Mapping[str, str]) -> str:
    """Return where the server's management API should be."""
    usual = f"http://{urlsplit(server_url).hostname}:{MANAGEMENT_PORT}"
    return environ.get("RABBITMQ_MANAGEMENT_URL", usual)


def make_virtual_host(server_url: str, management: str, stack: contextlib.ExitStack) -> str | None:
    """Return the URL of a new virtual host that is deleted when *stack* unwinds, or None where we cannot make one."""
    name = f"gconnect_test_{uuid.uuid4().hex[:12]}"
    parts = urlsplit(server_url)
    user, password = unquote(parts.username or "guest"), unquote(parts.password or "guest")
    url = parts._replace(path=f"/{name}").geturl()
    access = {"management": management, "user": user, "password": password}
    for make in (_make_by_management, _make_by_ctl):
        promise = janitor().promise(delete_virtual_host, name=name, **access)
        # rabbitmqctl may speak to another node than the one that listens on this port.
        if make(name, **access) and refusal(url) == "":
            stack.callback(promise.keep)
            return url
        promise.keep()
    return None


def delete_virtual_host(name: str, management: str, user: str, password: str) -> None:
    """Delete a virtual host by whichever means reaches it."""
    try:
        _call_management(management, user, password, "DELETE", f"/api/vhosts/{name}")
    except httpx.HTTPError:
        with contextlib.suppress(ServerFailed):
            run_ctl(["rabbitmqctl"], ["delete_vhost", name], os.environ)


def _make_by_management(name: str, management: str, user: str, password: str) -> bool:
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    try:
        _call_management(management, user, password, "PUT", f"/api/vhosts/{name}")
        _call_management(management, user, password, "PUT", f"/api/permissions/{name}/{quote(user, safe='')}", rights)
    except httpx.HTTPError:
        return False
    return True


def _make_by_ctl(name: str, user: str, **_: str) -> bool:
    try:
        run_ctl(["rabbitmqctl"], ["add_vhost", name], os.environ)
        run_ctl(["rabbitmqctl"], ["set_permissions", "-p", name, user, ".*", ".*", ".*"], os.environ)
    except ServerFailed:
        return False
    return True


def _call_management(
    management: str, user: str, password: str, method: str, path: str, content: Mapping[str, str] | None = None
) -> None:
    with httpx.Client(auth=(user, password), timeout=CALL_LIMIT, trust_env=False) as client:
        client.request(method, management + path, json=content or {}).raise_for_status()


def run_ctl(program: list[str], arguments: list[str] | tuple[str, ...], environment: Mapping[str, str]) -> str:
    """Run rabbitmqctl, or another program of its kind, and return what it prints. Raises ServerFailed."""
    try:
        done = subprocess.run(
            [*program, "--quiet", *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CALL_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ServerFailed(f"{program[0]} {arguments[0]} did not run: {error}") from error
    if done.returncode:
        raise ServerFailed(f"{program[0]} {arguments[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}")
    return done.stdout


def refusal(url: str) -> str:
    """Return why the server at *url* (with its virtual host) does not let us in, or an empty text."""
    parameters = pika.URLParameters(url)
    if not listens(parameters.host, parameters.port):
        return "nobody listens there"
    parameters.socket_timeout = parameters.blocked_connection_timeout = 5
    parameters.connection_attempts = 1
    # What pika writes about a refused connection reads like a crash; here it is an answer.
    logger = logging.getLogger("pika")
    level, logger.level = logger.level, logging.CRITICAL + 1
    try:
        pika.BlockingConnection(parameters).close()
    except pika.exceptions.AMQPError as error:
        return f"it does not let us in: {error!r}"
    except OSError as error:
        return f"the connection breaks: {error}"
    finally:
        logger.level = level
    return ""
