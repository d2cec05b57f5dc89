"""The command line: `interlock serve`, `interlock run`, `interlock explore`, `interlock replay`, `interlock new`,
`interlock stacks`, `interlock worker`.

What a command needs is imported when it runs, so that each starts quickly.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from typing import TextIO
from typing import TypeVar

import click

from dashboard.config import Settings
from dashboard.config import SettingsError

if TYPE_CHECKING:
    from interlock.frame import Message

Command = TypeVar("Command", bound=Callable[..., object])


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="interlock")
def main() -> None:
    """Reproduce, step through and explain concurrency failures of SQLAlchemy's AsyncSession."""


@main.command()
def serve() -> None:
    """Serve the dashboard, with the PostgreSQL servers it needs, until Ctrl-C."""
    from dashboard.cli.serve import ServeError
    from dashboard.cli.serve import serve
    from dashboard.servers.home import ClusterError

    with _told(SettingsError, ClusterError, ServeError):
        serve(Settings.from_env(), click.echo)


def _requests(command: Command) -> Command:
    """The options by which a script that is a web application gets its requests."""
    request = click.option(
        "--request",
        "requests",
        metavar='"GET /PATH"',
        multiple=True,
        help="A request that SCRIPT.py's ASGI application app is to answer; a body may follow the path. Repeatable.",
    )
    header = click.option(
        "--header", "headers", metavar='"NAME: TEXT"', multiple=True, help="A header of these requests. Repeatable."
    )
    return request(header(command))


TARGET = "INCIDENT[/PROGRAM] | FOLDER[/PROGRAM] | SCRIPT.py"


@main.command()
@click.argument("target", metavar=TARGET)
@_requests
@click.option("--stack", default="sqlalchemy-2.1", show_default=True, help="The stack to run it with.")
@click.option("--schedule", help="Replay this schedule. Without it: the one that the incident ships.")
@click.option("--seed", type=click.IntRange(min=0), help="Choose at random, the same way for the same seed.")
@click.option("--natural", is_flag=True, help="No gate: everything happens as the network has it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
@click.option("--journal", type=click.File("w"), help="Write the run's journal to this file, a JSON object a line.")
def run(
    target: str,
    requests: tuple[str, ...],
    headers: tuple[str, ...],
    stack: str,
    schedule: str | None,
    seed: int | None,
    natural: bool,
    as_json: bool,
    journal: TextIO | None,
) -> None:
    """Run a program of an incident, or any script that calls asyncio.run, and tell how it ended.

    A web application is a script with an ASGI application called app; give it requests with --request.

    Exit status: 0 if it ended as the incident declares for the stack (a script of your own: if all went well), 1 if
    not, 2 if it could not be run at all. A broken program that ends well under some other order gives 1.
    """
    from dashboard.cli import run as run_command
    from interlock.delta import Writer

    if (schedule is not None) + (seed is not None) + natural > 1:
        raise click.UsageError("--schedule, --seed and --natural exclude each other: choose one.")

    writer = Writer()

    def tell(message: Message) -> None:
        if journal is not None:
            journal.write(writer.dump(message) + "\n")
        if not as_json and (line := run_command.as_line(message)):
            click.echo(line)

    with _runnable():
        result = run_command.run(Settings.from_env(), target, stack, schedule, seed, natural, tell, requests, headers)
    if as_json:
        click.echo(json.dumps(run_command.as_json(result), ensure_ascii=False))
    else:
        click.echo(run_command.as_text(result))
    raise SystemExit(result.status)


@main.command()
@click.argument("target", metavar=TARGET)
@click.option("--stack", default="sqlalchemy-2.1", show_default=True, help="The stack to run it with.")
@click.option("--runs", type=click.IntRange(1, 100_000), default=200, show_default=True, help="How many orders to try.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="The seed of the first one.")
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=300.0, show_default=True, help="Begin no more after that."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for scripts.")
def explore(target: str, stack: str, runs: int, seed: int, seconds: float, as_json: bool) -> None:
    """Try many orders of a program, each chosen by a seed, and tell how often it ended how.

    Where there are few enough, all are tried, which is said. Exit status, for a script of your own or what is declared
    to end well: 0 if every order did, 1 if one failed, 2 if none failed but not all could be tried. For what is
    declared to fail: 0 if some order failed so, 1 if none did.
    """
    from dashboard.cli import explore as explore_command
    from dashboard.findings.tally import Tally

    def told(tally: Tally) -> None:
        tried = min(tally.tried, runs)  # some may have been aimed at besides
        click.echo(f"{tried} of {runs} orders tried, {tally.failed} failed", err=True)

    with _runnable():
        found = explore_command.explore(Settings.from_env(), target, stack, runs, seed, seconds, told)
    if as_json:
        click.echo(json.dumps(explore_command.as_json(found), ensure_ascii=False))
    else:
        click.echo(explore_command.as_text(found))
    raise SystemExit(found.status)


@main.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option("--program", metavar=TARGET, help="Instead of the one with the journal's files.")
@click.option("--stack", help="Instead of the one with the journal's versions.")
@_requests
def replay(
    file: TextIO, program: str | None, stack: str | None, requests: tuple[str, ...], headers: tuple[str, ...]
) -> None:
    """Replay the journal in FILE, and tell whether it is the same run here, and where it first differs.

    Exit status: 0 if it is the same, 1 if it differs, 2 if it could not be replayed at all.
    """
    from dashboard.cli import replay as replay_command

    with _runnable():
        verdict = replay_command.replay(Settings.from_env(), file, program, stack, click.echo, requests, headers)
    click.echo(replay_command.as_text(verdict))
    raise SystemExit(verdict.status)


@main.command()
def worker() -> None:
    """Play runs and install stacks for a dashboard, in a process of its own, until Ctrl-C."""
    from dashboard.servers.cluster import running
    from dashboard.servers.home import ClusterError
    from dashboard.store import StoreDown
    from dashboard.store import migrate
    from dashboard.work import worker

    with _told(SettingsError, ClusterError, StoreDown):
        settings = running(Settings.from_env())
        if settings.store_url is None:
            raise SettingsError(
                "There is no store to take jobs from: no dashboard runs with this data directory. "
                "Start one with `interlock serve`, or set INTERLOCK_STORE_URL and INTERLOCK_LAB_URL."
            )
        migrate(settings.store_url)
        worker.run(settings)


@main.command()
@click.argument("name")
@click.option("--in", "into", type=click.Path(file_okay=False, path_type=Path), help="The folder that is to hold it.")
def new(name: str, into: Path | None) -> None:
    """Make a folder for an incident of your own, called NAME, with programs that run."""
    from dashboard.cli import new as new_command

    with _told(SettingsError, new_command.NotMade):
        settings = Settings.from_env()
        click.echo(new_command.what_next(settings, new_command.new(settings, name, into)))


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
@click.pass_context
def stacks(context: click.Context, as_json: bool) -> None:
    """List the stacks: the sets of libraries that programs can be run with."""
    if context.invoked_subcommand is not None:
        return
    from dashboard.catalogue.stacks import catalogue

    with _told(SettingsError):
        found = catalogue(Settings.from_env())
    if as_json:
        listed = [
            {"name": one.name, "installed": one.installed, "python": one.python, "pins": one.pins}
            for one in found.stacks
        ]
        click.echo(json.dumps(listed, indent=2))
    else:
        width = max(len(one.name) for one in found.stacks)
        for one in found.stacks:
            state = "ready" if one.installed else "not installed"
            click.echo(f"{one.name:{width}}  {state:13}  {', '.join(one.pins) or one.python}")
    for problem in found.problems:
        click.echo(problem, err=True)


@stacks.command()
@click.argument("name")
def install(name: str) -> None:
    """Make the environment of stack NAME, unless it is there."""
    from dashboard.catalogue.stacks import StackError
    from dashboard.catalogue.stacks import install

    async def output(text: str) -> None:
        click.echo(text, nl=False)

    async def progress(text: str) -> None:
        click.echo(f"== {name}: {text}")

    with _told(SettingsError, StackError):
        stack = asyncio.run(install(Settings.from_env(), name, output, progress))
        click.echo(f"== {name}: ready, {stack.python}")


class NotRun(click.ClickException):
    """The program could not be run at all."""

    exit_code = 2


@contextmanager
def _told(*errors: type[Exception]) -> Iterator[None]:
    """Turn errors whose message is meant for people into the end of the command: that message alone, exit status 1."""
    try:
        yield
    except errors as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def _runnable() -> Iterator[None]:
    """The same for errors that keep a program from being run. Exit status 2, since 1 says that it ended otherwise."""
    from dashboard.cli.run import UsageError
    from dashboard.servers.home import ClusterError
    from dashboard.servers.lab import LabDown
    from interlock.journal import JournalError
    from interlock.warm import RunnerError

    try:
        yield
    except (UsageError, SettingsError) as error:
        raise click.UsageError(str(error)) from error
    except (JournalError, ClusterError, LabDown, RunnerError) as error:
        raise NotRun(str(error)) from error
