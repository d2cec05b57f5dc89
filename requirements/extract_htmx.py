"""Take htmx out of the Python package that carries it: `python extract_htmx.py build/django_htmx-….whl TARGET`."""

from __future__ import annotations

import hashlib
import sys
import zipfile
from pathlib import Path

MEMBER = "django_htmx/static/django_htmx/htmx-2.min.js"
SHA256 = "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de"


def main(wheel: str, target: str) -> None:
    script = zipfile.ZipFile(wheel).read(MEMBER)
    found = hashlib.sha256(script).hexdigest()
    if found != SHA256:
        sys.exit(f"{MEMBER} in {wheel} has sha256 {found} and not {SHA256}: it is not the htmx we know.")
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(target).write_bytes(script)


if __name__ == "__main__":
    main(*sys.argv[1:])
