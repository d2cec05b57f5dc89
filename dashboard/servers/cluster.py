"""Embedded PostgreSQL: the servers Interlock brings along, started and stopped with it.

Each is a child process that dies with its parent, even when that is killed with -9 (the kernel sees to it), in a folder
that one process at a time may hold (a file lock, so it cannot be left behind). What a killed server leaves is cleared
away before the next start. They listen on Unix sockets in folders that no other account can enter, not on the network.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from dashboard.config import Settings
from dashboard.processes import die_with_parent
from dashboard.processes import kill
from dashboard.processes import working_in
from dashboard.servers.home import ClusterError
from dashboard.servers.home import Home
from dashboard.servers.home import digest
from dashboard.servers.home import failure
from dashboard.servers.home import home

ROLE = "interlock"
SERVE = "interlock serve"  # the holder whose servers others may use while it runs
WORKER = "interlock worker"  # likewise, of the replica
LONGEST_SOCKET_DIR = 90  # a socket's whole path must stay below 108 bytes, on some systems 104
LOG_BYTES = 5_000_000
START_SECONDS = 120.0  # recovery after a power cut may take its time; a server that gave up ends at once
STOP_SECONDS = 10.0

COMMON = {
    "listen_addresses": "",
    "port": "5432",  # only a part of the socket's name
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "min_wal_size": "32MB",
    "max_wal_size": "512MB",
    "jit": "off",  # compiling costs these small queries more than it gives
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_messages": "log",  # failing statements are the lab's daily bread: they are in the journals, not in the log
    "track_activity_query_size": "4kB",
}
STORE = {**COMMON, "max_connections": "80"}
LAB = {
    **COMMON,
    "max_connections": "200",
    "max_prepared_transactions": "64",
    "deadlock_timeout": "200ms",
    "log_lock_waits": "off",
    # Its moment is nobody's choice, and it would end readers of the replica; a worker sees to it, see lab.vacuum().
    "autovacuum": "off",
    "wal_level": "replica",
    "wal_keep_size": "128MB",  # what a replica may fall behind; no slot, for one that stays away must not fill the disk
    # Nothing in here outlives its run, so nothing is worth waiting for the disk: see Cluster._distrust().
    "fsync": "off",
    "full_page_writes": "off",
}
REPLICA = {**LAB, "hot_standby": "on", "hot_standby_feedback": "off", "max_standby_streaming_delay": "1s"}


class Cluster:
    """One server and its folder.

    The folder is ours; only `data` and `socket` in it are the server's account's, so that whoever gets hold of the
    server cannot lead our own writing astray.
    """

    def __init__(self, home: Home, name: str, settings: Mapping[str, str]) -> None:
        self.home = home
        self.name = name
        self.settings = settings
        self.folder = home.folder / name
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._boot_mark = self.folder / "boot"
        self._lock: int | None = None
        self._log_start = 0

    @cached_property
    def socket_dir(self) -> Path:
        folder = self.folder / "socket"
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_DIR:
            return folder
        return Path("/tmp") / f"interlock-{os.geteuid()}-{digest(folder)}"

    @property
    def url(self) -> str:
        """How clients reach it; trusted by its socket, so there is no password."""
        folder = quote(str(self.socket_dir), safe="/")
        return f"postgresql://{ROLE}@/postgres?host={folder}&port={self.settings['port']}"

    def hold(self, holder: str) -> None:
        """Take the folder for this process. It is let go by `stop`, or by the process's end, whatever that is."""
        try:
            self.folder.mkdir(exist_ok=True)
            self.folder.chmod(0o755 if self.home.account else 0o700)
            lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise failure(f"{self.folder} cannot be used", str(error)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise InUse(self) from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()} {holder}".encode())
        self._lock = lock

    def start(self, holder: str = "interlock") -> None:
        """Start the server and wait until it takes connections."""
        if self._lock is None:
            self.hold(holder)
        try:
            self.launch()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server, made first if there is none yet, without waiting for it. The folder must be held."""
        self._clear_leftovers()
        try:
            self._distrust()
            self._private(self.socket_dir)
            if not self.data.exists():
                self._create()
            self._boot_mark.write_text(_boot_id())
            if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
                self.log.replace(self.log.with_suffix(".log.1"))
            with self.log.open("ab") as log:
                self._log_start = log.tell()
                # In a session of its own: a Ctrl-C in the terminal is for us, and we stop servers in order.
                self.process = subprocess.Popen(
                    [str(self.home.binaries / "postgres"), "-D", str(self.data), *self._options()],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent(signal.SIGINT),
                    **self.home.manner(),
                )
        except OSError as error:
            raise failure(f"The embedded PostgreSQL “{self.name}” could not be started", str(error)) from error

    def wait_ready(self) -> None:
        """Wait until the launched server takes connections."""
        deadline = time.monotonic() + START_SECONDS
        while not self._ready():
            if self.process is None or self.process.poll() is not None:
                raise failure(f"The embedded PostgreSQL “{self.name}” ended while starting", self._log_tail())
            if time.monotonic() > deadline:
                raise failure(f"The embedded PostgreSQL “{self.name}” was not ready in time", self._log_tail())
            time.sleep(0.01)

    def interrupt(self) -> None:
        """Ask the server to stop: clients are disconnected, what is committed is kept."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        """Stop the server, wait until it is gone and let the folder go."""
        self.interrupt()
        if self.process is not None:
            for insist in (signal.SIGQUIT, signal.SIGKILL):
                try:
                    self.process.wait(STOP_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    self.process.send_signal(insist)
            else:
                self.process.wait()
            if self.process.returncode == 0:
                self._boot_mark.unlink(missing_ok=True)
            self.process = None
        if self._lock is not None:
            if self.socket_dir.parent != self.folder:
                shutil.rmtree(self.socket_dir, ignore_errors=True)  # nobody would look for it in /tmp
            os.close(self._lock)
            self._lock = None

    def ended(self) -> int | None:
        """The exit status of a server that was launched and has ended by itself."""
        return None if self.process is None else self.process.poll()

    def running_url(self) -> str | None:
        """Its URL if some other process has it running right now."""
        return self.url if self._ready() and working_in(self.data) else None

    def _options(self) -> list[str]:
        options = {**self.settings, "unix_socket_directories": str(self.socket_dir)}
        return [word for name, value in options.items() for word in ("-c", f"{name}={value}")]

    def _create(self) -> None:
        """Make the data folder, under another name first: an interrupted start must not leave half of one."""
        half = self.folder / "data.new"
        if half.exists():
            shutil.rmtree(half)
        self._private(half)
        self._fill(half)
        half.rename(self.data)

    def _private(self, folder: Path) -> None:
        """See to it that the folder is there, and for the server alone."""
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), self.home.uid):
            raise PermissionError(f"Permission denied: {folder} is not ours")
        os.chown(folder, self.home.uid, -1)
        folder.chmod(0o700)

    def _fill(self, folder: Path) -> None:
        # Trust is for the socket alone, and its folder is closed to other accounts; there is no other way in.
        self.home.run(
            *("initdb", "-D", str(folder), "-U", ROLE, "--auth=trust", "--encoding=UTF8", "--locale=C"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions", "--no-sync"),
        )

    def _clear_leftovers(self) -> None:
        """See to it that nothing of an earlier server lives, then remove the notes it left of itself.

        We hold the folder's lock, so whatever still runs in it is without a master. PostgreSQL's own check would take
        any process that has got the old number since for its predecessor, and refuse to start.
        """
        deadline = time.monotonic() + STOP_SECONDS
        while left := working_in(self.data):
            late = time.monotonic() - deadline
            for pid in left if late > 0 else ():
                kill(pid, signal.SIGKILL if late > STOP_SECONDS else signal.SIGQUIT)
            time.sleep(0.02)
        if sys.platform == "linux":
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            for socket in self.socket_dir.glob(".s.PGSQL.*"):
                socket.unlink()

    def _distrust(self) -> None:
        """Throw away data without fsync whose server was running when the machine went down: it may be anything."""
        mark, unsafe = self._boot_mark, self.settings.get("fsync") == "off"
        if unsafe and self.data.exists() and mark.exists() and mark.read_text() != _boot_id():
            shutil.rmtree(self.data)

    def _ready(self) -> bool:
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        if self.process is not None and lines[:1] != [str(self.process.pid)]:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _log_tail(self) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(max(self._log_start, self.log.stat().st_size - 4000))
                return log.read().decode(errors="replace")
        except OSError as error:
            return str(error)


class Replica(Cluster):
    """A streaming copy of a running cluster, made anew at each start."""

    def __init__(self, home: Home, name: str, settings: Mapping[str, str], primary: Cluster) -> None:
        super().__init__(home, name, settings)
        self.primary = primary

    def launch(self) -> None:
        self._clear_leftovers()
        if self.data.exists():
            shutil.rmtree(self.data)
        super().launch()

    def _fill(self, folder: Path) -> None:
        self.home.run(
            *("pg_basebackup", "-h", str(self.primary.socket_dir), "-p", self.primary.settings["port"], "-U", ROLE),
            *("-D", str(folder), "-R", "-X", "stream", "-c", "fast", "--no-sync"),
        )


class InUse(ClusterError):
    """Another process holds the folder."""

    def __init__(self, cluster: Cluster) -> None:
        pid, _, holder = (cluster.folder / "lock").read_text().partition(" ")
        self.holder = holder
        super().__init__(
            f"{cluster.folder} is in use by `{holder or 'interlock'}` (process {pid or 'unknown'}). "
            "Stop that one first, or give this one a folder of its own with INTERLOCK_DATA_DIR."
        )


@dataclass
class Servers:
    """The servers of a dashboard: `settings` has a URL for each, `clusters` are those that are ours to run."""

    settings: Settings
    clusters: list[Cluster] = field(default_factory=list)


@contextmanager
def embedded(
    settings: Settings, holder: str = "interlock", names: Sequence[str] = ("store", "lab")
) -> Iterator[Servers]:
    """Run the named servers that the settings give no URL for, and stop them afterwards."""
    servers = Servers(settings)
    try:
        for cluster in _missing(settings, names):
            cluster.hold(holder)
            servers.clusters.append(cluster)
            servers.settings = _with_url(servers.settings, cluster.name, cluster.url)
        for cluster in servers.clusters:
            cluster.launch()
        for cluster in servers.clusters:
            cluster.wait_ready()
        yield servers
    finally:
        with ExitStack() as stopping:  # each is stopped, whatever becomes of the others
            for cluster in servers.clusters:
                stopping.callback(cluster.stop)
                cluster.interrupt()


def running(settings: Settings, names: Sequence[str] = ("store", "lab")) -> Settings:
    """The settings with the URLs of those embedded servers that a dashboard has running on this data directory now."""
    for cluster in _missing(settings, names):
        if url := cluster.running_url():
            settings = _with_url(settings, cluster.name, url)
    return settings


@contextmanager
def lab(settings: Settings) -> Iterator[str]:
    """The lab's URL: of the settings, else of the dashboard that runs here, else of one started for the while."""
    if settings.lab_url:
        yield settings.lab_url
        return
    deadline = time.monotonic() + START_SECONDS
    while True:
        with ExitStack() as stack:
            try:
                servers = stack.enter_context(embedded(settings, "interlock run", ["lab"]))
            except InUse as error:
                # A dashboard's lab is there to be shared. One started for the while of another command ends with that.
                url = running(settings, ["lab"]).lab_url if error.holder == SERVE else None
                if url is None and time.monotonic() > deadline:
                    raise
            else:
                url = servers.settings.lab_url
            if url is not None:
                yield url
                return
        time.sleep(0.1)


@contextmanager
def replica(settings: Settings, holder: str = "interlock") -> Iterator[str]:
    """The URL of a streaming replica of the lab: of the settings, else of a worker that keeps one of the embedded lab,
    else of one that is made now, and stopped afterwards.
    """
    if settings.replica_url:
        yield settings.replica_url
        return
    where = home(settings)
    primary = Cluster(where, "lab", LAB)
    if settings.lab_url not in (None, primary.url) or primary.running_url() is None:
        raise ClusterError(
            "This program reads from a replica of the lab, and there is none: Interlock brings one only for a lab that "
            "it runs itself on this machine. Name a streaming replica of yours in INTERLOCK_LAB_REPLICA_URL."
        )
    cluster = Replica(where, "replica", REPLICA, primary)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            cluster.start(holder)
            break
        except InUse as error:
            if error.holder == WORKER and (url := cluster.running_url()):
                yield url
                return
            if time.monotonic() > deadline:
                raise
        time.sleep(0.1)
    try:
        yield cluster.url
    finally:
        cluster.stop()


def replica_url(settings: Settings) -> str | None:
    """Of the embedded replica, if some process has it running right now."""
    try:
        return Cluster(home(settings), "replica", REPLICA).running_url()
    except ClusterError:  # there are no binaries, so nothing runs
        return None


def _missing(settings: Settings, names: Sequence[str]) -> list[Cluster]:
    """The clusters of these names that the settings leave to us."""
    given = {"store": settings.store_url, "lab": settings.lab_url}
    wanted = [name for name in names if not given[name]]
    where = home(settings) if wanted else None
    return [Cluster(where, name, {"store": STORE, "lab": LAB}[name]) for name in wanted if where]


def _with_url(settings: Settings, name: str, url: str) -> Settings:
    return replace(settings, store_url=url) if name == "store" else replace(settings, lab_url=url)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"
