"""`interlock run`: what it is given, and what it says of what cannot be run."""

from __future__ import annotations

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dashboard.cli import replay as replay_command
from dashboard.cli import run as run_command
from dashboard.cli.run import Result
from dashboard.cli.run import UsageError
from dashboard.config import Settings
from dashboard.config import resource
from interlock.delta import Writer
from interlock.frame import Message
from interlock.frame import Step

SHOP = """\
from fastapi import FastAPI, Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

engine = create_async_engine("postgresql+asyncpg://shop@db.internal/shop")
app = FastAPI()


@app.post("/orders")
async def order(request: Request):
    async with engine.connect() as connection:
        number = await connection.scalar(text("select 41 + 1"))
    return {"number": number, "of": request.headers["x-user"], "for": (await request.json())["product"]}
"""
ORDERS = ['POST /orders {"product": 7}', "post /orders?gift=yes {}"]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.py"
    path.write_text(SHOP)
    return path


def run(settings: Settings, shop: Path, told: list[Message], plan: str, requests: list[str]) -> Result:
    return run_command.run(
        settings, str(shop), "sqlalchemy-2.1", plan, None, False, told.append, requests, ["X-User: ann"]
    )


def test_requests_of_the_command_line_arrive_as_choices(settings: Settings, shop: Path) -> None:
    told: list[Message] = []
    result = run(settings, shop, told, "il1:", ORDERS)
    r1, r2 = (next(one for one in result.end.tasks if one.name == name) for name in ("r1", "r2"))
    assert r1.value.startswith("200 OK")
    assert r2.errors[0].type == "KeyError"  # it orders no product
    assert result.status == 1
    events = [event for one in told if isinstance(one, Step) for event in one.events]
    assert any('{"number":42,"of":"ann","for":7}' in one.text for one in events if one.kind == "response")

    together: list[Message] = []
    assert run(settings, shop, together, "il1:1=r1,2=r2", ORDERS[:1] * 2).end.outcome == "ok"
    choices = [one.choice.token for one in together if isinstance(one, Step) and one.choice]
    assert choices[:2] == ["r1", "r2"]


def test_the_command_that_is_printed_makes_the_same_run_again(settings: Settings, shop: Path) -> None:
    told: list[Message] = []
    text = run_command.as_text(run(settings, shop, told, "il1:", ORDERS[:1]))
    words = shlex.split(text.rpartition("Again: ")[2])
    assert words[:3] == ["interlock", "run", str(shop)]
    options = dict(zip(words[3::2], words[4::2], strict=True))
    assert (options["--request"], options["--header"]) == (ORDERS[0], "X-User: ann")
    writer = Writer()
    journal = [writer.dump(one) for one in told]
    verdict = replay_command.replay(
        settings, journal, str(shop), None, print, [options["--request"]], [options["--header"]]
    )
    assert (verdict.status, verdict.difference) == (0, "")


def test_an_application_without_requests_is_told_how_to_give_it_some(settings: Settings, shop: Path) -> None:
    result = run(settings, shop, [], "il1:", ORDERS[:1])
    assert result.end.outcome == "ok"
    end = run_command.run(settings, str(shop), "sqlalchemy-2.1", None, None, False, [].append).end
    assert end.outcome == "invalid"
    assert "--request" in end.detail


@pytest.mark.parametrize(
    ("requests", "headers", "said"),
    [
        (["/orders"], [], "one of get, post"),
        (["GET orders"], [], "begins with /"),
        (["GET /a"], ["X-User ann\n"], "Headers"),
        (["GET /a"] * 51, [], "51 requests"),
        ([], ["X-User: ann"], "--header belongs"),
    ],
)
def test_a_request_that_is_none_is_refused(
    settings: Settings, shop: Path, requests: list[str], headers: list[str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run_command.find(settings, str(shop), requests, headers)


def test_an_incident_has_its_own_requests(settings: Settings) -> None:
    with pytest.raises(UsageError, match="declares its requests itself"):
        run_command.find(settings, "request_session/broken", ["GET /names"])


def test_what_never_began_is_told_without_a_command_that_replays_it(settings: Settings, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import no_such_library\n")
    result = run_command.run(settings, str(script), "sqlalchemy-2.1", None, None, False, [].append)
    text = run_command.as_text(result)
    assert result.status == 2
    assert "No module named 'no_such_library'. The stack does not have it." in text
    assert "at script.py, line 1: import no_such_library" in text
    assert "Again" not in text
    assert run_command.as_json(result)["steps"] == 0


def test_a_mistake_in_the_folder_of_an_incident_is_told(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(resource("scenarios") / "lost_update", tmp_path / "typing_error")
    toml = tmp_path / "typing_error" / "incident.toml"
    toml.write_text(toml.read_text().replace('"silent"', '"slient"'))
    run_command.tell_problems(run_command.find(replace(settings, scenario_dirs=(tmp_path,)), "typing_error"))
    told = capsys.readouterr()
    assert f"{toml}:" in told.err
    assert "slient" in told.err
    assert told.out == ""
