"""Stacks: named, pinned sets of libraries, each with the interpreter that has them.

One is the dashboard's own environment and there at once. The others are installed into environments of their own, below
the data directory, from requirement files with hashes. A team adds its own projects by naming their interpreters in
`stacks.toml` in the data directory:

    [shop]
    python = "~/shop/.venv/bin/python"
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from collections.abc import Awaitable
from collections.abc import Callable
from contextlib import asynccontextmanager
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

from dashboard.catalogue import interpreters
from dashboard.catalogue.interpreters import Interpreter
from dashboard.catalogue.interpreters import Version
from dashboard.config import Settings
from dashboard.config import resource
from dashboard.processes import die_with_parent

Tell = Callable[[str], Awaitable[None]]

OWN = "sqlalchemy-2.1"
LIBRARIES = {"sqlalchemy": "SQLAlchemy", "asyncpg": "asyncpg", "fastapi": "FastAPI", "greenlet": "greenlet"}
READY = "interlock-ready"  # in an environment: it is whole, and made from the requirements of this digest

ASK_VERSIONS = """
import importlib, json, platform, sys
import sqlalchemy.ext.asyncio
told = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        told[name] = importlib.import_module(name).__version__
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
print(json.dumps(told))
"""


class StackError(Exception):
    """A stack cannot be had; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Recipe:
    """How one of our stacks is made, and of which Pythons."""

    name: str
    oldest: Version
    newest: Version
    compiles_from: Version | None = None  # from this Python on the driver has no ready-made build

    @property
    def requirements(self) -> Path:
        return resource("requirements/stacks") / f"{self.name}.txt"

    @property
    def pins(self) -> dict[str, str]:
        """The versions of LIBRARIES that it pins."""
        pinned = dict(re.findall(r"^([\w-]+)==([^\s;]+)", self.requirements.read_text(), re.MULTILINE))
        return {name: pinned[name] for name in LIBRARIES}

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.requirements.read_bytes()).hexdigest()

    def compiles(self, base: Interpreter) -> bool:
        return self.compiles_from is not None and base.version >= self.compiles_from


RECIPES = (
    # asyncpg 0.26.0 comes built for Python up to 3.10, and its C sources fit up to 3.11.
    Recipe("sqlalchemy-1.4.42", oldest=(3, 9), newest=(3, 11), compiles_from=(3, 11)),
    # The last release that mixes up the columns of concurrent UPDATE … RETURNING, and the first that does not.
    Recipe("sqlalchemy-2.0.51", oldest=(3, 9), newest=(3, 14)),
    Recipe("sqlalchemy-2.0.52", oldest=(3, 9), newest=(3, 14)),
    Recipe("sqlalchemy-2.0", oldest=(3, 9), newest=(3, 14)),
)


@dataclass(frozen=True)
class Stack:
    name: str
    title: str  # "SQLAlchemy 1.4.42"; for a user's the name
    python: str  # the interpreter that has it
    installed: bool
    pins: tuple[str, ...] = ()  # "SQLAlchemy 1.4.42", "asyncpg 0.26.0", ...; nothing is known of a user's
    recipe: Recipe | None = None  # how it is installed, if that is ours to do


@dataclass(frozen=True)
class Catalogue:
    stacks: tuple[Stack, ...]
    problems: tuple[str, ...] = ()  # what is wrong with stacks.toml

    def find(self, name: str) -> Stack:
        for stack in self.stacks:
            if stack.name == name:
                return stack
        known = ", ".join(stack.name for stack in self.stacks)
        raise StackError(f"There is no stack {name!r}. Those known are: {known}.")


def catalogue(settings: Settings) -> Catalogue:
    """Every stack there is, ours first, with what can be told without running anything."""
    stacks = [_ours(settings, recipe) for recipe in RECIPES]
    stacks.append(_pinned(OWN, _own_versions(), sys.executable, installed=True))
    users, problems = _users_stacks(settings.data_dir / "stacks.toml", {stack.name for stack in stacks})
    return Catalogue((*stacks, *users), tuple(problems))


def find(settings: Settings, name: str) -> Stack:
    return catalogue(settings).find(name)


def versions(stack: Stack) -> dict[str, str]:
    """What the stack's interpreter has: `python`, and what of LIBRARIES can be imported there."""
    ask = [stack.python, "-I", "-c", ASK_VERSIONS, *LIBRARIES]
    try:
        told = subprocess.run(ask, capture_output=True, text=True, timeout=60, check=False)
    except OSError as error:
        raise StackError(f"{stack.python}, the Python of {stack.name}, does not start: {error.strerror}.") from error
    if told.returncode:
        raise StackError(f"{stack.python} cannot import the libraries of {stack.name}:\n{_last_lines(told.stderr)}")
    found: dict[str, str] = json.loads(told.stdout)
    return found


async def install(settings: Settings, name: str, on_output: Tell, on_progress: Tell) -> Stack:
    """Make a stack's environment if it is not there; raises StackError with what is missing.

    An attempt that fails or is cancelled leaves nothing that counts, and can be repeated. Two at once are one: the
    second waits, and finds it there. `on_output` gets the log, some lines at a time; `on_progress` a few words.
    """
    stack = find(settings, name)
    if stack.recipe is None:
        return stack
    folder = _folder(settings, stack.recipe)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(folder.with_name(f"{folder.name}.lock"), on_progress):
            if not _ready(stack.recipe, folder):
                await _make(stack.recipe, folder, on_output, on_progress)
    except OSError as error:
        raise StackError(f"{folder} cannot be made: {error.strerror}. INTERLOCK_DATA_DIR moves it.") from error
    return find(settings, name)


async def _make(recipe: Recipe, folder: Path, on_output: Tell, on_progress: Tell) -> None:
    await on_progress("looking for a Python")
    base = choose(recipe, await asyncio.to_thread(lambda: list(interpreters.found(recipe.oldest, recipe.newest))))
    await on_output(f"Python {base.number}: {base.path}\n")
    await on_progress("making the environment")
    await _run([base.path, "-m", "venv", "--clear", str(folder)], on_output)
    pip = [str(_python(folder)), "-m", "pip", "--disable-pip-version-check", "--no-input", "--no-color", "install"]
    pip += ["--progress-bar=off", "--require-hashes"]
    if recipe.compiles(base):
        await on_progress("fetching build tools")
        await _run([*pip, "-r", str(recipe.requirements.with_name("build.txt"))], on_output)
        pip.append("--no-build-isolation")  # with those pinned tools, not with the newest
    await _run([*pip, "-r", str(recipe.requirements)], on_output, _Progress(recipe, on_progress))
    await on_progress("trying it out")
    has = await asyncio.to_thread(versions, Stack(recipe.name, recipe.name, str(_python(folder)), installed=True))
    await on_output("".join(f"{name} {version}\n" for name, version in has.items()))
    wrong = [f"{name} {has.get(name)} instead of {pin}" for name, pin in recipe.pins.items() if has.get(name) != pin]
    if wrong:
        raise StackError(f"{recipe.name} was installed, but has {', '.join(wrong)}.")
    half = folder / f"{READY}.new"
    half.write_text(recipe.digest)
    half.rename(folder / READY)  # the last act: what has no such file does not count


def choose(recipe: Recipe, found: list[Interpreter]) -> Interpreter:
    """The first interpreter that the stack can be made with, or a StackError that says what each of them lacks."""
    lacking = {one: one.lacks(recipe.compiles(one)) for one in found}
    for one, lacks in lacking.items():
        if not lacks:
            return one
    if found:
        each = (f"- {one.path} (Python {one.number}) lacks {' and '.join(lacks)}" for one, lacks in lacking.items())
        raise StackError(
            "\n".join(
                [
                    f"{recipe.name} cannot be made with any Python found here:",
                    *each,
                    "Install what one of them lacks, then try again.",
                ]
            )
        )
    oldest, newest = (".".join(map(str, version)) for version in (recipe.oldest, recipe.newest))
    raise StackError(
        f"{recipe.name} needs a Python from {oldest} to {newest}, and there is none on the PATH, with pyenv or uv.\n"
        f"Install one, then try again: `uv python install {newest}`, or `pyenv install {newest}`, or (where they are "
        f"offered) the system's packages python{newest}, python{newest}-venv and python{newest}-dev."
    )


class _Progress:
    """Reads pip's lines for how far it is."""

    def __init__(self, recipe: Recipe, tell: Tell) -> None:
        self._wanted = len(set(re.findall(r"^([\w-]+)==", recipe.requirements.read_text(), re.MULTILINE)))
        self._collected = 0
        self._tell = tell

    async def read(self, line: str) -> None:
        if line.startswith(("Collecting ", "Processing ")):
            self._collected += 1
            await self._tell(f"fetching libraries, {self._collected} of about {self._wanted}")
        elif built := re.match(r"\s*Building wheel for (\S+) .*: started", line):
            await self._tell(f"compiling {built[1]}, which takes a minute or two")
        elif line.startswith("Installing collected packages"):
            await self._tell("installing them")


async def _run(command: list[str], on_output: Tell, progress: _Progress | None = None) -> None:
    """Run a command to its end, telling its output as it comes. Cancelled, it ends with all it has started."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    assert process.stdout is not None
    tail = ""
    try:
        while raw := await process.stdout.readline():
            line = raw.decode(errors="replace")
            tail = (tail + line)[-4000:]
            await on_output(line)
            if progress:
                await progress.read(line)
        status = await process.wait()
    finally:
        with suppress(ProcessLookupError):  # the usual case: everything has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if status:
        raise StackError(f"`{' '.join(command[:3])} …` failed (exit status {status}):\n{_last_lines(tail)}")


@asynccontextmanager
async def _locked(path: Path, on_progress: Tell) -> AsyncIterator[None]:
    """Hold a lock file; the system lets it go when we end, however that happens."""
    with path.open("w") as lock:
        waiting = False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waiting:
                    await on_progress("waiting for another installation of it")
                waiting = True
                await asyncio.sleep(0.2)
        yield


def _ours(settings: Settings, recipe: Recipe) -> Stack:
    folder = _folder(settings, recipe)
    return _pinned(recipe.name, recipe.pins, str(_python(folder)), _ready(recipe, folder), recipe)


def _pinned(name: str, pins: dict[str, str], python: str, installed: bool, recipe: Recipe | None = None) -> Stack:
    title, *others = (f"{LIBRARIES[library]} {version}" for library, version in pins.items())
    return Stack(name, title, python, installed, (title, *others), recipe)


def _users_stacks(path: Path, taken: set[str]) -> tuple[list[Stack], list[str]]:
    try:
        tables = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError) as error:
        return [], [f"{path} cannot be read: {error}"]
    stacks, problems = [], []
    for name, table in tables.items():
        python = table.get("python") if isinstance(table, dict) else None
        if not isinstance(python, str):
            problems.append(f'{path}: [{name}] should say which interpreter has it: python = "/path/to/bin/python"')
        elif name in taken or not re.fullmatch(r"[\w.-]+", name):
            problems.append(f"{path}: [{name}] needs another name: letters, digits, `.`, `-`, `_`; not one of ours.")
        else:
            place = path.parent / os.path.expanduser(python)  # noqa: PTH111 - Path's raises for an unknown ~user
            if os.access(place, os.X_OK):
                stacks.append(Stack(name, name, str(place), installed=True))
            else:
                problems.append(f"{path}: [{name}] names {place}, which is no program. Correct the path.")
    return stacks, problems


@cache
def _own_versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in LIBRARIES}


def _folder(settings: Settings, recipe: Recipe) -> Path:
    return settings.data_dir / "stacks" / recipe.name


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _ready(recipe: Recipe, folder: Path) -> bool:
    try:
        return (folder / READY).read_text() == recipe.digest
    except OSError:
        return False


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-12:])
