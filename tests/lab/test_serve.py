"""`interlock serve` whole: from nothing to an answering page, and to nothing again."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from dashboard.config import Settings
from dashboard.servers.cluster import running

INTERLOCK = Path(sys.executable).with_name("interlock")

Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        number: int = one.getsockname()[1]
        return number


@pytest.fixture
def serve(data_dir: Path, port: int) -> Iterator[Serve]:
    """Starts `interlock serve` in the test's data directory; at the end everything of it must be gone."""
    begun: list[subprocess.Popen[str]] = []

    def start(**environment: str) -> subprocess.Popen[str]:
        given = {"INTERLOCK_DATA_DIR": str(data_dir), "INTERLOCK_PORT": str(port), **environment}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
        child = subprocess.Popen(
            [INTERLOCK, "serve"],
            env={**clean, **given},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(child)
        return child

    yield start
    for child in begun:
        with child:
            child.terminate()
            child.wait(20)


def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout
    return child.stdout.readline().strip()


def error_of(child: subprocess.Popen[str]) -> str:
    """What a start that failed said."""
    _, error = child.communicate(timeout=60)
    assert child.returncode == 1, error
    return error


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def family(child: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(child.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=10)
    return not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_when_it_says_so_and_leaves_nothing_when_told_to_stop(
    serve: Serve, port: int, data_dir: Path, number: signal.Signals
) -> None:
    (data_dir / "click.py").write_text("raise SystemExit('what lies with the data is no module')")
    child = serve()
    assert said(child) == f"Interlock is at http://127.0.0.1:{port}"
    assert get(port, "/healthz")[0] == 200
    status, page = get(port, "/")
    assert status == 200
    assert "Interlock" in page
    children = family(child)
    assert len(children) > 5

    child.send_signal(number)

    assert child.wait(20) == 0
    assert all_gone(children)
    with pytest.raises(ConnectionRefusedError):
        get(port, "/")


def test_a_second_start_is_quick_and_nothing_is_lost(serve: Serve, port: int, data_dir: Path) -> None:
    first = serve()
    said(first)
    first.terminate()
    first.wait(20)

    began = time.monotonic()
    second = serve()
    said(second)
    get(port, "/")

    assert time.monotonic() - began < 10  # 3 s are promised, and measured by the benchmark; here others use the machine
    assert running(Settings(data_dir)).store_url


def test_kill_9_leaves_nothing_and_the_next_start_is_clean(serve: Serve, port: int) -> None:
    child = serve()
    said(child)
    children = family(child)

    child.kill()
    child.wait()

    assert all_gone(children)
    assert said(serve()).startswith("Interlock is at")
    assert get(port, "/healthz")[0] == 200


def test_a_server_that_crashes_is_started_again(serve: Serve, port: int, data_dir: Path) -> None:
    child = serve()
    said(child)
    store = next(one for one in family(child) if "store" in " ".join(one.cmdline()))

    store.kill()

    assert "“store” ended (exit status -9); it is started again" in said(child)
    deadline = time.monotonic() + 20
    while get(port, "/healthz")[0] != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_without_its_web_server_it_ends_and_says_so(serve: Serve) -> None:
    child = serve()
    said(child)
    children = family(child)
    web = next(one for one in children if "gunicorn" in " ".join(one.cmdline()))

    web.kill()

    assert "web server ended unexpectedly (exit status -9)" in error_of(child)
    assert all_gone(children)


def test_a_port_in_use_is_told_before_anything_is_begun(serve: Serve, port: int, data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()

        error = error_of(serve())

    assert f"127.0.0.1 port {port} is in use" in error
    assert f"INTERLOCK_PORT={port + 1} make run" in error
    assert "Traceback" not in error
    assert list(data_dir.iterdir()) == []


def test_a_data_directory_in_use_is_told(serve: Serve) -> None:
    first = serve()
    said(first)

    error = error_of(serve(INTERLOCK_PORT="0"))

    assert f"in use by `interlock serve` (process {first.pid})" in error
    assert "INTERLOCK_DATA_DIR" in error
    assert first.poll() is None


def test_a_store_that_is_down_is_told(serve: Serve) -> None:
    error = error_of(serve(INTERLOCK_STORE_URL="postgresql://nobody@127.0.0.1:1/none"))

    assert "The store cannot be used" in error


def test_other_machines_are_let_in_only_with_a_token(serve: Serve, port: int) -> None:
    error = error_of(serve(INTERLOCK_HOST="0.0.0.0"))
    assert "INTERLOCK_TOKEN" in error
    assert "Traceback" not in error

    token = "only-for-this-test-0123456789"
    names = "interlock.example"
    child = serve(INTERLOCK_HOST="0.0.0.0", INTERLOCK_TOKEN=token, INTERLOCK_ALLOWED_HOSTS=names)
    assert said(child) == f"Interlock is at http://interlock.example:{port}"
    assert get(port, "/", Host=names)[0] in (401, 403)
    assert get(port, "/", Host=names, Authorization=f"token {token}")[0] == 200


def test_bad_settings_are_told_without_a_traceback(serve: Serve) -> None:
    error = error_of(serve(INTERLOCK_PORT="eighty"))

    assert "INTERLOCK_PORT is 'eighty'" in error
    assert "Traceback" not in error
