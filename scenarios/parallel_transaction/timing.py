"""How long an order takes in each way, with queries of 0, 5 and 20 ms. Only a natural run has real times to tell."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time

import commit_barrier
import one_connection
import one_snapshot
import one_statement
import session_per_task
import two_phase
import two_phase_one_snapshot
from shop import new_session
from sqlalchemy import text

WAYS = (
    one_connection,
    one_statement,
    session_per_task,
    commit_barrier,
    one_snapshot,
    two_phase,
    two_phase_one_snapshot,
)
PACES = (0, 5, 20)  # milliseconds that a query takes
TRIES = 11  # the ways take turns; the median counts

orders = itertools.count(1)


async def set_pace(milliseconds):
    async with new_session() as session:
        await session.execute(text("update pace set seconds = :seconds"), {"seconds": milliseconds / 1000})
        await session.commit()


async def seconds_of(way):
    began = time.perf_counter()
    await way.place_order(next(orders))
    return time.perf_counter() - began


async def main():
    for way in WAYS:
        await way.place_order(next(orders))  # opens the connections
    for pace in PACES:
        await set_pace(pace)
        taken = {way: [] for way in WAYS}
        for _ in range(TRIES):
            for way in WAYS:
                taken[way].append(await seconds_of(way))
        for way, seconds in taken.items():
            median = statistics.median(seconds) * 1000
            print(f"{way.__name__}: {median:.1f} ms with queries of {pace} ms, median of {TRIES}")


if __name__ == "__main__":
    asyncio.run(main())
