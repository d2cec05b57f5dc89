"""The dashboard as people meet it: the real web server with its worker, and a real browser."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from urllib.error import URLError

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import BrowserContext
from playwright.sync_api import ConsoleMessage
from playwright.sync_api import Page
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

from dashboard.config import Settings
from tests import chromium
from tests.databases import fresh_database

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)

NewPage = Callable[..., Page]

PATIENCE = 30_000  # ms; how fast a machine is says nothing of the code
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def address(settings: Settings, stack_python: Callable[[str], str]) -> Iterator[str]:
    """A served dashboard on which the incident's own stack is installed."""
    stack_python("sqlalchemy-1.4.42")
    assert settings.store_url
    with socket.socket() as taken, ExitStack() as held:
        taken.bind(("127.0.0.1", 0))
        taken.listen(64)
        url = held.enter_context(fresh_database(settings.store_url))
        mine = replace(settings, store_url=url, port=taken.getsockname()[1])
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "gunicorn",
                "-c",
                "python:dashboard.gunicorn_conf",
                "--bind",
                f"fd://{taken.fileno()}",
            ],
            env={**os.environ, **mine.to_env()},
            pass_fds=[taken.fileno()],
        )
        held.callback(server.wait)
        held.callback(server.terminate)
        where = f"http://127.0.0.1:{mine.port}"
        _wait_for(where, server)
        yield where


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=30):
                return
        except (URLError, OSError):
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """Of one module, and after the server: while it is there, this thread runs an event loop, and can run no other."""
    path = chromium.find()
    if path is None:
        pytest.fail(chromium.HELP)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What browsers have complained of on their consoles; a test that provokes it clears it."""
    return []


@pytest.fixture
def new_page(browser: Browser, address: str, complaints: list[str]) -> Iterator[NewPage]:
    """Makes pages, each in a context of its own, as on another machine. A complaint on the console fails the test."""
    contexts: list[BrowserContext] = []

    def make(width: int = 1440, height: int = 900, **more: object) -> Page:
        context = browser.new_context(base_url=address, viewport={"width": width, "height": height}, **more)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", note)
        return page

    def note(message: ConsoleMessage) -> None:
        gave_way = message.text.startswith(("htmx:afterRequest", "htmx:sendAbort"))  # a poll, to a click
        if message.type in ("error", "warning") and not gave_way:
            complaints.append(message.text)

    yield make
    for context in contexts:
        for page in context.pages:
            if run := re.search(r"/runs/\d+", page.url):  # a run that waits for somebody holds a place
                stop = {"form": {"kind": "stop"}, "headers": {"Origin": address, "Accept": "application/json"}}
                context.request.post(f"{run.group()}/commands", **stop)  # type: ignore[arg-type]
        context.close()
    assert not complaints, "The browser complained: " + "; ".join(complaints)


def intercepted(page: Page) -> None:
    """To be called before the page is opened, if some of its requests are to be held or answered by the test later on.

    A page that is open learns of its first route a moment after `page.route` has returned; what it asks for in that
    moment goes out, and nobody hears of it.
    """
    page.route("**/-/nothing", lambda route: route.fallback())


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page()
