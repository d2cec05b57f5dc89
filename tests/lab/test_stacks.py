"""Stacks: which there are, how one is installed, what is said when that fails, and that trying again works."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.catalogue import stacks
from dashboard.catalogue.stacks import Recipe
from dashboard.catalogue.stacks import StackError
from dashboard.catalogue.stacks import catalogue
from dashboard.catalogue.stacks import find
from dashboard.catalogue.stacks import install
from dashboard.catalogue.stacks import versions
from dashboard.config import Settings

SMALL = "small"
NOTHING_WRONG = "idna==3.10 --hash=sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3\n"


class Told:
    """What an installation said."""

    def __init__(self) -> None:
        self.output = ""
        self.progress: list[str] = []

    async def log(self, text: str) -> None:
        self.output += text

    async def step(self, text: str) -> None:
        self.progress.append(text)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalogue with one stack that asks for little, with this file of requirements."""
    requirements = tmp_path / "requirements" / "stacks"
    requirements.mkdir(parents=True)
    own_python = sys.version_info[:2]
    monkeypatch.setattr(stacks, "resource", lambda name: tmp_path / name)
    monkeypatch.setattr(stacks, "RECIPES", (Recipe(SMALL, own_python, own_python),))
    # The libraries that a stack is known by are not what is tried here, and take long to fetch.
    monkeypatch.setattr(stacks, "LIBRARIES", {"idna": "idna"})
    monkeypatch.setattr(stacks, "ASK_VERSIONS", stacks.ASK_VERSIONS.replace("import sqlalchemy.ext.asyncio", ""))
    monkeypatch.setattr(stacks, "_own_versions", lambda: {"idna": "3.10"})
    file = requirements / f"{SMALL}.txt"
    file.write_text(NOTHING_WRONG)
    return file


def make(settings: Settings, name: str = SMALL) -> Told:
    told = Told()
    asyncio.run(install(settings, name, told.log, told.step))
    return told


def test_our_stacks_are_known_with_what_they_pin(own: Settings) -> None:
    known = {stack.name: stack for stack in catalogue(own).stacks}

    assert list(known) == [
        "sqlalchemy-1.4.42",
        "sqlalchemy-2.0.51",
        "sqlalchemy-2.0.52",
        "sqlalchemy-2.0",
        "sqlalchemy-2.1",
    ]
    assert known["sqlalchemy-1.4.42"].pins[:3] == ("SQLAlchemy 1.4.42", "asyncpg 0.26.0", "FastAPI 0.87.0")
    assert known["sqlalchemy-2.0"].title == "SQLAlchemy 2.0.58"
    assert [stack.title for name, stack in known.items() if name.startswith("sqlalchemy-2.0.")] == [
        "SQLAlchemy 2.0.51",
        "SQLAlchemy 2.0.52",
    ]
    assert [stack.installed for stack in known.values()] == [False, False, False, False, True]
    assert known["sqlalchemy-2.1"].python == sys.executable


@pytest.mark.parametrize(
    "name", ["sqlalchemy-1.4.42", "sqlalchemy-2.0.51", "sqlalchemy-2.0.52", "sqlalchemy-2.0", "sqlalchemy-2.1"]
)
def test_an_installed_stack_has_exactly_what_it_pins(
    name: str, settings: Settings, stack_python: Callable[[str], str]
) -> None:
    python = stack_python(name)
    stack = find(settings, name)

    has = versions(stack)

    assert stack.installed
    assert stack.python == python
    assert tuple(f"{stacks.LIBRARIES[library]} {has[library]}" for library in stacks.LIBRARIES) == stack.pins


def test_an_unknown_stack_is_answered_with_those_known(own: Settings) -> None:
    with pytest.raises(StackError, match="no stack 'sqlalchemy-9'. Those known are: sqlalchemy-1.4.42, sqlalchemy-2"):
        find(own, "sqlalchemy-9")


def test_a_broken_installation_says_what_failed_and_a_retry_works(own: Settings, small: Path) -> None:
    small.write_text(NOTHING_WRONG.replace("946d", "0000"))
    with pytest.raises(StackError) as error:
        make(own)
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in str(error.value)
    assert not find(own, SMALL).installed

    small.write_text(NOTHING_WRONG)
    told = make(own)

    assert told.progress[0] == "looking for a Python"
    assert "fetching libraries, 1 of about 1" in told.progress
    assert told.progress[-1] == "trying it out"
    assert "Successfully installed idna-3.10" in told.output
    assert versions(find(own, SMALL))["idna"] == "3.10"


def test_two_installations_at_once_are_one_which_is_good_until_its_pins_change(own: Settings, small: Path) -> None:
    async def both() -> list[Told]:
        told = [Told(), Told()]
        await asyncio.gather(*(install(own, SMALL, one.log, one.step) for one in told))
        return told

    one, other = asyncio.run(both())

    assert sum("Successfully installed" in told.output for told in (one, other)) == 1
    assert "waiting for another installation of it" in one.progress + other.progress
    assert make(own).output == ""
    assert find(own, SMALL).installed
    small.write_text(f"# other pins\n{NOTHING_WRONG}")
    assert not find(own, SMALL).installed


def test_a_cancelled_installation_ends_what_it_started_and_does_not_count(own: Settings, small: Path) -> None:
    async def cancelled() -> None:
        begun = asyncio.Event()

        async def tell(text: str) -> None:
            if text == "making the environment":
                begun.set()

        task = asyncio.create_task(install(own, SMALL, tell, tell))
        await begun.wait()
        await asyncio.sleep(0.2)  # into the making; wherever exactly, the rest must hold
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())  # the detectors of conftest see to it that nothing is left running

    assert not find(own, SMALL).installed


def test_no_python_that_fits_is_told(own: Settings, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "RECIPES", (Recipe(SMALL, (3, 98), (3, 99)),))

    with pytest.raises(StackError, match="needs a Python from 3.98 to 3.99, and there is none"):
        make(own)


def test_a_folder_that_cannot_be_written_to_is_told(own: Settings, small: Path) -> None:
    own.data_dir.write_text("a file where the folder should be")

    with pytest.raises(StackError, match="cannot be made: .*INTERLOCK_DATA_DIR"):
        make(own)


def test_a_user_adds_the_interpreter_of_a_project(own: Settings) -> None:
    own.data_dir.mkdir()
    (own.data_dir / "stacks.toml").write_text(f'[shop]\npython = "{sys.executable}"\n')

    stack = find(own, "shop")

    assert stack.installed
    assert stack.pins == ()
    assert versions(stack)["sqlalchemy"] == versions(find(own, "sqlalchemy-2.1"))["sqlalchemy"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[shop", "cannot be read"),
        ("[shop]\n", "should say which interpreter"),
        ("shop = 1\n", "should say which interpreter"),
        ('[shop]\npython = "/does/not/exist"\n', "names /does/not/exist, which is no program"),
        ('[shop]\npython = "~nobody-of-this-name/python"\n', "which is no program"),
        (f'["sqlalchemy-2.1"]\npython = "{sys.executable}"\n', "needs another name"),
        (f'["../x"]\npython = "{sys.executable}"\n', "needs another name"),
    ],
)
def test_mistakes_in_stacks_toml_are_told_and_ours_are_there_all_the_same(
    own: Settings, written: str, said: str
) -> None:
    own.data_dir.mkdir()
    (own.data_dir / "stacks.toml").write_text(written)

    found = catalogue(own)

    assert len(found.stacks) == len(stacks.RECIPES) + 1
    assert len(found.problems) == 1
    assert said in found.problems[0]
    assert "stacks.toml" in found.problems[0]


def test_an_interpreter_without_the_libraries_is_told(own: Settings, tmp_path: Path) -> None:
    asyncio.run(stacks._run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], Told().log))
    own.data_dir.mkdir()
    (own.data_dir / "stacks.toml").write_text(f'[bare]\npython = "{tmp_path}/bare/bin/python"\n')

    with pytest.raises(StackError, match="cannot import the libraries of bare:\n(.*\n)*.*No module named 'sqlalchemy'"):
        versions(find(own, "bare"))
