"""The command line: `interlock serve`, `interlock stacks`, `interlock worker`.

What a command needs is imported when it runs, so that each starts quickly.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager

import click

from dashboard.config import Settings
from dashboard.config import SettingsError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="interlock")
def main() -> None:
    """Reproduce, step through and explain concurrency failures of SQLAlchemy's AsyncSession."""


@main.command()
def serve() -> None:
    """Serve the dashboard, with the PostgreSQL servers it needs, until Ctrl-C."""
    from dashboard.home import ClusterError
    from dashboard.serve import ServeError
    from dashboard.serve import serve

    with _told(SettingsError, ClusterError, ServeError):
        serve(Settings.from_env(), click.echo)


@main.command()
def worker() -> None:
    """Play runs and install stacks for a dashboard, in a process of its own, until Ctrl-C."""
    from dashboard import worker
    from dashboard.cluster import running
    from dashboard.home import ClusterError
    from dashboard.store import StoreDown
    from dashboard.store import migrate

    with _told(SettingsError, ClusterError, StoreDown):
        settings = running(Settings.from_env())
        if settings.store_url is None:
            raise SettingsError(
                "There is no store to take jobs from: no dashboard runs with this data directory. "
                "Start one with `interlock serve`, or set INTERLOCK_STORE_URL and INTERLOCK_LAB_URL."
            )
        migrate(settings.store_url)
        worker.run(settings)


@main.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for scripts.")
@click.pass_context
def stacks(context: click.Context, as_json: bool) -> None:
    """List the stacks: the sets of libraries that programs can be run with."""
    if context.invoked_subcommand is not None:
        return
    from dashboard.stacks import catalogue

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
    from dashboard.stacks import StackError
    from dashboard.stacks import install

    async def output(text: str) -> None:
        click.echo(text, nl=False)

    async def progress(text: str) -> None:
        click.echo(f"== {name}: {text}")

    with _told(SettingsError, StackError):
        stack = asyncio.run(install(Settings.from_env(), name, output, progress))
        click.echo(f"== {name}: ready, {stack.python}")


@contextmanager
def _told(*errors: type[Exception]) -> Iterator[None]:
    """Turn errors that speak to people into the end of the command: the message alone, exit status 1."""
    try:
        yield
    except errors as error:
        raise click.ClickException(str(error)) from error
