"""The same mistake with writes: three tasks of one request each record a visit, each commits."""

from __future__ import annotations

import asyncio

from models import Visit
from session import Transactional
from session import begin_request
from session import session


@Transactional()
async def record_visit(name):
    session.add(Visit(visitor=name))


async def main():
    begin_request()
    outcomes = await asyncio.gather(
        asyncio.create_task(record_visit("ann"), name="ann"),
        asyncio.create_task(record_visit("ben"), name="ben"),
        asyncio.create_task(record_visit("cleo"), name="cleo"),
        return_exceptions=True,
    )
    for name, outcome in zip(("ann", "ben", "cleo"), outcomes):
        print(name, "failed, to be tried again" if isinstance(outcome, Exception) else "recorded")


if __name__ == "__main__":
    asyncio.run(main())
