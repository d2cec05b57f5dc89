"""Which files are a program's own: those that it imports, and no others of its folder."""

from __future__ import annotations

from pathlib import Path

from interlock.source import read_sources


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_a_program_and_what_it_imports_beside_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        broken="import asyncio\nfrom session import factory\nimport app.models as models",
        session="from models import User",
        models="import session",
        fixed="import session",
        app__models="from . import tables\nfrom .deep import x",
        app__tables="",
        app__deep="",
    )
    (tmp_path / "app" / "__init__.py").write_text("")
    found = read_sources(str(tmp_path / "broken.py"))
    assert next(iter(found)) == "broken.py"
    assert set(found) == {"broken.py", "session.py", "models.py", "app/models.py", "app/tables.py", "app/deep.py"} | {
        name for name in found if name.endswith("__init__.py")
    }
    assert "fixed.py" not in found


def test_a_program_with_a_mistake_is_still_shown(tmp_path: Path) -> None:
    write(tmp_path, broken="import session\nasync def main(:", session="")
    assert list(read_sources(str(tmp_path / "broken.py"))) == ["broken.py"]
