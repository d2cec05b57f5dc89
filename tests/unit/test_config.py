"""Settings: what the environment may say, and what is answered when it says something else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.config import Settings
from dashboard.config import SettingsError
from dashboard.config import resource
from dashboard.servers.cluster import LAB
from dashboard.servers.cluster import REPLICA

CHECKOUT = Path(__file__).parents[2]
TOKEN = "a-token-that-nobody-guesses"


def test_nothing_set_means_loopback_and_embedded_servers() -> None:
    settings = Settings.from_env({"HOME": "/home/somebody"})

    assert (settings.host, settings.port, settings.address) == ("127.0.0.1", 8440, "http://127.0.0.1:8440")
    assert settings.data_dir.parts[-3:] == (".local", "share", "interlock")
    assert settings.store_url is settings.lab_url is settings.replica_url is settings.token is None
    assert settings.scenario_dirs == (resource("scenarios"),)


def test_set_to_nothing_is_not_set() -> None:
    assert Settings.from_env({"INTERLOCK_PORT": "", "INTERLOCK_STORE_URL": " "}) == Settings.from_env({})


def test_the_environment_it_writes_is_read_as_the_same(tmp_path: Path) -> None:
    settings = Settings.from_env(
        {
            "INTERLOCK_DATA_DIR": str(tmp_path),
            "INTERLOCK_HOST": "[::]",
            "INTERLOCK_PORT": "81",
            "INTERLOCK_STORE_URL": "postgresql://u:p@h/d",
            "INTERLOCK_LAB_URL": "postgresql://u@/d?host=/tmp/x",
            "INTERLOCK_LAB_REPLICA_URL": "postgres://h:1/d",
            "INTERLOCK_TOKEN": TOKEN,
            "INTERLOCK_ALLOWED_HOSTS": "one.example, two.example",
            "INTERLOCK_SCENARIOS": str(tmp_path),
            "INTERLOCK_PG_BIN": str(tmp_path),
            "INTERLOCK_WATCH": "orders=postgresql://r:p@h/orders\n shop=postgresql://r@a,b/shop",
        }
    )

    assert Settings.from_env(settings.to_env()) == settings
    assert dict(settings.watch) == {"orders": "postgresql://r:p@h/orders", "shop": "postgresql://r@a,b/shop"}
    assert settings.allowed_hosts == ("one.example", "two.example")
    assert settings.address == "http://one.example:81"


@pytest.mark.parametrize("between", [" ", "\n", ",", ", ", " ,\n"])
def test_watched_servers_may_have_commas_between_them_and_in_their_urls(between: str) -> None:
    urls = {"orders": "postgresql://r:p,w@h1,h2/orders", "shop": "postgres://r@h/shop"}
    given = between.join(f"{name}={url}" for name, url in urls.items()) + between

    assert dict(Settings.from_env({"INTERLOCK_WATCH": given}).watch) == urls


def test_secrets_are_not_in_its_representation() -> None:
    settings = Settings.from_env({"INTERLOCK_STORE_URL": "postgresql://u:secret@h/d", "INTERLOCK_TOKEN": TOKEN})

    assert "secret" not in repr(settings)
    assert TOKEN not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("INTERLOCK_PORT", "http", "INTERLOCK_PORT is 'http'"),
        ("INTERLOCK_WATCH", "postgresql://h/d", "orders=postgresql://reader"),
        ("INTERLOCK_WATCH", "lab=postgresql://h/d", "none of store, lab, replica"),
        ("INTERLOCK_WATCH", "shop=postgresql://h/d,Shop=postgresql://h/d", "Each name is its own, in small letters"),
        ("INTERLOCK_WATCH", "shop=postgresql://h/d,old=mysql://h/d", "INTERLOCK_WATCH (old) begins with 'mysql:'"),
        ("INTERLOCK_WATCH", "shop=mysql://h/d", "INTERLOCK_WATCH (shop) begins with 'mysql:'"),
        ("INTERLOCK_PORT", "70000", "up to 65535"),
        ("INTERLOCK_PORT", "²", "INTERLOCK_PORT"),
        ("INTERLOCK_STORE_URL", "mysql://u:secret@h/d", "INTERLOCK_STORE_URL begins with 'mysql:'"),
        ("INTERLOCK_LAB_URL", "secret", "no scheme"),
        ("INTERLOCK_LAB_URL", "postgresql:///secret", "names no server"),
        ("INTERLOCK_LAB_URL", "postgresql://u:secret@h:port/d", "is not a URL"),
        ("INTERLOCK_SCENARIOS", "/does/not/exist", "/does/not/exist, which is not a folder"),
        ("INTERLOCK_TOKEN", "short", "can be guessed"),
    ],
)
def test_what_cannot_be_used_is_named_with_what_would_do(name: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env({name: value})

    assert said in str(error.value)
    assert name in str(error.value)
    assert "secret@" not in str(error.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "interlock.example"])
def test_other_machines_come_in_only_with_a_token_and_names(host: str) -> None:
    with pytest.raises(SettingsError, match="INTERLOCK_TOKEN and INTERLOCK_ALLOWED_HOSTS"):
        Settings.from_env({"INTERLOCK_HOST": host})
    with pytest.raises(SettingsError, match="Missing: INTERLOCK_ALLOWED_HOSTS"):
        Settings.from_env({"INTERLOCK_HOST": host, "INTERLOCK_TOKEN": TOKEN})

    given = {"INTERLOCK_HOST": host, "INTERLOCK_TOKEN": TOKEN, "INTERLOCK_ALLOWED_HOSTS": "interlock.example"}
    assert not Settings.from_env(given).loopback


def test_who_comes_through_a_proxy_needs_a_token_too() -> None:
    """The page is served on loopback then, and everybody's requests come from there."""
    with pytest.raises(SettingsError, match=r"=lab.example would let others in(.|\n)*: INTERLOCK_TOKEN\."):
        Settings.from_env({"INTERLOCK_ALLOWED_HOSTS": "localhost, lab.example"})
    assert Settings.from_env({"INTERLOCK_ALLOWED_HOSTS": "lab.example", "INTERLOCK_TOKEN": TOKEN}).loopback
    assert Settings.from_env({"INTERLOCK_ALLOWED_HOSTS": "localhost, 127.0.0.1"}).token is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
def test_loopback_needs_neither(host: str) -> None:
    assert Settings.from_env({"INTERLOCK_HOST": host}).loopback


def test_what_the_compose_file_says_is_what_is_read_and_what_the_embedded_lab_has() -> None:
    """Nobody starts containers in these tests, so that its words are right is seen to here."""
    compose = (CHECKOUT / "docker-compose.yml").read_text()
    known = {*Settings.from_env({}).to_env(), "INTERLOCK_WORKER"}
    named = set(re.findall(r"\bINTERLOCK_[A-Z_]+", compose + (CHECKOUT / "Dockerfile").read_text()))
    assert named <= known
    ours = {"listen_addresses", "port", "unix_socket_permissions", "shared_buffers", "min_wal_size", "max_wal_size"}
    ours |= {"log_checkpoints", "log_line_prefix"}  # of a server that is embedded on the same machine
    given = dict(re.findall(r"-c (\w+)=(\S+)", compose))
    lab = {name: value for name, value in LAB.items() if name not in ours}
    assert {name: given.get(name) for name in lab} == lab
    assert given.items() - lab.items() <= REPLICA.items()  # one command for both


def test_every_setting_is_in_the_operations_guide() -> None:
    guide = (CHECKOUT / "docs" / "operations.md").read_text()
    table = set(re.findall(r"^\| `(INTERLOCK_[A-Z_]+)`", guide, re.MULTILINE))
    assert table == {*Settings.from_env({}).to_env(), "INTERLOCK_WORKER"}
