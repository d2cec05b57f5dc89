"""The plain network: nothing is held, replies and timers come when they come. For comparison, and to measure."""

from __future__ import annotations

import asyncio
import select
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from interlock import probe
from interlock.frame import Event
from interlock.gate import Gate
from interlock.link import Link
from interlock.link import wait_ready


class OpenGate(Gate):
    """A gate that stands open: it watches what passes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began = monotonic()
        self._beat_at = 0.0  # when to give the next sign of life, which costs time

    @property
    def clock(self) -> float:
        return monotonic() - self._began

    def in_thread(
        self, loop: asyncio.AbstractEventLoop, begin: Callable[[], asyncio.Future[Any]]
    ) -> asyncio.Future[Any]:
        self.job_changed(+1)
        future = begin()
        future.add_done_callback(lambda _: self.job_changed(-1))
        return future

    def _at_work(self) -> int:
        """How many wait for a thread. The loop is not told of AnyIO's: FastAPI runs in them what is not `async def`."""
        if threading.active_count() == 1:
            return self._jobs
        tasks = (record.waiting for record in self.tasks.values())
        chains = (probe.suspended(task).frames for task in tasks if task is not None)
        names = [frames[-1].f_code.co_name for frames in chains if frames]
        return self._jobs + names.count("run_sync_in_worker_thread")

    def _wait(self, poll: Callable[[float], list[Any]]) -> list[Any]:
        """Everything as it comes: send at once, sleep until the first reply or timer, deliver all there is."""
        for link in self._traffic.unsent():
            if link.outbox and self._traffic.let_out(link):
                return []
            if link.inbox and not link.waiting:
                self._traffic.arrived(link)
            if link.is_closing():
                link.finish()
        self._player.decide([])  # takes the picture; there is nothing to decide
        arriving = self.clients.choices(default=True)
        for choice in arriving:
            self.clients.carry_out(choice)
        if arriving:
            return []
        timers = self.pending_timers()
        deadline = timers[0].when if timers else None
        at_work = self._at_work()
        while True:
            held = [link for link in self.links if link.heard]
            for link in held:
                text = f"the reply to {link.request.command} on {link.label} came"
                self._tell(Event("reply", text, link.sent_by, link.label))
                assert self._loop is not None
                self._loop.call_soon(link.deliver)
            if held or (deadline is not None and deadline <= self.clock):
                return []
            events = poll(0)
            if events:
                return events
            if deadline is None and not at_work and not any(link.waiting for link in self.links):
                events = self._hear_processes(poll) if self.processes else []
                if events:
                    return events
                self._player.over("stuck", "Nothing can move any more: no reply is on its way and no timer is set.")
            wait = 0.2 if deadline is None else min(0.2, max(0.0, deadline - self.clock))
            for link in _heard(self.links, 0.01 if at_work else wait):
                link.exchange(0)
                if not link.waiting:
                    self._traffic.arrived(link)
            if monotonic() > self._beat_at:
                self._beat("the network is quiet")
                self._beat_at = monotonic() + 1.0


def _heard(all_links: list[Link], timeout: float) -> list[Link]:
    found = wait_ready(all_links, timeout)
    if not found and not any(link.sock is not None and not link.eof for link in all_links):
        select.select([], [], [], timeout)
    return found
