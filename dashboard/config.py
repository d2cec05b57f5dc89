"""What the surroundings decide: the environment read once, checked, and given on as one value."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from urllib.parse import parse_qs
from urllib.parse import urlsplit

SHORTEST_TOKEN = 16
OURS = ("store", "lab", "replica")
"""The names of the servers that are part of a dashboard."""

NEW_TOKEN = "python3 -c 'import secrets; print(secrets.token_urlsafe())'"
EXPOSED = """\
{setting} would let others in, and whoever opens the dashboard can start programs on this machine.
So it is served to them only with INTERLOCK_TOKEN (a secret of {shortest} characters or more) and
INTERLOCK_ALLOWED_HOSTS (the names people will type, with commas between). Missing: {missing}.
To have it for this machine alone, leave that setting out. To make a token: {new_token}"""


class SettingsError(Exception):
    """A setting cannot be used; the message names it and says what would do."""


@dataclass(frozen=True)
class Settings:
    """Where things are and who may come in. A URL that is None stands for the embedded server of that name."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8440
    store_url: str | None = field(default=None, repr=False)
    lab_url: str | None = field(default=None, repr=False)
    replica_url: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ()
    scenario_dirs: tuple[Path, ...] = ()  # ours first
    pg_bin: Path | None = None
    watch: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # more servers to look at: name and URL

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        # Set to nothing is the same as not set: that is how compose files and shells leave a variable out.
        given = {name: value.strip() for name, value in environ.items() if value.strip()}
        more_scenarios = _split(given.get("INTERLOCK_SCENARIOS", ""), os.pathsep)
        settings = cls(
            data_dir=_path(given["INTERLOCK_DATA_DIR"]) if "INTERLOCK_DATA_DIR" in given else _default_data_dir(given),
            host=given.get("INTERLOCK_HOST", cls.host).strip("[]"),
            port=_port(given.get("INTERLOCK_PORT", str(cls.port))),
            store_url=_postgresql_url("INTERLOCK_STORE_URL", given),
            lab_url=_postgresql_url("INTERLOCK_LAB_URL", given),
            replica_url=_postgresql_url("INTERLOCK_LAB_REPLICA_URL", given),
            token=given.get("INTERLOCK_TOKEN"),
            allowed_hosts=tuple(_split(given.get("INTERLOCK_ALLOWED_HOSTS", ""), ",")),
            scenario_dirs=(resource("scenarios"), *(_folder("INTERLOCK_SCENARIOS", one) for one in more_scenarios)),
            pg_bin=_folder("INTERLOCK_PG_BIN", given["INTERLOCK_PG_BIN"]) if "INTERLOCK_PG_BIN" in given else None,
            watch=_watched(given.get("INTERLOCK_WATCH", "")),
        )
        settings._check_token()
        return settings

    def to_env(self) -> dict[str, str]:
        """The variables that say the same: how a process hands its settings to one it starts."""
        return {
            "INTERLOCK_DATA_DIR": str(self.data_dir),
            "INTERLOCK_HOST": self.host,
            "INTERLOCK_PORT": str(self.port),
            "INTERLOCK_STORE_URL": self.store_url or "",
            "INTERLOCK_LAB_URL": self.lab_url or "",
            "INTERLOCK_LAB_REPLICA_URL": self.replica_url or "",
            "INTERLOCK_TOKEN": self.token or "",
            "INTERLOCK_ALLOWED_HOSTS": ",".join(self.allowed_hosts),
            "INTERLOCK_SCENARIOS": os.pathsep.join(str(one) for one in self.scenario_dirs[1:]),
            "INTERLOCK_PG_BIN": str(self.pg_bin or ""),
            "INTERLOCK_WATCH": " ".join(f"{name}={url}" for name, url in self.watch),
        }

    @property
    def loopback(self) -> bool:
        """Only this machine can reach the page, unless something on it passes requests on."""
        return _is_loopback(self.host)

    @property
    def address(self) -> str:
        """What a person types to see the page."""
        host = self.allowed_hosts[0] if self.allowed_hosts and not self.loopback else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def _check_token(self) -> None:
        if self.token is not None and len(self.token) < SHORTEST_TOKEN:
            raise SettingsError(
                f"INTERLOCK_TOKEN has {len(self.token)} characters; fewer than {SHORTEST_TOKEN} can be guessed. "
                f"One that cannot: {NEW_TOKEN}"
            )
        others = [name for name in self.allowed_hosts if not _is_loopback(name)]
        if not self.loopback or others:  # by such a name a proxy is asked, which passes everybody's requests on
            needed = {"INTERLOCK_TOKEN": self.token, "INTERLOCK_ALLOWED_HOSTS": self.allowed_hosts}
            missing = " and ".join(name for name, value in needed.items() if not value)
            if missing:
                setting = f"INTERLOCK_ALLOWED_HOSTS={others[0]}" if self.loopback else f"INTERLOCK_HOST={self.host}"
                raise SettingsError(
                    EXPOSED.format(setting=setting, shortest=SHORTEST_TOKEN, missing=missing, new_token=NEW_TOKEN)
                )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a host name: what it resolves to is not ours to trust
        return False


def resource(name: str) -> Path:
    """A folder that travels with the code: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parent / name


def _default_data_dir(given: Mapping[str, str]) -> Path:
    base = given.get("XDG_DATA_HOME", "")
    try:
        return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "interlock"
    except RuntimeError:
        problem = "This account has no home directory; say where data may be kept with INTERLOCK_DATA_DIR."
        raise SettingsError(problem) from None


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _folder(name: str, text: str) -> Path:
    path = _path(text)
    if not path.is_dir():
        raise SettingsError(f"{name} names {path}, which is not a folder. Create it, or correct or remove the setting.")
    return path


def _split(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


def _watched(text: str) -> tuple[tuple[str, str], ...]:
    """Names and URLs, `orders=postgresql://…`, with spaces or commas between. A URL may have commas of its own."""
    found: dict[str, str] = {}
    for part in filter(None, re.split(r"[\s,]*\s[\s,]*|,(?=[^,\s]+=\w+://)|,$", text)):
        name, _, url = part.partition("=")
        if not re.fullmatch(r"[a-z][a-z0-9_-]{0,30}", name) or name in (*OURS, *found):
            raise SettingsError(
                "INTERLOCK_WATCH takes name=URL with spaces or commas between. Each name is its own, in small letters, "
                f"and none of {', '.join(OURS)}. It should look like orders=postgresql://reader:password@host:5432/database"
            )
        found[name] = _postgresql_url(f"INTERLOCK_WATCH ({name})", {f"INTERLOCK_WATCH ({name})": url}) or ""
    return tuple(found.items())


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65536):
        raise SettingsError(f"INTERLOCK_PORT is {text!r}; it has to be a number up to 65535 (0: any free one).")
    return int(text)


def _postgresql_url(name: str, given: Mapping[str, str]) -> str | None:
    url = given.get(name)
    if url is None:
        return None
    # The URL may hold a password, so no message repeats it.
    example = "postgresql://user:password@host:5432/database or postgresql://user@/database?host=/socket/folder"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"{name} is not a URL ({error}). It should look like {example}") from None
    if parts.scheme not in ("postgresql", "postgres"):
        raise SettingsError(
            f"{name} begins with {parts.scheme + ':' if parts.scheme else 'no scheme'!r}. It should look like {example}"
        )
    if not (parts.hostname or parse_qs(parts.query).get("host")):
        raise SettingsError(f"{name} names no server. It should look like {example}")
    return url
