"""Which Python a stack is made with, and what is said when none will do."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from dashboard.catalogue.interpreters import Interpreter
from dashboard.catalogue.interpreters import found
from dashboard.catalogue.interpreters import interpreter
from dashboard.catalogue.stacks import RECIPES
from dashboard.catalogue.stacks import StackError
from dashboard.catalogue.stacks import choose

OLD = next(recipe for recipe in RECIPES if recipe.name == "sqlalchemy-1.4.42")
ABLE = Interpreter("/usr/bin/python3.11", "3.11.7", (3, 11), venv=True, headers=True, compiler="cc", has_compiler=True)
READY_MADE = replace(ABLE, path="/usr/bin/python3.10", number="3.10.1", version=(3, 10), has_compiler=False)


def test_the_first_that_is_able_is_taken() -> None:
    assert choose(OLD, [ABLE, READY_MADE]) is ABLE


def test_one_that_needs_no_compiler_does_without() -> None:
    assert choose(OLD, [replace(ABLE, has_compiler=False), READY_MADE]) is READY_MADE


def test_what_each_lacks_is_said() -> None:
    with pytest.raises(StackError) as error:
        choose(OLD, [replace(ABLE, headers=False, has_compiler=False), replace(READY_MADE, venv=False)])

    message = str(error.value)
    assert "/usr/bin/python3.11 (Python 3.11.7) lacks the C headers of Python" in message
    assert "the C compiler `cc`" in message
    assert "apt-get install python3.10-venv" in message
    assert "try again" in message


def test_no_python_at_all_is_said() -> None:
    with pytest.raises(StackError, match="needs a Python from 3.9 to 3.11, and there is none"):
        choose(OLD, [])


def test_our_own_python_is_found_first() -> None:
    first = next(found(sys.version_info[:2], sys.version_info[:2]))

    assert first.path == sys.executable
    assert first.lacks(compiling=False) == []


def test_what_is_no_python_is_passed_over() -> None:
    assert interpreter("/bin/false") is None
    assert interpreter("/does/not/exist") is None
