"""Which connection does each task get from the session they share? Asked twice, with a pause between."""

from __future__ import annotations

import asyncio
import random

from models import User
from session import begin_request
from session import session
from sqlalchemy import select


async def show_connection():
    name = asyncio.current_task().get_name()
    await session.execute(select(User))
    print(name, await session.connection())
    await asyncio.sleep(random.uniform(1, 2))
    await session.execute(select(User))
    print(name, await session.connection())


async def main():
    begin_request()
    await asyncio.gather(
        asyncio.create_task(show_connection(), name="first"),
        asyncio.create_task(show_connection(), name="second"),
        asyncio.create_task(show_connection(), name="third"),
    )


if __name__ == "__main__":
    asyncio.run(main())
