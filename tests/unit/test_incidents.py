"""Folders of incidents as people write them, mistakes included."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dashboard import sqlfiles
from dashboard.catalogue import incidents
from dashboard.catalogue.incidents import Incident
from interlock.job import Request

SCENARIOS = Path(__file__).parents[2] / "scenarios"

TOML = """\
title = "Two tasks"
symptom = "ValueError: no"
summary = "What happened."
sources = ["https://example.org/thread"]

[[program]]
name = "broken"
title = "As it was"
kind = "broken"
[program.stacks."sqlalchemy-1.4.42"]
outcome = "error"
error = "ValueError: no"
schedule = "il1:7=c3"

[[program]]
name = "fixed"
title = "As it should be"
kind = "fix"
stacks."sqlalchemy-2.1" = { outcome = "ok" }
"""

FILES = {
    "incident.toml": TOML,
    "story.md": "## What people saw\n\nIt *failed*.\n",
    "broken.py": "print(1)\n",
    "fixed.py": "print(2)\n",
    "schema.sql": "create table account (id int);\n",
    "invariants.sql": "-- name: no account is negative\nselect id from account where id < 0;\n",
}


def write(base: Path, files: dict[str, str | None], name: str = "two_tasks") -> Path:
    folder = base / name
    folder.mkdir(parents=True)
    for file, text in (FILES | files).items():
        if text is not None:
            (folder / file).write_text(text)
    return folder


def read(base: Path, files: dict[str, str | None]) -> Incident:
    write(base, files)
    (incident,) = incidents.load([base]).incidents
    return incident


def mistakes(incident: Incident) -> list[tuple[str, int, str]]:
    return [(problem.path.name, problem.line, problem.message) for problem in incident.problems]


def test_a_folder_becomes_an_incident(tmp_path: Path) -> None:
    incident = read(tmp_path, {})
    assert mistakes(incident) == []
    assert (incident.name, incident.title, incident.symptom) == ("two_tasks", "Two tasks", "ValueError: no")
    assert incident.story == "<h2>What people saw</h2>\n<p>It <em>failed</em>.</p>\n"
    assert incident.stacks == ("sqlalchemy-1.4.42", "sqlalchemy-2.1")
    assert [(program.name, program.kind) for program in incident.programs] == [("broken", "broken"), ("fixed", "fix")]
    broken = incident.program("broken")
    assert broken is not None
    assert broken.path == tmp_path / "two_tasks" / "broken.py"
    assert broken.expectations["sqlalchemy-1.4.42"].schedule == "il1:7=c3"
    assert incident.program("fixed").expectations["sqlalchemy-2.1"].schedule == "il1:"  # type: ignore[union-attr]
    assert incident.program("none") is None
    assert [(rule.name, rule.sql) for rule in incident.invariants] == [
        ("no account is negative", "select id from account where id < 0")
    ]
    assert incident.setup == FILES["schema.sql"]


def test_only_the_toml_the_story_and_the_programs_must_be_there(tmp_path: Path) -> None:
    assert mistakes(read(tmp_path, {"schema.sql": None, "invariants.sql": None})) == []


REPLICA = 'replica = ["reader.internal"]\n' + TOML
READS = {"broken.py": "DSN = 'postgresql+asyncpg://app@reader.internal/app'\n"}


def test_which_hosts_mean_the_replica_is_said_for_all_programs_or_for_one(tmp_path: Path) -> None:
    spoken = REPLICA.replace('kind = "fix"', 'kind = "fix"\nreplica = []')
    incident = read(tmp_path, {"incident.toml": spoken, **READS})
    assert mistakes(incident) == []
    assert [program.replica for program in incident.programs] == [("reader.internal",), ()]


@pytest.mark.parametrize(("named", "helped"), [("", [True, True, False]), ('fixes = ["broken"]', [True, False, False])])
def test_a_fix_helps_all_programs_or_those_that_it_names(tmp_path: Path, named: str, helped: list[bool]) -> None:
    other = '\n[[program]]\nname = "models"\ntitle = "Also"\nkind = "probe"\n'
    toml = TOML.replace('kind = "fix"', f'kind = "fix"\n{named}') + other
    incident = read(tmp_path, {"incident.toml": toml, "models.py": "print(3)\n"})
    assert mistakes(incident) == []
    broken, fixed, models = incident.programs
    assert [fixed.helps(one) for one in (broken, models, fixed)] == helped


MISTAKES: list[tuple[dict[str, str | None], str, int, str]] = [
    ({"incident.toml": None}, "incident.toml", 1, "There is no incident.toml."),
    ({"incident.toml": TOML + "title = \n"}, "incident.toml", 20, "This is not TOML"),
    (
        {"incident.toml": "titel = 1\n" + TOML},
        "incident.toml",
        1,
        "An incident has no key 'titel'. It has: title, symptom,",
    ),
    (
        {"incident.toml": REPLICA},
        "incident.toml",
        1,
        "No program here connects to 'reader.internal'; 'replica' names hosts of their DSNs.",
    ),
    (
        {"incident.toml": TOML.replace('kind = "fix"', 'kind = "fix"\nreplica = ["app@reader"]')},
        "incident.toml",
        19,
        "'app@reader' is no host name. 'replica' lists those of the replica.",
    ),
    ({"incident.toml": 'replica = "reader"\n' + TOML}, "incident.toml", 1, "'replica' must be a list."),
    ({"incident.toml": TOML.replace('"Two tasks"', "2")}, "incident.toml", 1, "'title' must be a text in quotes."),
    (
        {"incident.toml": TOML.replace('title = "Two tasks"\n', "")},
        "incident.toml",
        1,
        "An incident must have a key 'title'",
    ),
    (
        {"incident.toml": TOML.replace('"probe"', "0").replace('kind = "fix"\n', "")},
        "incident.toml",
        15,
        "must have a key 'kind'",
    ),
    (
        {"incident.toml": TOML.replace('kind = "fix"', 'kind = "mend"')},
        "incident.toml",
        18,
        "'kind' cannot be 'mend'. It is one",
    ),
    (
        {"incident.toml": TOML.replace('"error"', '"eror"')},
        "incident.toml",
        11,
        "'outcome' cannot be 'eror'. It is one of: ok,",
    ),
    ({"incident.toml": TOML.replace("il1:7=c3", "il1:7=q")}, "incident.toml", 13, "'7=q' is not step=choice."),
    ({"incident.toml": TOML.replace('{ outcome = "ok" }', '"ok"')}, "incident.toml", 19, "must be a table"),
    (
        {"incident.toml": TOML.replace('name = "fixed"', 'name = "broken"')},
        "incident.toml",
        16,
        "There is a program 'broken' before",
    ),
    ({"incident.toml": TOML.replace('"fixed"', '"../../etc"')}, "incident.toml", 16, "cannot be a program's name"),
    (
        {"incident.toml": TOML.replace('kind = "fix"', 'kind = "fix"\nfixes = ["other"]')},
        "incident.toml",
        19,
        "There is no program 'other' here that it could fix.",
    ),
    ({"fixed.py": None}, "incident.toml", 16, "The program 'fixed' has no file: fixed.py is expected"),
    ({"broken.py": "import asyncio\n\nasync def main(:\n    pass\n"}, "broken.py", 3, "This is not Python: "),
    ({"models.py": "def f():\nreturn\n"}, "models.py", 2, "This is not Python: expected an indented block"),
    ({"broken.py": "x = '\0'\n"}, "broken.py", 1, "null bytes"),
    ({"story.md": None}, "story.md", 1, "There is no story.md."),
    (
        {"schema.sql": "create table a (b text);\ninsert into a values ('x);\n"},
        "schema.sql",
        2,
        "What ' opens here is never closed.",
    ),
    ({"schema.sql": "\n\\copy a from 'a.csv'\n"}, "schema.sql", 2, "\\copy is a command of psql"),
    ({"invariants.sql": "-- the rules\n\nselect 1;\n"}, "invariants.sql", 3, "This query has no name."),
    ({"invariants.sql": "-- name:\nselect 1;\n"}, "invariants.sql", 1, "The name is missing"),
    (
        {"invariants.sql": "-- name: a\nselect 1;\n-- name: a\nselect 2\n"},
        "invariants.sql",
        3,
        "There is a query 'a' before this",
    ),
    ({"invariants.sql": "-- name: a\n-- name: b\nselect 2\n"}, "invariants.sql", 1, "'a' must be one SELECT"),
    ({"invariants.sql": "-- name: a\ndelete from x\n"}, "invariants.sql", 1, "'a' must be one SELECT"),
    ({"invariants.sql": "-- name: a\nselect 1;\nselect 2;\n"}, "invariants.sql", 1, "'a' is more than one statement."),
    ({"invariants.sql": "-- name: a\nselect $x$1;\n"}, "invariants.sql", 2, "What $x$ opens here is never closed."),
]


@pytest.mark.parametrize(("files", "path", "line", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path, files: dict[str, str | None], path: str, line: int, message: str
) -> None:
    found = mistakes(read(tmp_path, files))
    assert len(found) == 1, found
    assert found[0][:2] == (path, line)
    assert message in found[0][2]


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    (folder / "story.md").write_bytes(b"fine\n\xff\n")
    (incident,) = incidents.load([tmp_path]).incidents
    assert mistakes(incident) == [("story.md", 2, "This is not UTF-8 text. Save the file in that encoding.")]


def test_what_is_wrong_in_one_folder_leaves_the_others_alone(tmp_path: Path) -> None:
    write(tmp_path, {"incident.toml": "title ="}, "bad")
    write(tmp_path, {}, "good")
    catalogue = incidents.load([tmp_path])
    assert [(incident.name, len(incident.problems)) for incident in catalogue.incidents] == [("bad", 1), ("good", 0)]
    assert catalogue.problems == catalogue.incidents[0].problems
    assert str(catalogue.problems[0]).startswith(f"{tmp_path}/bad/incident.toml:1: This is not TOML")
    assert catalogue.incident("bad").title == "bad"  # type: ignore[union-attr]


def test_a_program_with_a_mistake_still_stands_in_its_incident(tmp_path: Path) -> None:
    incident = read(tmp_path, {"broken.py": "def"})
    assert incident.program("broken") is not None
    assert len(incident.problems) == 1


def test_folders_are_read_from_several_places_and_the_first_of_a_name_wins(tmp_path: Path) -> None:
    ours, theirs, missing = tmp_path / "ours", tmp_path / "theirs", tmp_path / "missing"
    write(ours, {}, "one")
    write(theirs, {}, "one")
    write(theirs, {}, "two")
    (ours / "__pycache__").mkdir()
    (ours / "README.md").write_text("not an incident")
    catalogue = incidents.load([ours, theirs, missing])
    assert [incident.folder.parent.name for incident in catalogue.incidents] == ["ours", "theirs"]
    assert [problem.path for problem in catalogue.problems] == [theirs / "one", missing]


def test_one_is_found_by_its_name_as_the_whole_catalogue_has_it(tmp_path: Path) -> None:
    ours, theirs, missing = tmp_path / "ours", tmp_path / "theirs", tmp_path / "missing"
    for base, name in ((ours, "one"), (theirs, "one"), (theirs, "two"), (theirs, "_new")):
        write(base, {}, name)
    dirs = [missing, ours, theirs]
    catalogue = incidents.load(dirs)
    for name in ("one", "two", "three", "_new", "__pycache__", "", ".", "..", "../theirs/two", "\0"):
        assert incidents.find(dirs, name) is catalogue.incident(name)
    (theirs / "two" / "story.md").write_text("New.")
    assert "New." in incidents.find(dirs, "two").story  # type: ignore[union-attr]
    (theirs / "two" / "incident.toml").unlink()
    assert incidents.find(dirs, "two").problems  # type: ignore[union-attr]


def test_a_folders_name_must_fit_an_address(tmp_path: Path) -> None:
    write(tmp_path, {}, "My Incident")
    assert "lower-case letters" in incidents.load([tmp_path]).problems[0].message


def test_a_folder_is_read_again_only_when_a_file_of_it_changed(tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    (first,) = incidents.load([tmp_path]).incidents
    assert incidents.load([tmp_path]).incidents[0] is first
    (folder / "story.md").write_text("New.")
    os.utime(folder / "story.md", ns=(1, 1))
    assert incidents.load([tmp_path]).incidents[0].story == "<p>New.</p>\n"


def test_what_an_editor_leaves_in_a_folder_is_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path, {})
    (folder / ".#broken.py").symlink_to("someone@host.123")
    (folder / "broken.py~").write_text("def (")
    assert incidents.load([tmp_path]).problems == ()


def test_a_story_cannot_bring_its_own_html_scripts_or_pictures(tmp_path: Path) -> None:
    story = "<script>alert(1)</script>\n\n[x](javascript:alert(1)) ![p](https://example.org/p.png)\n"
    html = read(tmp_path, {"story.md": story}).story
    assert "<script" not in html
    assert 'href="javascript' not in html
    assert "<img" not in html


def test_semicolons_and_names_inside_of_texts_and_comments_do_not_count() -> None:
    found, wrong = sqlfiles.queries(
        "/* about ; this */\n-- name: first; rule\n-- why: ';'\nselect ';' as a, $$;'$$, \"b;\" -- ;\n;\n"
        "-- name: second\nwith x as (select 1)\nselect * from x\n"
    )
    assert wrong == []
    assert [query.name for query in found] == ["first; rule", "second"]
    assert found[1].sql == "with x as (select 1)\nselect * from x"


def test_escapes_inside_of_texts_do_not_close_them() -> None:
    assert (
        sqlfiles.mistakes("insert into a values (E'it\\'s', e'\\\\', 'it''s', date'2026-01-01', $tag$ ' $tag$);") == []
    )


def test_the_catalogue_that_comes_along_is_without_problems() -> None:
    catalogue = incidents.load([SCENARIOS])
    assert catalogue.problems == ()
    for incident in catalogue.incidents:
        assert incident.symptom
        assert incident.summary
        assert incident.sources
        assert {program.kind for program in incident.programs} >= {"broken", "fix"}
        assert all(program.expectations for program in incident.programs if program.kind != "timing")


REQUESTS = """
[[program.request]]
name = "deposit"
post = "/accounts/1?twice=yes"
headers = { "X-User" = "ann" }
body = "10"

[[program.request]]
name = "look"
get = "/accounts/1"
"""


def test_a_broken_program_may_end_well_on_a_stack_and_then_fails_on_others() -> None:
    catalogue = incidents.load([SCENARIOS])
    folder = {incident.name: incident for incident in catalogue.incidents}
    assert folder["after_response"].spared("broken", "sqlalchemy-2.1") == ("sqlalchemy-2.0",)
    assert folder["after_response"].spared("broken", "sqlalchemy-2.0") == ()
    assert folder["shared_session"].spared("session_per_task", "sqlalchemy-2.1") == ()  # a fix is not spared


def test_a_program_may_be_a_web_application_with_requests(tmp_path: Path) -> None:
    incident = read(tmp_path, {"incident.toml": TOML + REQUESTS})
    assert mistakes(incident) == []
    fixed = incident.program("fixed")
    assert fixed is not None
    assert fixed.requests == (
        Request("deposit", "POST", "/accounts/1?twice=yes", {"X-User": "ann"}, "10"),
        Request("look", "GET", "/accounts/1"),
    )
    assert incident.program("broken").requests == ()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("was", "becomes", "line", "message"),
    [
        ('name = "look"', 'name = "Look!"', 28, "'Look!' cannot be a request's name"),
        ('name = "look"', 'name = "deposit"', 28, "There is a request 'deposit' before this one already."),
        ('name = "look"\n', "", 27, "A request must have a key 'name', a text in quotes."),
        ('get = "/accounts/1"', "", 28, "A request has one of get, post, put, patch, delete"),
        ('get = "/accounts/1"', 'get = "/"\nput = "/"', 28, "A request has one of"),
        ('get = "/accounts/1"', 'get = "accounts"', 29, "A path begins with /"),
        ('get = "/accounts/1"', 'get = "/a b"', 29, "A path begins with /"),
        ('get = "/accounts/1"', f'get = "/{"a" * 3000}"', 29, "A path begins with /"),
        ('get = "/accounts/1"', "get = 1", 29, "'get' must be a text in quotes."),
        ('get = "/accounts/1"', 'get = "/"\nbody = 1', 30, "'body' must be a text in quotes."),
        ('get = "/accounts/1"', 'get = "/"\ncookie = "a"', 30, "A request has no key 'cookie'. It has: name, get"),
        ('"X-User" = "ann"', '"X-User" = 1', 24, "Headers are at most 50 names and texts of ASCII"),
        ('"X-User" = "ann"', '"X-User" = "a\\r\\nb: c"', 24, "Headers are at most 50"),
        ('"X-User" = "ann"', '"X User" = "ann"', 24, "Headers are at most 50"),
        ('body = "10"', f'body = "{"a" * 70_000}"', 25, "A body has at most 65,536 characters."),
    ],
)
def test_mistakes_in_requests_are_told_with_their_line(
    was: str, becomes: str, line: int, message: str, tmp_path: Path
) -> None:
    assert was in REQUESTS
    incident = read(tmp_path, {"incident.toml": TOML + REQUESTS.replace(was, becomes)})
    (file, at, told) = mistakes(incident)[0]
    assert (file, at) == ("incident.toml", line)
    assert message in told


def test_a_program_can_have_only_so_many_requests(tmp_path: Path) -> None:
    many = "".join(f'[[program.request]]\nname = "r{number}"\nget = "/"\n' for number in range(60))
    incident = read(tmp_path, {"incident.toml": TOML + many})
    assert mistakes(incident) == [("incident.toml", 20, "There are 60 requests; a program can have 50.")]
    assert len(incident.program("fixed").requests) == 50  # type: ignore[union-attr]
