"""Embedded PostgreSQL: it starts, serves, ends with us however we end, and starts again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import psycopg
import pytest

from dashboard.config import Settings
from dashboard.processes import working_in
from dashboard.servers.cluster import LAB
from dashboard.servers.cluster import Cluster
from dashboard.servers.cluster import InUse
from dashboard.servers.cluster import Servers
from dashboard.servers.cluster import embedded
from dashboard.servers.cluster import lab
from dashboard.servers.cluster import replica
from dashboard.servers.cluster import running
from dashboard.servers.home import Account
from dashboard.servers.home import ClusterError
from dashboard.servers.home import home
from dashboard.servers.replica import Replica

HOLDING = """
import sys
from pathlib import Path
from dashboard.servers.cluster import embedded
from dashboard.config import Settings
with embedded(Settings(Path(sys.argv[1])), sys.argv[2], ["lab"]):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(data_dir: Path) -> Settings:
    return Settings(data_dir)


@pytest.fixture
def holder(folder: Settings) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Another process that has the lab of that directory running."""
    children = []

    def start(name: str) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", HOLDING, str(folder.data_dir), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        return child

    yield start
    for child in children:
        with child:
            assert child.stdin
            child.stdin.close()


def cluster_of(folder: Settings) -> Cluster:
    return Cluster(home(folder), "lab", LAB)


def gone(cluster: Cluster) -> bool:
    """Nothing of the cluster's server runs any more, or soon."""
    deadline = time.monotonic() + 10
    while working_in(cluster.data) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not working_in(cluster.data)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        answer = connection.execute(question)
        row = answer.fetchone() if answer.description else None
        return row and row[0]


def test_the_lab_is_made_for_torture_and_the_store_for_keeping(store_url: str, lab_url: str) -> None:
    assert ask(lab_url, "show max_prepared_transactions") == "64"
    assert ask(lab_url, "show fsync") == "off"
    assert ask(lab_url, "select rolsuper from pg_roles where rolname = current_user") is True
    assert ask(lab_url, "select pg_catalog.pg_isolation_test_session_is_blocked(pg_backend_pid(), '{}')") is False
    assert ask(lab_url, "select set_config('deadlock_timeout', '10ms', false)") == "10ms"
    assert ask(store_url, "show fsync") == "on"
    assert ask(store_url, "show synchronous_commit") == "on"


def test_two_phase_commit_works(lab_url: str) -> None:
    with psycopg.connect(lab_url, autocommit=True) as connection:
        connection.execute("create table two_phase (x int)")
        for statement in ("begin", "insert into two_phase values (1)", "prepare transaction 'gid'"):
            connection.execute(statement)
        assert ask(lab_url, "select gid from pg_prepared_xacts") == "gid"
        connection.execute("commit prepared 'gid'")
        assert ask(lab_url, "select x from two_phase") == 1
        connection.execute("drop table two_phase")


def test_nothing_is_on_the_network(lab_url: str) -> None:
    assert ask(lab_url, "show listen_addresses") == ""


def test_other_accounts_cannot_reach_it(clusters: Servers) -> None:
    cluster = clusters.clusters[1]
    stranger = Account("stranger", uid=4242, gid=4242)

    assert not stranger.may_enter(cluster.socket_dir)
    assert not stranger.may_enter(cluster.data)


def test_a_replica_streams_on_demand(folder: Settings) -> None:
    with embedded(folder, names=["lab"]) as servers, replica(folder) as url:
        lab_url = servers.settings.lab_url
        assert lab_url
        assert ask(url, "select pg_is_in_recovery()") is True
        with psycopg.connect(lab_url, autocommit=True) as primary:
            primary.execute("create table streamed as select 7 as x")
            target = ask(lab_url, "select pg_current_wal_lsn()")
            deadline = time.monotonic() + 10
            while ask(url, f"select pg_last_wal_replay_lsn() >= '{target}'") is not True:
                assert time.monotonic() < deadline
            assert ask(url, "select x from streamed") == 7
            primary.execute("drop table streamed")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            ask(url, "create table forbidden ()")
    assert not working_in(home(folder).folder / "replica" / "data")


def test_a_replica_is_kept_from_its_first_use_and_made_anew_when_it_has_died(folder: Settings) -> None:
    with embedded(folder, names=["lab"]) as servers:
        kept = Replica(servers.settings)
        assert kept.known is None
        url = kept.url()
        assert (kept.known, kept.url()) == (url, url)
        data = home(folder).folder / "replica" / "data"
        servers_at = working_in(data)  # and what they have started, some of which may have ended since
        (master,) = (child for child in psutil.Process().children() if child.pid in servers_at)
        master.kill()
        assert ask(kept.url(), "select pg_is_in_recovery()") is True
        with replica(folder, "interlock run") as shared:
            assert shared == url
        assert ask(url, "select 1") == 1, "whoever shared it took it away"
        kept.close()
        assert kept.known is None
        assert not working_in(data)


def test_a_lab_of_somebody_elses_has_no_replica_but_one_that_is_named(folder: Settings) -> None:
    foreign = replace(folder, lab_url="postgresql://lab.internal/lab")
    with pytest.raises(ClusterError, match="INTERLOCK_LAB_REPLICA_URL"), replica(foreign):
        pass
    with replica(replace(foreign, replica_url="postgresql://replica.internal/lab")) as url:
        assert url == "postgresql://replica.internal/lab"


def test_what_was_committed_is_there_after_a_restart(folder: Settings) -> None:
    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        ask(servers.settings.lab_url, "create table kept as select 1 as x")
        assert running(folder).lab_url == servers.settings.lab_url
    assert running(folder).lab_url is None
    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select x from kept") == 1


def test_kill_9_of_its_parent_leaves_nothing_and_the_next_start_is_clean(
    folder: Settings, holder: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = holder("pytest")
    cluster = cluster_of(folder)
    assert working_in(cluster.data)

    child.kill()
    child.wait()

    assert gone(cluster)
    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select 1") == 1


def test_kill_9_of_the_server_and_its_parent_leaves_a_clean_start(
    folder: Settings, holder: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = holder("pytest")
    cluster = cluster_of(folder)
    pid_file = cluster.data / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    child.kill()
    child.wait()
    # The number in the note it left may be anybody's by now: ours, say.
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select 1") == 1


def test_an_interrupted_first_start_is_made_good(folder: Settings) -> None:
    cluster = cluster_of(folder)
    half = cluster.folder / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select 1") == 1


def test_a_lab_that_was_running_when_the_machine_went_down_is_made_anew(folder: Settings) -> None:
    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        ask(servers.settings.lab_url, "create table doubtful as select 1")
    (cluster_of(folder).folder / "boot").write_text("another boot of this machine")

    with embedded(folder, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select to_regclass('doubtful')") is None


def test_a_folder_in_use_is_refused_by_name(folder: Settings, holder: Callable[[str], subprocess.Popen[str]]) -> None:
    child = holder("interlock serve")

    with pytest.raises(InUse) as error, embedded(folder, names=["lab"]):
        pass

    assert f"in use by `interlock serve` (process {child.pid})" in str(error.value)
    assert "INTERLOCK_DATA_DIR" in str(error.value)


def test_a_command_shares_the_lab_of_the_dashboard(
    folder: Settings, holder: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = holder("interlock serve")

    with lab(folder) as url:
        assert ask(url, "select 1") == 1

    assert child.poll() is None
    assert working_in(cluster_of(folder).data)


def test_a_command_starts_a_lab_for_itself_and_stops_it(folder: Settings) -> None:
    with lab(folder) as url:
        assert ask(url, "select 1") == 1
    assert gone(cluster_of(folder))


def test_a_command_waits_for_the_lab_of_another_command(
    folder: Settings, holder: Callable[[str], subprocess.Popen[str]]
) -> None:
    child = holder("interlock run")
    assert child.stdin
    child.stdin.close()  # it stops now, which takes a moment

    with lab(folder) as url:
        assert ask(url, "select 1") == 1


def test_given_urls_are_used_as_they_are(tmp_path: Path) -> None:
    given = Settings(tmp_path, store_url="postgresql://there/store", lab_url="postgresql://there/lab")

    with embedded(given) as servers, lab(given) as url:
        assert servers.settings == given
        assert servers.clusters == []
        assert url == given.lab_url
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as another account")
def test_root_may_keep_its_data_where_the_servers_account_cannot_go(data_dir: Path) -> None:
    private = Settings(data_dir / "private")
    private.data_dir.mkdir(mode=0o700)
    with embedded(private, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select 1") == 1
    place = (private.data_dir / "clusters").readlink()
    assert (place / "lab" / "data").is_dir()

    shutil.rmtree(private.data_dir)
    private.data_dir.mkdir(mode=0o700)

    assert home(private).folder == place
    assert not (place / "lab").exists()  # it went with the data directory that it belonged to
    shutil.rmtree(place)


def test_a_path_too_long_for_a_socket_gets_another_one(folder: Settings) -> None:
    deep = Settings(folder.data_dir / ("x" * 100))
    with embedded(deep, names=["lab"]) as servers:
        assert servers.settings.lab_url
        assert ask(servers.settings.lab_url, "select 1") == 1
        other = servers.clusters[0].socket_dir
        assert len(os.fsencode(other)) < 90
    assert not other.exists()


def test_a_server_that_cannot_start_says_why_and_what_to_do(folder: Settings) -> None:
    with embedded(folder, names=["lab"]):
        pass
    (cluster_of(folder).data / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(ClusterError) as error, embedded(folder, names=["lab"]):
        pass

    assert "Another version of PostgreSQL made this data" in str(error.value)
    assert "INTERLOCK_PG_BIN" in str(error.value)
    assert gone(cluster_of(folder))


def test_a_data_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ClusterError, match="cannot be used"), embedded(Settings(tmp_path / "file")):
        pass
