"""`interlock new`: a folder with an incident that runs, to be changed bit by bit into the one that is meant."""

from __future__ import annotations

import shutil
from pathlib import Path

from dashboard.catalogue import incidents
from dashboard.catalogue.folders import incident_dirs
from dashboard.catalogue.folders import own
from dashboard.config import Settings
from dashboard.config import resource


class NotMade(Exception):
    """The folder was not made; the message says why and what to do."""


def new(settings: Settings, name: str, into: Path | None) -> Path:
    """Make the folder. Raises `NotMade`; nothing is overwritten."""
    if not incidents.NAME.fullmatch(name):
        raise NotMade(f"{name!r} cannot be an incident's name: {incidents.NAMES}.")
    known = incidents.find(incident_dirs(settings), name)
    if known is not None:
        raise NotMade(f"There is an incident {name!r} already, in {known.folder}. Choose another name.")
    folder = (into or own(settings)) / name
    if folder.exists():
        raise NotMade(f"{folder} is there already. Choose another name, or another place with --in.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(resource("scenarios") / "_new", folder, ignore=shutil.ignore_patterns("__pycache__"))
        toml = folder / "incident.toml"
        toml.write_text(toml.read_text("utf-8").replace("TITLE", name.replace("_", " ").capitalize()), "utf-8")
    except OSError as error:
        raise NotMade(f"{folder} cannot be made: {error.strerror}. Choose another place with --in.") from error
    return folder


def what_next(settings: Settings, folder: Path) -> str:
    """What to do with it, in a few lines."""
    name, base = folder.name, folder.parent.absolute()
    seen = base in incident_dirs(settings)
    setting = "" if seen else f"INTERLOCK_SCENARIOS={base} "
    where = "it is on the dashboard's home page" if seen else f"start the dashboard with {setting}to see it there"
    return f"Made {folder}. Run it with `{setting}interlock run {name}/broken`; {where}. Then change its files."
