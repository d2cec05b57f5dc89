"""Which connection does each task get from the session they share? Asked twice, with a pause between."""

from __future__ import annotations

import asyncio
import random

from models import User
from session import begin_request
from session import session
from sqlalchemy import select


async def show_connection():
    # session.connection() returns a fresh wrapper each time; what it wraps tells connections apart.
    connection = await session.connection()
    print(asyncio.current_task().get_name(), connection.sync_connection)


async def ask_twice():
    await session.execute(select(User))
    await show_connection()
    await asyncio.sleep(random.uniform(1, 2))
    await session.execute(select(User))
    await show_connection()


async def main():
    begin_request()
    await asyncio.gather(
        asyncio.create_task(ask_twice(), name="first"),
        asyncio.create_task(ask_twice(), name="second"),
        asyncio.create_task(ask_twice(), name="third"),
    )


if __name__ == "__main__":
    asyncio.run(main())
