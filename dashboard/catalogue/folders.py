"""Where incidents come from: ours, those a setting names, a person's own, and those that installed packages bring."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from dashboard.config import Settings

GROUP = "interlock.incidents"
"""The entry points of packages with incidents. Each names a module whose folder holds them:

    [project.entry-points."interlock.incidents"]
    shop = "shop_incidents"
"""


def own(settings: Settings) -> Path:
    """Where `interlock new` puts an incident, if it is not told."""
    return settings.data_dir / "scenarios"


def incident_dirs(settings: Settings) -> tuple[Path, ...]:
    """The folders that hold incidents, in the order in which they are read. A package's may be missing on disk."""
    mine = own(settings)
    found = (*settings.scenario_dirs, *([mine] if mine.is_dir() else []), *_of_packages())
    return tuple(dict.fromkeys(found))


@cache
def _of_packages() -> tuple[Path, ...]:
    return tuple(_folder(point) for point in sorted(entry_points(group=GROUP)))


def _folder(point: EntryPoint) -> Path:
    """A module's folder, found without importing it: programs of incidents are never run by the dashboard."""
    top, _, rest = point.module.partition(".")
    spec = find_spec(top)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0] if places else top, *filter(None, rest.split(".")))
