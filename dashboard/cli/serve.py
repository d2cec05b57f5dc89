"""`interlock serve`: the embedded servers and the web server, started, watched over and stopped together."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from dashboard.config import Settings
from dashboard.processes import die_with_parent
from dashboard.servers.cluster import SERVE
from dashboard.servers.cluster import Cluster
from dashboard.servers.cluster import embedded

ANSWER_SECONDS = 60.0
STOP_SECONDS = 15.0
LOOK_EVERY = 0.5
CRASHES = 5  # of a server, within CRASH_SECONDS, before we give up on it
CRASH_SECONDS = 60.0

Say = Callable[[str], None]


class ServeError(Exception):
    """The dashboard cannot be served, or no longer; the message says why and what to do."""


class _Stop(BaseException):
    """A signal asked us to end."""


def serve(settings: Settings, say: Say) -> None:
    """Serve the dashboard until a signal says stop. Whatever happens, nothing that was started is left running."""
    with suppress(_Stop), _stopped_by_signals(), listening(settings) as listener:
        settings = replace(settings, port=listener.getsockname()[1])
        with embedded(settings, SERVE) as servers, _web(servers.settings, listener) as web:
            listener.close()  # it is the web server's now; without that nobody must believe somebody listens
            _wait_for_answer(servers.settings, web)
            say(f"Interlock is at {settings.address}")
            _watch(web, servers.clusters, say)


@contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The socket of the page, taken before anything else is begun; raises ServeError if it cannot be had."""
    where = f"{settings.host} port {settings.port}"
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ServeError(f"INTERLOCK_HOST={settings.host} is no address of this machine: {error.strerror}.") from error
    family, _, _, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            listener.listen(128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ServeError(
                    f"{where} is in use. If Interlock runs already, open {settings.address}; "
                    f"otherwise choose another port: INTERLOCK_PORT={settings.port + 1} make run"
                ) from error
            raise ServeError(f"{where} cannot be listened on: {error.strerror}.") from error
        yield listener


@contextmanager
def _web(settings: Settings, listener: socket.socket) -> Iterator[subprocess.Popen[bytes]]:
    """The web server, as a child with a session of its own: a Ctrl-C in the terminal is for us alone.

    It works in the root folder, since gunicorn imports from where it works, and nobody keeps modules there.
    """
    command = [sys.executable, "-P", "-m", "gunicorn", "-c", "python:dashboard.gunicorn_conf"]
    web = subprocess.Popen(
        [*command, "--bind", f"fd://{listener.fileno()}"],
        env={**os.environ, **settings.to_env()},
        cwd="/",
        stdin=subprocess.DEVNULL,
        pass_fds=[listener.fileno()],
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        yield web
    finally:
        web.terminate()
        with suppress(subprocess.TimeoutExpired):
            web.wait(STOP_SECONDS)
        with suppress(ProcessLookupError):  # whatever of it has outlived its master
            os.killpg(web.pid, signal.SIGKILL)
        web.wait()


def _wait_for_answer(settings: Settings, web: subprocess.Popen[bytes]) -> None:
    """Return when the dashboard answers. The request waits in the socket's queue until somebody takes it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        answer = connection.getresponse()
        said = answer.read(1000).decode(errors="replace").strip()
    except OSError as error:
        with suppress(subprocess.TimeoutExpired):
            web.wait(1)
        ended = "ended while starting" if web.poll() is not None else f"does not answer ({error})"
        raise ServeError(f"The web server {ended}; what it said is above.") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise ServeError(f"The dashboard is not well: it answers {answer.status}, {said}.")


def _watch(web: subprocess.Popen[bytes], clusters: list[Cluster], say: Say) -> None:
    """Look after the children until a signal comes. A server that crashed is started again, with all it committed."""
    crashes: list[float] = []
    while True:
        time.sleep(LOOK_EVERY)
        if web.poll() is not None:
            raise ServeError(f"The web server ended unexpectedly (exit status {web.returncode}).")
        for cluster in clusters:
            status = cluster.ended()
            if status is None:
                continue
            crashes = [when for when in crashes if when > time.monotonic() - CRASH_SECONDS] + [time.monotonic()]
            if len(crashes) > CRASHES:
                raise ServeError(f"The embedded PostgreSQL “{cluster.name}” keeps crashing; its log is {cluster.log}.")
            say(f"The embedded PostgreSQL “{cluster.name}” ended (exit status {status}); it is started again.")
            cluster.launch()
            cluster.wait_ready()


@contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Turn the first request to stop into an orderly way out, which later ones do not disturb."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(number: int, frame: FrameType | None) -> None:
        for one in numbers:
            signal.signal(one, signal.SIG_IGN)
        raise _Stop

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
