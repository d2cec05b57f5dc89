"""What the dashboard and the engine cost, measured on this machine: `make bench`.

Every figure is a median over several tries, with the 95th percentile where the slow ones matter; what is a matter of
proportion is measured against a baseline within the same run. Nothing here fails when a figure is bad: it tells.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import http.client
import json
import os
import platform
import re
import shutil
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
from playwright.sync_api import sync_playwright

from dashboard.catalogue import incidents
from dashboard.catalogue import stacks
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.servers import cluster
from dashboard.servers.lab import drop_schema
from interlock.frame import End
from interlock.job import Job
from interlock.orders import Orders
from interlock.supervisor import Runner
from tests import chromium
from tests.browser.conftest import QUIET
from tests.serving import KEPT
from tests.serving import data_folder
from tests.serving import quiet
from tests.serving import served

INCIDENTS = Path(__file__).parent / "incidents"
OLD, NEW = "sqlalchemy-1.4.42", "sqlalchemy-2.1"

Row = tuple[str, str, str]  # what, figure, aim


def machine() -> str:
    """The machine in a line, for whoever compares figures."""
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[0]
    return (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, load at start {load:.1f}"
    )


def spread(seconds: Sequence[float]) -> str:
    """Median and 95th percentile in milliseconds."""
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    return f"median {statistics.median(ordered) * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms of {len(ordered)}"


class Client:
    """A browser's requests over one kept connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method: str, path: str, **form: object) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {"Origin": f"http://127.0.0.1:{self.port}", "Sec-Fetch-Site": "same-origin", "HX-Request": "true"}
        body = None
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode({name: value for name, value in form.items() if value is not None})
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        return answer, answer.read()

    def start(self, program: str, stack: str, mode: str, incident: str = "shared_session") -> int:
        """Start a run; its number."""
        answer, body = self.ask("POST", "/runs", incident=incident, program=program, stack=stack, mode=mode)
        where = answer.headers.get("Location") or answer.headers.get("HX-Redirect") or ""
        found = re.search(r"/runs/(\d+)", where)
        if found is None:
            raise RuntimeError(f"The run was not started: {answer.status} {body[:300]!r}")
        return int(found[1])


def starts(data_dir: Path, port: int) -> list[Row]:
    """Seconds from the command to the first page, with no data and with data."""
    cold, warm = [], []
    for _ in range(3):
        shutil.rmtree(data_dir / "store", ignore_errors=True)
        shutil.rmtree(data_dir / "lab", ignore_errors=True)
        with served(data_dir, port) as (seconds, _process):
            cold.append(seconds)
        with served(data_dir, port) as (seconds, _process):
            warm.append(seconds)
    return [
        ("cold start (no data yet) to the first page", f"{statistics.median(cold):.2f} s", ""),
        ("warm start to the first page", f"{statistics.median(warm):.2f} s", "≤ 3 s"),
    ]


def clicks(port: int) -> list[Row]:
    """From a click in Chromium to the failure on screen, on the incident's own stack."""
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=list(QUIET))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for _ in range(7):
            page.goto(f"http://127.0.0.1:{port}/")
            began = time.monotonic()
            page.get_by_role("button", name="Run scenario").first.click()
            page.wait_for_url(re.compile(r"/runs/\d+"))
            page.get_by_role("button", name="To the failure").click()
            page.get_by_text("twophase").first.wait_for()
            taken.append(time.monotonic() - began)
        browser.close()
    return [("click on Run, To the failure, to the failure on screen (1.4.42)", spread(taken), "")]


def steps(port: int) -> list[Row]:
    """One step of a run: from POST to the new picture."""
    client = Client(port)
    taken: list[float] = []
    for _ in range(4):
        run = client.start("broken", OLD, "step")
        wait_for(client, run, lambda state: state["status"] == "waiting")
        at = 0
        while True:
            began = time.monotonic()
            answer, body = client.ask("POST", f"/runs/{run}/commands", kind="advance", at=at)
            took = time.monotonic() - began
            if answer.status != 200:
                raise RuntimeError(f"The step was refused: {answer.status} {body[:300]!r}")
            at += 1
            if f"step={at}".encode() not in body:
                raise RuntimeError(f"The answer does not show step {at} of run {run}")
            taken.append(took)
            if state_of(client, run)["status"] != "waiting":
                break
    return [("one step, POST to new picture (1.4.42)", spread(taken), "p95 ≤ 150 ms")]


def polls(port: int, process: psutil.Process) -> list[Row]:
    """What an unchanged poll costs: bytes on the wire and processor time of the whole server."""
    client = Client(port)
    run = client.start("broken", OLD, "step")
    wait_for(client, run, lambda state: state["status"] == "waiting")
    revision = state_of(client, run)["rev"]
    path = f"/runs/{run}/live?rev={revision}&step=0"
    answer, body = client.ask("GET", path)
    if answer.status != 204:
        raise RuntimeError(f"The poll was not answered as unchanged: {answer.status}")
    size = (
        len(body)
        + sum(len(name) + len(value) + 4 for name, value in answer.getheaders())
        + len("HTTP/1.1 204 NO CONTENT\r\n\r\n")
    )
    count = 1000
    idle = cpu(process, lambda: time.sleep(3)) / 3
    began = time.monotonic()
    used = cpu(process, lambda: [client.ask("GET", path) for _ in range(count)] and None)
    used -= idle * (time.monotonic() - began)
    client.ask("POST", f"/runs/{run}/commands", kind="stop")
    return [
        ("unchanged poll, bytes of the answer", f"{size} bytes", "≤ 300"),
        ("unchanged poll, processor time of the server", f"{used / count * 1000:.2f} ms", "≤ 2 ms"),
    ]


def cpu(process: psutil.Process, work: Callable[[], None]) -> float:
    """Processor seconds that a process and its children use while some work is done, PostgreSQL included."""

    def total() -> float:
        times = [one.cpu_times() for one in [process, *process.children(recursive=True)]]
        return sum(one.user + one.system for one in times)

    before = total()
    work()
    return total() - before


def state_of(client: Client, run: int) -> dict[str, object]:
    """Status and revision of a run, as its page has them."""
    _, body = client.ask("GET", f"/runs/{run}/step.json")
    found: dict[str, object] = json.loads(body)["run"]
    return found


def wait_for(client: Client, run: int, good: Callable[[dict[str, object]], bool], patience: float = 30) -> None:
    deadline = time.monotonic() + patience
    while not good(state_of(client, run)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"Run {run} did not get there: {state_of(client, run)}")
        time.sleep(0.01)


def crowd(data_dir: Path, port: int) -> list[Row]:
    """A run as large as one can look at: opening it, stepping through it, what it weighs."""
    with served(data_dir, port, INCIDENTS) as (_seconds, process):
        client = Client(port)
        began = time.monotonic()
        run = client.start("broken", NEW, "replay", "crowd")
        wait_for(client, run, lambda state: state["status"] == "ended", patience=600)
        played, state = time.monotonic() - began, state_of(client, run)
        steps = int(str(state["steps"]))
        sizes, opened, stepped = [], [], []
        web = next(one for one in process.children(recursive=True) if "gunicorn" in " ".join(one.cmdline()[:4]))
        web = next(iter(web.children()), web)  # the one that answers, not the one that watches it
        for at in range(steps // 20, steps, steps // 20):
            for view in ("", "&view=timeline"):
                began = time.monotonic()
                _, body = client.ask("GET", f"/runs/{run}?step={at}{view}")
                opened.append(time.monotonic() - began)
                sizes.append(len(body))
            for following in range(at + 1, at + 6):
                began = time.monotonic()
                _, body = client.ask("GET", f"/runs/{run}/live?step={following}")
                stepped.append(time.monotonic() - began)
                sizes.append(len(body))
        _, body = client.ask("GET", f"/runs/{run}?step={steps // 2}&view=timeline-all")
        memory = web.memory_info().rss / 2**20
        others = (one for one in [process, *process.children(recursive=True)] if "postgres" not in one.name())
        whole = sum(one.memory_full_info().pss for one in others) / 2**20
    what = f"300 tasks, 60 connections, {steps} steps"
    return [
        (f"{what}: played in", f"{played:.0f} s", ""),
        (f"{what}: opening its page", spread(opened), "≤ 1 s"),
        (f"{what}: from step to step", spread(stepped), "p95 ≤ 200 ms"),
        (f"{what}: the page", f"{max(sizes) / 1e6:.2f} MB, with every lane {len(body) / 1e6:.2f} MB", "≤ 1 MB"),
        (f"{what}: memory of the web process", f"{memory:.0f} MB", "≤ 300 MB"),
        (f"{what}: memory of all processes but PostgreSQL's", f"{whole:.0f} MB", ""),
    ]


def viewers(port: int, process: psutil.Process, speed: str, count: int = 100) -> Row:
    """What many people cost who watch one run that is played."""
    client, answers, seconds = Client(port), Counter[str](), 6.0
    run = client.start("connections", OLD, "step")
    wait_for(client, run, lambda state: state["status"] == "waiting")
    pages = [arrive(port, run) for _ in range(count)]
    client.ask("POST", f"/runs/{run}/commands", kind="play", speed=speed)
    used = cpu(process, lambda: asyncio.run(watch(port, pages, seconds, answers)))
    client.ask("POST", f"/runs/{run}/commands", kind="stop")
    seen = ", ".join(f"{times} {what}" for what, times in sorted(answers.items()))
    what = f"{count} viewers of a run played at {speed} ×: processors of the whole server"
    return what, f"{used / seconds:.2f} ({seen})", "≤ 0.5"


FRAGMENT = re.compile(r'hx-get="(/runs/\d+/(live|company)\?[^"]*)" hx-trigger="every (\d+)(m?)s')


@dataclass
class Poll:
    """A fragment of a page that asks for its next version: where, and every how many seconds."""

    path: str
    every: float


Page = tuple[str, dict[str, Poll]]  # the browser's cookie, and what its page polls by name


def arrive(port: int, run: int) -> Page:
    """Somebody opens the page of a run in a browser of their own."""
    answer, body = Client(port).ask("GET", f"/runs/{run}")
    return str(answer.headers["Set-Cookie"]).partition(";")[0], polled(body.decode())


def polled(body: str) -> dict[str, Poll]:
    return {
        name: Poll(html.unescape(path), int(every) / (1000 if milli else 1))
        for path, name, every, milli in FRAGMENT.findall(body)
    }


async def watch(port: int, pages: Sequence[Page], seconds: float, answers: Counter[str]) -> None:
    """These pages, each of which asks for what is new as `static/js/poll.js` does."""

    async def one(number: int, cookie: str, name: str, poll: Poll) -> None:
        await asyncio.sleep(poll.every * number / len(pages))
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            asked = time.monotonic()
            lines = (
                f"GET {poll.path} HTTP/1.1",
                f"Host: 127.0.0.1:{port}",
                "Sec-Fetch-Site: same-origin",
                "HX-Request: true",
                f"Cookie: {cookie}",
            )
            writer.write("\r\n".join((*lines, "", "")).encode())
            said = (await reader.readuntil(b"\r\n\r\n")).decode()
            status = int(said.split()[1])
            answers[f"{'new' if status == 200 else 'unchanged'} of {name}"] += 1
            length = re.search(r"(?i)content-length: (\d+)", said)
            body = (await reader.readexactly(int(length[1]))).decode() if length else ""
            if body and name not in polled(body):
                break  # the run is over
            poll = polled(body).get(name, poll)
            await asyncio.sleep(max(0.0, asked + poll.every - time.monotonic()))
        writer.close()

    await asyncio.gather(*(one(at, cookie, *its) for at, (cookie, polls) in enumerate(pages) for its in polls.items()))


async def engine(settings: Settings, lab_url: str) -> list[Row]:
    """The engine alone: gated against natural, and seeded runs a second."""
    incident = incidents.load(settings.scenario_dirs).incident("shared_session")
    assert incident is not None
    rows: list[Row] = []

    def job(program: str, mode: str, schema: str, **more: object) -> Job:
        found = incident.program(program)
        assert found is not None
        how = {"setup": incident.setup, "invariants": incident.invariants, **more}
        return Job(str(found.path), lab_url, schema, mode=mode, **how)  # type: ignore[arg-type]

    async def length(runner: Runner, one: Job) -> float:
        began = time.monotonic()
        messages = [message async for message in runner.play(one)]
        assert isinstance(messages[-1], End)
        assert messages[-1].outcome in ("ok", "error"), messages[-1]
        return time.monotonic() - began

    for stack in (OLD, NEW):
        runner = await Runner.start((await stacks.install(settings, stack, quiet, quiet)).python)
        gated, natural = [], []
        for _ in range(15):
            natural.append(await length(runner, job("session_per_task", "natural", "bench_a")))
            gated.append(await length(runner, job("session_per_task", "replay", "bench_a")))
        ratio = statistics.median(gated) / statistics.median(natural)
        shown = f"{ratio:.2f} × ({statistics.median(gated) * 1000:.0f} ms / {statistics.median(natural) * 1000:.0f} ms)"
        rows.append((f"gated run against natural run, session_per_task ({stack})", shown, "≤ 1.3 ×"))
        await runner.close()

    at_once = os.cpu_count() or 1
    runners = [await Runner.start(sys.executable) for _ in range(at_once)]
    each = 200
    played = Orders()
    played.doubt = "how long a run takes is to be seen, so none is answered from what is known"

    async def work(runner: Runner, number: int) -> None:
        seeds = range(number * each, (number + 1) * each)
        async for _, end in runner.explore(job("broken", "random", f"bench_{number}"), seeds, played):
            assert end.outcome == "error", end

    began = time.monotonic()
    await asyncio.gather(*(work(runner, number) for number, runner in enumerate(runners)))
    rate = played.played / (time.monotonic() - began)
    rows.append((f"seeded runs of broken on {NEW}, {at_once} at once", f"{rate:.0f} a second", "≥ 40"))
    for number, runner in enumerate(runners):
        await runner.close()
        drop_schema(lab_url, f"bench_{number}")
    drop_schema(lab_url, "bench_a")
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parts = ("starts", "clicks", "steps", "polls", "viewers", "crowd", "engine")
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument("part", nargs="*", choices=[*parts, []], help=f"of {', '.join(parts)}; all without one")
    parser.add_argument("--port", type=int, default=8449)
    options = parser.parse_args(arguments)
    wanted = options.part or parts
    print(machine(), flush=True)
    rows: list[Row] = []
    with data_folder((OLD, NEW)) as folder:
        settings = Settings(folder, scenario_dirs=(resource("scenarios"),))
        if "starts" in wanted:
            rows += starts(folder, options.port)
        with served(folder, options.port) as (_seconds, process):
            rows += clicks(options.port) if "clicks" in wanted else []
            rows += steps(options.port) if "steps" in wanted else []
            rows += polls(options.port, process) if "polls" in wanted else []
            rows += [viewers(options.port, process, speed) for speed in ("1", "4") if "viewers" in wanted]
        rows += crowd(folder, options.port) if "crowd" in wanted else []
        if "engine" in wanted:
            with cluster.lab(settings) as lab_url:
                rows += asyncio.run(engine(Settings(KEPT, scenario_dirs=settings.scenario_dirs), lab_url))
    width = max(len(what) for what, _, _ in rows)
    for what, figure, aim in rows:
        print(f"{what:{width}}  {figure}{f'   (aim {aim})' if aim else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
