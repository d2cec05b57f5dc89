"""The Pythons of this machine: which there are, and what each is able to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Version = tuple[int, int]

# Asked of an interpreter that may be old: it must run on any Python 3.
ASK = """
import importlib.util, json, os, platform, sys, sysconfig
print(json.dumps({
    "number": platform.python_version(),
    "version": sys.version_info[:2],
    "venv": all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")),
    "headers": os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")),
    "compiler": (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0],
}))
"""


@dataclass(frozen=True)
class Interpreter:
    path: str
    number: str  # "3.11.7"
    version: Version
    venv: bool  # it can make environments, with pip in them
    headers: bool  # what it takes to compile for it
    compiler: str  # the C compiler it would call
    has_compiler: bool

    def lacks(self, compiling: bool) -> list[str]:
        """What has to be installed before libraries can be, in words."""
        python = f"python{self.version[0]}.{self.version[1]}"
        lacking = []
        if not self.venv:
            lacking.append(f"the venv module (Debian, Ubuntu: apt-get install {python}-venv)")
        if compiling and not self.headers:
            lacking.append(f"the C headers of Python (Debian, Ubuntu: apt-get install {python}-dev)")
        if compiling and not self.has_compiler:
            lacking.append(f"the C compiler `{self.compiler}` (Debian, Ubuntu: apt-get install gcc libc6-dev)")
        return lacking


def interpreter(path: str) -> Interpreter | None:
    """What the program at `path` is able to; None if it is no Python that starts."""
    try:
        told = subprocess.run([path, "-I", "-c", ASK], capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    if told.returncode:  # pyenv, for one, has a python3.9 on the PATH that only says that it is switched off
        return None
    answer = json.loads(told.stdout)
    major, minor = answer.pop("version")
    has_compiler = shutil.which(answer["compiler"]) is not None
    return Interpreter(path, version=(major, minor), has_compiler=has_compiler, **answer)


def found(oldest: Version, newest: Version) -> Iterator[Interpreter]:
    """The Pythons of this machine between two versions: our own first, then the newest."""
    seen = set()
    for path in _paths(oldest, newest):
        if (one := interpreter(path)) and oldest <= one.version <= newest and one.number not in seen:
            seen.add(one.number)
            yield one


def _paths(oldest: Version, newest: Version) -> Iterator[str]:
    """Where Pythons are, in the order in which they are liked: on the PATH, and where pyenv and uv keep theirs."""
    yield sys.executable
    home = os.path.expanduser("~")  # noqa: PTH111 - Path's raises for an account without a home, which may have Pythons
    pyenv = Path(os.environ.get("PYENV_ROOT") or f"{home}/.pyenv") / "versions"
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or f"{home}/.local/share/uv/python")
    for minor in range(newest[1], oldest[1] - 1, -1):
        name = f"python3.{minor}"
        if on_path := shutil.which(name):
            yield on_path
        for folder in (*pyenv.glob(f"3.{minor}.*"), *uv.glob(f"cpython-3.{minor}.*")):
            yield str(folder / "bin" / name)
