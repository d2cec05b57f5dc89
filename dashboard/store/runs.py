"""Runs and their steps: what pages read of them, and what a worker writes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from dashboard.store.changes import change_run
from dashboard.store.changes import end_run
from dashboard.store.changes import settle
from dashboard.store.changes import tell_family
from dashboard.store.errors import UnknownRun
from dashboard.store.filter import matching
from dashboard.store.history import note
from dashboard.store.records import Caption
from dashboard.store.records import RunFilter
from dashboard.store.records import RunPage
from dashboard.store.records import RunRecord
from dashboard.store.records import RunRow
from dashboard.store.server import Server
from dashboard.store.server import clean
from dashboard.store.tables import RUN_CHANNEL
from dashboard.store.tables import run as run_table
from dashboard.store.tables import step as step_table
from interlock import delta
from interlock.frame import OUTPUT
from interlock.frame import End
from interlock.frame import Event
from interlock.frame import Frame
from interlock.frame import Header
from interlock.frame import Step
from interlock.journal import from_data
from interlock.journal import to_data

HIGHEST_ID = 2**63 - 1
LAST = 2**31 - 1  # above the number of any step
EVERY_RUN = RunFilter()
_ROW = [run_table.c[f.name] for f in fields(RunRow)]
_RECORD = [*_ROW, run_table.c.header, run_table.c.end]


class Runs(Server):
    def create_run(
        self,
        incident: str,
        program: str,
        stack: str,
        mode: str,
        schedule: str = "il1:",
        seed: int | None = None,
        *,
        actor: str = "",
        title: str = "",
        parent: int | None = None,
        branch: int | None = None,
    ) -> int:
        """Write down that a run is wanted. `work.jobs.enqueue_run` then finds it a worker."""
        values = {
            "incident": incident,
            "program": program,
            "stack": stack,
            "mode": mode,
            "schedule": clean(schedule),
            "seed": seed,
            "actor": clean(actor),
            "title": clean(title),
            "parent": parent,
            "branch": branch,
            "status": "queued",
            "steps": -1,
            "litter": False,
        }
        with self.transaction() as tx:
            run_id = int(tx.scalar(sa.insert(run_table).values(values).returning(run_table.c.id)) or 0)
            note(tx, actor, "start" if parent is None else "branch", f"run:{run_id}", _said(values))
        if parent is not None:
            self._tell_family(run_id)
        return run_id

    def rename_run(self, run_id: int, title: str, *, actor: str = "") -> None:
        """Give a run another title, whether or not it is over. Raises `UnknownRun`."""
        with self.transaction() as tx:
            mine = run_table.c.id == run_id
            before = tx.scalar(sa.select(run_table.c.title).where(mine).with_for_update())
            if before is None:
                raise UnknownRun(run_id)
            if before != clean(title):
                tx.execute(sa.update(run_table).where(mine).values(title=clean(title)))
                note(tx, actor, "rename", f"run:{run_id}", f"{_quoted(title)}; before: {_quoted(before)}")
        self._tell_family(run_id)

    def run(self, run_id: int) -> RunRecord | None:
        if run_id > HIGHEST_ID:  # typed into the address bar
            return None
        with self.reading() as tx:
            row = tx.execute(sa.select(*_RECORD).where(run_table.c.id == run_id)).mappings().one_or_none()
        if row is None:
            return None
        header = None if row["header"] is None else from_data(Header, row["header"])
        end = None if row["end"] is None else from_data(End, row["end"])
        return RunRecord(**{**row, "header": header, "end": end})

    def rev(self, run_id: int) -> int:
        """The revision of a run: it grows with everything a page could show. Raises `UnknownRun`."""
        with self.reading() as tx:
            rev: int | None = tx.scalar(sa.select(run_table.c.rev).where(run_table.c.id == run_id))
        if rev is None:
            raise UnknownRun(run_id)
        return rev

    def announced_rev(self, run_id: int) -> int:
        """The same for a poll: the revision as of the last announcement, from a cache."""
        return self.revisions.get(run_id, lambda: self.rev(run_id))

    def latest_runs(self) -> list[RunRow]:
        """The newest finished run of each program on each stack."""
        each = (run_table.c.incident, run_table.c.program, run_table.c.stack)
        newest = sa.select(*_ROW).ext(distinct_on(*each)).where(run_table.c.outcome.is_not(None))
        with self.reading() as tx:
            rows = tx.execute(newest.order_by(*each, run_table.c.id.desc())).mappings()
            return [RunRow(**row) for row in rows]

    def newest_runs(self, incident: str, stack: str) -> list[RunRow]:
        """The newest run of each program of an incident in each mode and under each schedule, finished or not."""
        each = (run_table.c.program, run_table.c.mode, run_table.c.schedule)
        newest = sa.select(*_ROW).ext(distinct_on(*each))
        newest = newest.where(run_table.c.incident == incident, run_table.c.stack == stack)
        with self.reading() as tx:
            rows = tx.execute(newest.order_by(*each, run_table.c.id.desc())).mappings()
            return [RunRow(**row) for row in rows]

    def runs(self, filter: RunFilter = EVERY_RUN, before: int | None = None, limit: int = 50) -> RunPage:
        """Runs that match, newest first."""
        matches = matching(filter)
        page = sa.select(*_ROW).where(*matches).order_by(run_table.c.id.desc()).limit(limit + 1)
        if before is not None:
            page = page.where(run_table.c.id < before)
        with self.reading() as tx:
            rows = tuple(RunRow(**row) for row in tx.execute(page).mappings())
            total = tx.scalar(sa.select(sa.func.count()).select_from(run_table).where(*matches)) or 0
        return RunPage(rows[:limit], total, rows[limit - 1].id if len(rows) > limit else None)

    def family(self, run_id: int, limit: int = 200) -> list[RunRow]:
        """The runs that branched from one another, this one among them: the first of them and the newest others."""
        c = run_table.c
        up = sa.select(c.id, c.parent).where(c.id == run_id).cte("up", recursive=True)
        up = up.union(sa.select(c.id, c.parent).where(c.id == up.c.parent))
        down = sa.select(up.c.id).where(up.c.parent.is_(None)).cte("down", recursive=True)
        down = down.union(sa.select(c.id).where(c.parent == down.c.id))
        query = sa.select(*_ROW).where(c.id.in_(sa.select(down.c.id))).order_by(c.parent.is_(None).desc(), c.id.desc())
        with self.reading() as tx:
            return [RunRow(**row) for row in tx.execute(query.limit(limit)).mappings()]

    def wait(self, run_id: int, rev: int, timeout: float) -> int:
        """Block until the run has a newer revision than `rev`, or for `timeout` seconds; the revision it then has."""
        return self.wait_until((RUN_CHANNEL, str(run_id)), timeout, lambda: self.rev(run_id), lambda now: now > rev)

    # The steps of a run

    def step(self, run_id: int, number: int) -> Step | None:
        found = self.steps(run_id, number, number)
        return found[0] if found else None

    def steps(self, run_id: int, first: int, last: int, *, without: Sequence[str] = ()) -> list[Step]:
        """The steps from `first` to `last`, both included, as far as they are there.

        Fields of their frames that are of no use can be left out: what the server says changes in every step.
        """
        query = (
            sa.select(step_table.c.body)
            .where(step_table.c.run_id == run_id, step_table.c.number.between(_whole(first), min(last, LAST)))
            .order_by(step_table.c.number)
        )
        with self.reading() as tx:
            bodies = tx.scalars(query).all()
        return [step for step in delta.steps(bodies, without) if step.number >= first]

    def captions(self, run_id: int, first: int = 0) -> list[Caption]:
        """The steps of a run from one on, each in a line."""
        c = step_table.c
        query = sa.select(c.number, c.caption, c.token, c.woke, c.failed)
        query = query.where(c.run_id == run_id, c.number >= first).order_by(c.number)
        with self.reading() as tx:
            return [
                Caption(n, text, token, tuple(woke.split("\n")) if woke else (), failed)
                for n, text, token, woke, failed in tx.execute(query)
            ]

    def orphaned(self, run_id: int, first: int, last: int) -> list[int]:
        """The steps, of those from `first` to `last`, in which a connection became an orphan."""
        c = step_table.c
        event = sa.func.json_array_elements(c.body["events"]).table_valued("value", joins_implicitly=True)
        began = sa.exists().select_from(event).where(sa.cast(event.c.value, sa.JSON)["kind"].as_string() == "orphan")
        likely = sa.cast(c.body, sa.Text).contains("orphan")  # read at a glance, where taking JSON apart takes long
        query = sa.select(c.number).where(c.run_id == run_id, c.number.between(first, min(last, LAST)), likely, began)
        with self.reading() as tx:
            return list(tx.scalars(query.order_by(c.number)))

    def output(self, run_id: int, upto: int, limit: int = 200) -> list[tuple[int, Event]]:
        """What the program wrote in the last `limit` steps up to this one: its last `limit` events, oldest first."""
        c = step_table.c
        query = (
            sa.select(c.number, c.output)
            .where(c.run_id == run_id, c.number.between(upto - limit + 1, upto), c.output.is_not(None))
            .order_by(c.number)
        )
        with self.reading() as tx:
            rows = tx.execute(query).all()
        return [(number, from_data(Event, event)) for number, output in rows for event in output][-limit:]

    # What a worker writes of a run that it has in its hands

    def set_header(self, run_id: int, header: Header) -> None:
        self._change(run_id, {"header": to_data(header), "summary": None})

    def set_note(self, run_id: int, note: str) -> None:
        """Note what a run waits for before it begins. It is shown in the place of its summary."""
        self._change(run_id, {"summary": clean(note)})

    def set_status(self, run_id: int, status: str, speed: float | None = None, next_token: str | None = None) -> None:
        self._change(run_id, {"status": status, "speed": speed, "next_token": next_token})

    def add_step(
        self,
        run_id: int,
        step: Step,
        *,
        status: str | None = None,
        speed: float | None = None,
        next_token: str | None = None,
        done: Sequence[int] = (),
        before: Frame | None = None,
    ) -> None:
        """Make a step durable, with the commands that it carried out, and only then announce it."""
        self.add_steps(run_id, [step], status=status, speed=speed, next_token=next_token, done=done, before=before)

    def add_steps(
        self,
        run_id: int,
        steps: Sequence[Step],
        *,
        status: str | None = None,
        speed: float | None = None,
        next_token: str | None = None,
        done: Sequence[int] = (),
        before: Frame | None = None,
    ) -> None:
        """Make steps durable, all of them or none. Adding one again (did it get through?) is harmless.

        With the frame of the step `before` them they are kept as what changed since, which is much smaller.
        """
        values = {} if status is None else {"status": status, "speed": speed, "next_token": next_token}
        with self.transaction() as tx:
            add(tx, run_id, steps, values, before)
            settle(tx, done)

    def finish(
        self,
        run_id: int,
        end: End,
        expected: bool | None = None,
        *,
        status: str = "ended",
        done: Sequence[int] = (),
    ) -> None:
        """Write down how a run ended. Commands that led there are done; what nobody will carry out is refused."""
        with self.transaction() as tx:
            settle(tx, done)
            end_run(tx, run_id, end, expected, status)
        self._tell_family(run_id)

    def _tell_family(self, run_id: int) -> None:
        with self.transaction() as tx:
            tell_family(tx, run_id)

    def _change(self, run_id: int, values: Mapping[str, Any]) -> None:
        with self.transaction() as tx:
            change_run(tx, run_id, values)


def _said(values: Mapping[str, Any]) -> str:
    """What the history says of a run that was asked for."""
    text = f"{values['incident']} ▸ {values['program']} on {values['stack']}, {values['mode']}"
    return text if values["parent"] is None else f"{text}; from step {values['branch']} of run {values['parent']}"


def _quoted(title: str) -> str:
    return f"“{title}”" if title else "none"


def failed(step: Step) -> bool:
    """Whether a task raised in this step."""
    return any(task.state == "error" and task.moved for task in step.frame.tasks)


_ASKED = re.compile(
    r"[^:]* on \w+: (?:BEGIN|START TRANSACTION|SET)\b.*\bISOLATION LEVEL (REPEATABLE READ|SERIALIZABLE)", re.IGNORECASE
)


def isolation(steps: Iterable[Step]) -> str | None:
    """The strictest isolation that statements of these steps asked for, if it is more than PostgreSQL's own default."""
    events = (event for step in steps for event in step.events if event.kind == "sent")
    return max((found[1].lower() for event in events if (found := _ASKED.match(event.text))), default=None)


def _whole(number: int) -> int:
    """The last step, up to this one, that is stored whole and not as a difference."""
    return max(0, min(number, LAST)) // delta.EVERY * delta.EVERY


def add(
    tx: sa.Connection, run_id: int, steps: Sequence[Step], values: Mapping[str, Any], before: Frame | None = None
) -> None:
    """Write steps down, and change the run with them, within the caller's transaction."""
    befores = [before, *(step.frame for step in steps)]
    rows = [
        {
            "run_id": run_id,
            "number": step.number,
            "caption": clean(step.text),
            "token": step.choice.token if step.choice else None,
            "woke": clean("\n".join(step.woke)),
            "failed": failed(step),
            "output": [to_data(event) for event in step.events if event.kind in OUTPUT] or None,
            "body": delta.to_data(step, previous),
        }
        for step, previous in zip(steps, befores, strict=False)
    ]
    first_failure = next((step.number for step in steps if failed(step)), None)
    changed: dict[str, Any] = {"steps": steps[-1].number, **values}
    if first_failure is not None:
        changed["failed_at"] = sa.func.coalesce(run_table.c.failed_at, first_failure)
    asked = isolation(steps)
    if asked is not None:  # the stricter one is the later word of the two
        changed["isolation"] = sa.func.greatest(run_table.c.isolation, asked)
    change_run(tx, run_id, changed)
    tx.execute(upsert(step_table).on_conflict_do_nothing(), rows)
