"""The browser of the browser tests; `python -m tests.chromium` installs one, as a package of the system, if need be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = (
    ["apt-get", "update"],
    ["apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu"],
)
HELP = "Install Chromium so that it is on the PATH as one of: " + ", ".join(NAMES) + ". Then run `make test` again."


def find() -> str | None:
    """Where the browser is."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    if shutil.which("apt-get") is None:
        sys.exit(f"The browser tests need Chromium, and this system has no apt-get to install it with. {HELP}")
    sudo = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    if sudo and not _works([*sudo, "true"]):
        sys.exit(f"The browser tests need Chromium, and only root may install it: apt-get install chromium. {HELP}")
    for command in INSTALL:
        print(f"{' '.join(command)} (for the browser tests)", flush=True)
        if not _works([*sudo, "env", "DEBIAN_FRONTEND=noninteractive", *command]):
            sys.exit(f"That failed; see above. {HELP}")


def _works(command: list[str]) -> bool:
    """Run a command; its output is shown if it fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except FileNotFoundError:
        return False
    if done.returncode:
        print(done.stdout.decode(errors="replace"))
    return done.returncode == 0


if __name__ == "__main__":
    if find() is None:
        install()
    print(f"Chromium: {find() or sys.exit(HELP)}")
