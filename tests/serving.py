"""A dashboard started as `make run` starts it, for what measures it and what takes its picture."""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import closing
from contextlib import contextmanager
from pathlib import Path

import psutil

from dashboard.catalogue import stacks
from dashboard.config import Settings

INTERLOCK = Path(sys.executable).with_name("interlock")
KEPT = Path(__file__).resolve().parent.parent / "build" / "tests"
"""Where the stacks of the tests are kept."""


@contextmanager
def data_folder(names: Sequence[str]) -> Iterator[Path]:
    """A data directory for the while, empty but for the named stacks."""
    for name in names:
        asyncio.run(stacks.install(Settings(KEPT), name, quiet, quiet))
    folder = Path(tempfile.mkdtemp(prefix="interlock-"))
    try:
        folder.chmod(0o755)  # root's servers run as another account
        (folder / "stacks").symlink_to(KEPT / "stacks")
        yield folder
    finally:
        shutil.rmtree(folder)


async def quiet(text: str) -> None:
    """Progress of an installation that nobody watches."""


@contextmanager
def served(data_dir: Path, port: int, scenarios: Path | None = None) -> Iterator[tuple[float, psutil.Process]]:
    """A dashboard started as `make run` starts it; gives the seconds to its first page, and its process."""
    began = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INTERLOCK_")}
    environment |= {"INTERLOCK_DATA_DIR": str(data_dir), "INTERLOCK_PORT": str(port)}
    if scenarios is not None:
        environment["INTERLOCK_SCENARIOS"] = str(scenarios)
    child = subprocess.Popen([INTERLOCK, "serve"], env=environment, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                get(port, "/")
                break
            except OSError:
                if child.poll() is not None or time.monotonic() - began > 60:
                    raise
                time.sleep(0.01)
        yield time.monotonic() - began, psutil.Process(child.pid)
    finally:
        child.send_signal(signal.SIGINT)
        child.wait(30)


def get(port: int, path: str) -> str:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read().decode()
