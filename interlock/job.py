"""What a run is asked to be: the program, where, under what, within which bounds."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from typing import Optional


@dataclass(frozen=True)
class Limits:
    """Bounds on everything in a run that can grow."""

    steps: int = 2000
    seconds: float = 60.0  # of the run's own work; time in which a person thinks does not count
    hang_after: float = 5.0  # seconds without a sign of life until the event loop is taken for standing still
    output_bytes: int = 262_144
    memory_mb: int = 2048
    reply_mb: int = 256  # of one reply, which is held whole, and then copied once for the program
    tasks: int = 2000
    connections: int = 200


@dataclass(frozen=True)
class Invariant:
    """A rule that the data must keep, as a query for the rows that break it.

    The query may join `outcome(task, outcome, error_type, error_message)`: what came of each task, by its name.
    """

    name: str
    sql: str


@dataclass(frozen=True)
class Request:
    """A request of a client that the program, a web application, is to answer."""

    name: str  # of its task
    method: str
    path: str  # with its query, as it stands in a URL
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Job:
    """One run to be played."""

    program: str  # absolute path of the script
    lab: str  # URL of the lab server
    schema: str  # the run's own; made if it is not there
    mode: str = "replay"  # step | replay | follow (as far as it goes, then by default) | random | natural
    schedule: str = "il1:"
    seed: Optional[int] = None
    setup: str = ""  # SQL run in the schema before the program starts
    invariants: tuple[Invariant, ...] = ()
    requests: tuple[Request, ...] = ()  # with any, the program is a module with an ASGI application, and no script
    limits: Limits = field(default_factory=Limits)
    pictures: bool = True  # with pg_stat_activity; False: only the outcome is wanted, and of a natural run its output
    many: bool = False  # random runs of one program, as many as are asked for: see `Runner.explore`
    follow: int = 0  # step, random: how many steps to follow the schedule before asking, or drawing
    replica: str = ""  # URL of a streaming replica of the lab; needed if there are
    replica_hosts: tuple[str, ...] = ()  # host names that mean it in the program's DSNs; all others mean the lab
