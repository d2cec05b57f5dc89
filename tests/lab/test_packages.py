"""Incidents that come with an installed package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

CROWD = Path(__file__).parents[1] / "incidents" / "crowd"
PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "shop-incidents"
version = "1"

[project.entry-points."interlock.incidents"]
shop = "shop_incidents"
"""
ASK = """
import sys
from pathlib import Path
from dashboard.catalogue import incidents
from dashboard.config import Settings
from dashboard.catalogue.folders import incident_dirs

catalogue = incidents.load(incident_dirs(Settings(Path(sys.argv[1]))))
print(*catalogue.problems, catalogue.incident("crowd").folder)
"""


def test_a_package_brings_its_incidents_and_is_not_imported(tmp_path: Path) -> None:
    package, site = tmp_path / "package", tmp_path / "site"
    shutil.copytree(CROWD, package / "shop_incidents" / "crowd")
    (package / "pyproject.toml").write_text(PYPROJECT)
    (package / "shop_incidents" / "__init__.py").write_text("raise AssertionError('nothing of it is imported')\n")
    offline = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", site, package], check=True)
    asked = [sys.executable, "-c", ASK, str(tmp_path / "data")]
    told = subprocess.run(
        asked, env={**os.environ, "PYTHONPATH": str(site)}, check=True, capture_output=True, text=True
    )
    assert told.stdout.strip() == str(site / "shop_incidents" / "crowd")
