"""Backends that are frozen while others have their turn are never left so."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from dashboard.servers.lab import drop_schema
from interlock.frame import End
from interlock.freezer import Freezer
from interlock.job import Job
from interlock.job import Limits
from interlock.link import Link
from interlock.supervisor import Runner
from tests.lab.conftest import PROGRAMS
from tests.lab.conftest import until

SCHEMA = "test_freezer"
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="backends are held still on Linux only")


def test_a_run_that_is_killed_leaves_no_backend_stopped(lab_url: str, stack_python: Callable[[str], str]) -> None:
    setup = (PROGRAMS / "schema.sql").read_text()
    job = Job(str(PROGRAMS / "held.py"), lab_url, SCHEMA, setup=setup, limits=Limits(hang_after=60.0))

    with psycopg.connect(lab_url, autocommit=True) as server:

        def backends() -> dict[int, str]:
            """Those of the program that are there: how the operating system calls what they are doing."""
            rows = server.execute(
                "select pid from pg_stat_activity where application_name ~ %s", (f"^interlock:{SCHEMA}:c[0-9]+$",)
            )
            return {pid: state for (pid,) in rows if (state := _state(pid))}

        async def kill_while_two_are_held() -> End:
            runner = await Runner.start(stack_python("sqlalchemy-2.1"))
            try:
                playing = asyncio.create_task(_last(runner, job))
                await asyncio.to_thread(until, lambda: list(backends().values()).count("T") == 2)
                assert runner.run_pid is not None
                os.kill(runner.run_pid, signal.SIGKILL)
                await asyncio.to_thread(until, lambda: "T" not in backends().values())
                await asyncio.to_thread(until, lambda: len(backends()) <= 1)  # the one that sleeps has not noticed yet
                return await playing
            finally:
                await runner.close()

        try:
            assert asyncio.run(kill_while_two_are_held()).outcome == "crash"
        finally:
            server.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name ~ %s",
                (f"^interlock:{SCHEMA}:",),
            )
            drop_schema(lab_url, SCHEMA)


SLOW_GUARDIAN = """
import os, signal, sys, time
from types import SimpleNamespace
from interlock import freezer
guard = freezer._guard
freezer._guard = lambda *pipes: (time.sleep(1), guard(*pipes))
freezer._is_ours = lambda pid, sock: True
freezer.Freezer().freeze([SimpleNamespace(pid=int(sys.argv[1]), sock=object())])
os.killpg(0, signal.SIGKILL)
"""


def test_nobody_is_stopped_before_there_is_somebody_to_let_them_go() -> None:
    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            command = [sys.executable, "-c", SLOW_GUARDIAN, str(sleeper.pid)]
            done = subprocess.run(command, cwd=ROOT, start_new_session=True, timeout=30, check=False)
            assert done.returncode == -signal.SIGKILL  # it has got that far
            until(lambda: _state(sleeper.pid) == "S", seconds=5)
        finally:
            sleeper.kill()


def test_a_backend_that_works_is_not_asleep(lab_url: str) -> None:
    with psycopg.connect(lab_url, autocommit=True) as server, socket.socket(fileno=os.dup(server.fileno())) as sock:
        link = cast(Link, SimpleNamespace(pid=server.info.backend_pid, sock=sock))
        freezer = Freezer()

        def work() -> None:
            with pytest.raises(psycopg.errors.QueryCanceled):
                server.execute("select count(*) from generate_series(1, 1000000000000)")

        until(lambda: freezer.asleep(link))
        working = Thread(target=work)
        working.start()
        until(lambda: not freezer.asleep(link))
        server.cancel_safe()
        working.join()
        until(lambda: freezer.asleep(link))


async def _last(runner: Runner, job: Job) -> End:
    *_, end = [message async for message in runner.play(job)]
    assert isinstance(end, End)
    return end


def _state(pid: int) -> str:
    """One letter, T for stopped; "" if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""
