"""The clients of a web application: requests that an incident declares, each let in as a choice of the schedule.

The program is a module with an ASGI application called `app`, as a web server would import it. The server around it is
this one. It speaks ASGI as uvicorn does (start-up and shut-down, one task for each request, a disconnect once the
answer is complete or the client has left), and no HTTP: there are no bytes to get wrong between it and the application.

A request that has not arrived is a choice as soon as the application has started. By default it comes when no reply
waits, before a replica catches up and before any timer: clients come one after the other, unless the schedule lets them
overlap. When every request has been answered the application is shut down, and the run is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from typing import Optional
from urllib.parse import unquote

from interlock.frame import Choice
from interlock.frame import Event
from interlock.job import Request
from interlock.loop import SteppedTask

ASGI = {"version": "3.0", "spec_version": "2.3"}  # as uvicorn says; from 2.4 on a send to nobody would raise
HOST = "app.internal"
SHOWN = 80  # characters of an answer's body, in its event


class Answer:
    """What a request's task returns."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


class Visit:
    """One request and what came of it."""

    def __init__(self, number: int, request: Request, tell: Callable[[Event], None]) -> None:
        self.label = f"r{number}"
        self.request = request
        self.task: Optional[str] = None  # once it has arrived
        self.over = False  # it has its answer, or its client has left
        self.status: Optional[int] = None
        self._number = number
        self._tell = tell
        self._size = 0
        self._left = False
        self._read = False  # the application has taken the request's body
        self._waiting: list[asyncio.Future[None]] = []  # for what the client does next

    @property
    def state(self) -> str:
        """What its client has got, in words."""
        if self.status is None:
            return "no answer"
        names = {one.value: one.phrase for one in HTTPStatus}
        size = "1 byte" if self._size == 1 else f"{self._size:,} bytes"
        return f"{self.status} {names.get(self.status, '')}".rstrip() + f", {size}"

    def scope(self, state: dict[str, Any]) -> dict[str, Any]:
        """What ASGI tells an application of a request."""
        path, _, query = self.request.path.partition("?")
        body = self.request.body.encode()
        headers = {"host": HOST, **({"content-length": str(len(body))} if body else {})}
        headers.update((name.lower(), value) for name, value in self.request.headers.items())
        return {
            "type": "http",
            "asgi": ASGI,
            "http_version": "1.1",
            "method": self.request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            "client": ("192.0.2.1", 40000 + self._number),
            "server": (HOST, 80),
            "state": state.copy(),
        }

    async def receive(self) -> dict[str, Any]:
        """ASGI: what comes from the client. First the body, then nothing until it is gone."""
        if not self._read:
            self._read = True
            return {"type": "http.request", "body": self.request.body.encode(), "more_body": False}
        if not self.over:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            try:
                await waiting
            finally:
                self._waiting.remove(waiting)
        return {"type": "http.disconnect"}

    def waited_for_by(self, leaf: Any) -> bool:
        """Whether whoever waits for this future waits for the client."""
        return any(leaf is one for one in self._waiting)

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI: what goes to the client. To one who has left it goes nowhere."""
        kind = message["type"]
        if self._left:
            return
        if kind == "http.response.start" and self.status is None:
            self.status = message["status"]
            self._tell(Event("response", f"the answer to {self.request.line} begins: {self.status}", self.task))
        elif kind == "http.response.body" and self.status is not None and not self.over:
            body = message.get("body", b"")
            self._size += len(body)
            shown = bytes(body[: SHOWN * 4]).decode(errors="replace")
            part = f": {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'}" if body else ""
            if message.get("more_body"):
                self._tell(Event("response", f"a part of the answer to {self.request.line} was sent{part}", self.task))
            else:
                self._tell(Event("response", f"{self.request.line} was answered, {self.state}{part}", self.task))
                self._end()
        else:
            raise RuntimeError(f"The application sent {kind!r}, which has no place in its answer here.")

    def leave(self) -> None:
        """The client goes away."""
        self._left = True
        self._end()

    def _end(self) -> None:
        self.over = True
        for one in self._waiting:
            if not one.done():
                one.set_result(None)

    def answer(self) -> Answer:
        """What the application's call came to. Raises `RuntimeError` for one that has not answered."""
        if not self.over:
            raise RuntimeError(f"The application returned before its answer was complete: {self.state}.")
        return Answer(f"{self.state}, then the client left" if self._left else self.state)

    def task_done(self, task: asyncio.Task[Answer]) -> None:
        """An application that fails in mid-answer leaves its client with half of it."""
        if not self.over and self.status is not None:
            self._tell(Event("response", f"the answer to {self.request.line} broke off: {self.state}", self.task))
        self.over = True


class Clients:
    """All declared requests, and the server between them and the application."""

    def __init__(self, requests: Sequence[Request], tell: Callable[[Event], None]) -> None:
        self.visits = [Visit(number, request, tell) for number, request in enumerate(requests, 1)]
        self._tell = tell
        self._open = False  # the application has started
        self._asked = False  # it has been asked to start
        self._refused: Optional[str] = None
        self._state: dict[str, Any] = {}  # what its start-up leaves for the requests
        self._unanswered = len(self.visits)
        self._all_answered: Optional[asyncio.Future[None]] = None
        self._served: dict[str, str] = {}  # tasks at work for a request, and its name
        self._app: Any = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    async def server(self, app: Any) -> None:
        """The server's own task: the application's start-up, its requests, its shut-down."""
        self._app, self._loop = app, asyncio.get_running_loop()
        self._all_answered = self._loop.create_future()
        try:
            await app({"type": "lifespan", "asgi": ASGI, "state": self._state}, self._receive, self._send)
        except Exception:
            if self._open or self._refused is not None:
                raise  # else it does not know of start-up, which is its right
        if self._refused is not None:
            raise RuntimeError(f"The application did not start: {self._refused}")
        self._open = True
        await self._all_answered

    async def _receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "lifespan.startup"}
        assert self._all_answered is not None
        self._open = True
        await self._all_answered
        return {"type": "lifespan.shutdown"}

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._open = True
        elif message["type"] == "lifespan.startup.failed":
            self._refused = message.get("message", "")
        elif message["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(f"The application did not shut down: {message.get('message', '')}")

    # What the gate asks ---------------------------------------------------------------------

    def choices(self, default: bool) -> list[Choice]:
        """The requests that may arrive now; `default`: the first of them would."""
        waiting = [visit for visit in self.visits if visit.task is None] if self._open else []
        return [
            Choice(
                visit.label,
                "request",
                f"let the request “{visit.request.name}” arrive: {visit.request.line}",
                default=default and index == 0,
            )
            for index, visit in enumerate(waiting)
        ]

    def faults(self) -> list[Choice]:
        """Clients that may leave before they have their answer."""
        return [
            Choice(
                f"q:{visit.label}",
                "disconnect",
                f"let the client of “{visit.request.name}” leave before it has its answer",
                (visit.task,),
                offered=False,
            )
            for visit in self.visits
            if visit.task is not None and not visit.over
        ]

    def carry_out(self, choice: Choice) -> None:
        """Let a request arrive, or its client leave."""
        assert self._loop is not None
        visit = next(visit for visit in self.visits if visit.label == choice.token.rpartition(":")[2])
        if choice.kind == "request":
            visit.task = ""  # it is on its way
            self._loop.call_soon(self._arrive, visit)
        else:
            self._tell(Event("fault", f"the client of {visit.request.line} left", visit.task))
            self._loop.call_soon(visit.leave)

    def _arrive(self, visit: Visit) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._answer(visit), name=visit.request.name)
        assert isinstance(task, SteppedTask)
        visit.task = task.label
        self._served[task.label] = visit.request.name
        task.add_done_callback(visit.task_done)
        task.add_done_callback(self._answered)
        self._tell(Event("request", f"the request {visit.request.line} arrived", visit.task))

    async def _answer(self, visit: Visit) -> Answer:
        await self._app(visit.scope(self._state), visit.receive, visit.send)
        return visit.answer()

    def _answered(self, task: asyncio.Task[Answer]) -> None:
        if not task.cancelled():
            task.exception()  # a server looks at what its application raised; the run shows it with the task
        self._unanswered -= 1
        if not self._unanswered and self._all_answered is not None and not self._all_answered.done():
            self._all_answered.set_result(None)

    def waits(self, leaf: Any) -> str:
        """What whoever waits for this future waits for, if that is the clients' to do; else ""."""
        if leaf is not None and leaf is self._all_answered:
            return "the next request"
        visit = next((visit for visit in self.visits if visit.waited_for_by(leaf)), None)
        return f"the client of “{visit.request.name}”" if visit is not None else ""

    def served(self, task: str, parent: Optional[str]) -> str:
        """The name of the request that a new task was made for; "" if it was made for none."""
        request = self._served.get(parent or "", "")
        if request:
            self._served[task] = request
        return request
